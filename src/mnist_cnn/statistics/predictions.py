"""Predictions for the training images, each made by a run that did not train on the image."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.files import read_tensors, reading
from mnist_cnn.core.mnist import CLASSES, NOT_CLASSIFIED, TRAIN_IMAGES
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION
from mnist_cnn.statistics.runs import network_columns


def load_predictions(params: Params) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Reads the predictions of all networks.

    Returns:
        Predicted labels and their probabilities, both of shape (networks, seeds, 60000); `NOT_CLASSIFIED` and
        0 for images whose fold was not run.
    """
    shape = len(params.train.seeds), TRAIN_IMAGES
    specs = {"validation_labels": ("uint8", *shape), "validation_probabilities": ("float32", *shape)}
    labels, probabilities = [], []
    for network in params.networks():
        path = EVALUATION / network.path / "predictions.safetensors"
        tensors = read_tensors(path, specs)
        with reading(path):
            if not np.isin(tensors["validation_labels"], (*range(CLASSES), NOT_CLASSIFIED)).all():
                raise ValueError("a predicted label is not a class")
        labels.append(tensors["validation_labels"])
        probabilities.append(tensors["validation_probabilities"])
    return np.stack(labels), np.stack(probabilities)


def tabulate_predictions(
    params: Params, true_labels: NDArray[np.uint8], folds: NDArray[np.uint8]
) -> pd.DataFrame:
    """Returns one row per prediction of a network, trained with one seed, for one training image.

    Args:
        params: The grid and the seeds.
        true_labels: The class of each training image, shape (60000,).
        folds: The fold of each training image, shape (60000,).

    Returns:
        Columns: those of `network_columns`; seed, fold; image (its index), actual and predicted (class
        numbers), probability of the predicted class, and correct.
    """
    labels, probabilities = load_predictions(params)
    network, seed, image = np.nonzero(labels != NOT_CLASSIFIED)
    networks = pd.DataFrame([network_columns(network) for network in params.networks()])
    predictions = pd.DataFrame(
        {
            "seed": np.array(params.train.seeds)[seed],
            "fold": folds[image],
            "image": image,
            "actual": true_labels[image],
            "predicted": labels[network, seed, image],
            "probability": probabilities[network, seed, image],
        }
    )
    table = pd.concat([networks.iloc[network].reset_index(drop=True), predictions], axis="columns")
    return table.assign(correct=table["predicted"] == table["actual"])
