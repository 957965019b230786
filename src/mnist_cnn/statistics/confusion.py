"""Wrong predictions: which classes a network confuses, and the images that every network gets wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.mnist import CLASSES, NOT_CLASSIFIED


def confusion(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: Sequence[str]
) -> pd.DataFrame:
    """Counts the predictions of a network by true and predicted class.

    Args:
        labels: The true class of each of the n images, shape (n,).
        predicted: The class predicted by the network with each seed, shape (seeds, n), or `NOT_CLASSIFIED`.
        classes: Names of the ten classes.

    Returns:
        One row per pair of classes, 100 in all, in their order: actual, predicted (names), images.
    """
    classified = predicted != NOT_CLASSIFIED
    actual = np.broadcast_to(labels, predicted.shape)[classified].astype(np.int64)
    counts = np.bincount(CLASSES * actual + predicted[classified], minlength=CLASSES**2)
    names = {"actual": np.repeat(classes, CLASSES), "predicted": np.tile(classes, CLASSES)}
    return pd.DataFrame({**names, "images": counts})


def missed_by_all(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> pd.DataFrame:
    """Lists the images that every network gets wrong, each classified by runs that did not train on it.

    Args:
        labels: The true class of each of the n images, shape (n,).
        predicted: The class predicted by each classifier (a network with one seed), shape (classifiers, n),
            or `NOT_CLASSIFIED`.
        probabilities: The probability of the predicted class, same shape.

    Returns:
        One row per image: image (its index), actual, predicted (the commonest prediction; the lower one of
        ties), classifiers (how many classified it), and share of them with that prediction. The rows are
        sorted by the mean probability of that prediction over the classifiers, the highest first.
    """
    classified = predicted != NOT_CLASSIFIED
    missed = np.flatnonzero(((predicted != labels) | ~classified).all(axis=0) & classified.any(axis=0))
    predictions, classifiers = predicted[:, missed], classified[:, missed].sum(axis=0)
    votes = np.stack([(predictions == label).sum(axis=0) for label in range(CLASSES)])
    commonest = votes.argmax(axis=0)
    sums = np.where(predictions == commonest, probabilities[:, missed], 0).sum(axis=0)
    table = pd.DataFrame(
        {
            "image": missed,
            "actual": labels[missed],
            "predicted": commonest,
            "classifiers": classifiers,
            "share": votes.max(axis=0) / classifiers,
        }
    )
    return table.iloc[np.lexsort((missed, -sums / classifiers))].reset_index(drop=True)
