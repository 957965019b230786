"""The results of every run of the grid, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.choices.network import Network
from mnist_cnn.statistics.blocks import FloatArray
from mnist_cnn.statistics.observations import accuracies, seconds


@dataclass(frozen=True)
class Study:
    """What was measured; arrays have the shape (networks, folds).

    Attributes:
        networks: The grid, in the order of params.yaml.
        folds: The folds that were run.
        validation_images: Images that a run is validated on.
        training_images: Images that a run is trained on.
        parameters: Trained weights and biases of each network.
        multiply_accumulates: Of one image's forward pass, for each network.
        training_seconds: CPU seconds of the training steps.
        validation_accuracy: Fraction of the fold's images that are recognised.
        validation_errors: Number of the fold's images that are not recognised.
        validation_loss: Mean cross-entropy on the fold, nats.
        train_accuracy: Fraction of another fold's images, which the run did train on.
        train_loss: Mean cross-entropy on those, nats.
        test_accuracy: Fraction of the official test images.
        test_loss: Mean cross-entropy on the official test images, nats.
        calibration_error: Expected calibration error on the fold.
    """

    networks: tuple[Network, ...]
    folds: tuple[int, ...]
    validation_images: int
    training_images: int
    parameters: tuple[int, ...]
    multiply_accumulates: tuple[int, ...]
    training_seconds: FloatArray
    validation_accuracy: FloatArray
    validation_errors: NDArray[np.int64]
    validation_loss: FloatArray
    train_accuracy: FloatArray
    train_loss: FloatArray
    test_accuracy: FloatArray
    test_loss: FloatArray
    calibration_error: FloatArray

    @property
    def gap(self) -> FloatArray:
        """Training minus validation accuracy: what does not carry over to new images."""
        return self.train_accuracy - self.validation_accuracy


def collect_study(
    networks: Sequence[Network],
    folds: Sequence[int],
    validation_images: int,
    training_images: int,
    costs: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Mapping[str, Any]],
) -> Study:
    """Puts the results of all runs in order.

    Args:
        networks: The grid of params.yaml; others' results are ignored.
        folds: The folds of params.yaml; others' results are ignored.
        validation_images: Images that a run is validated on.
        training_images: Images that a run is trained on.
        costs: What `train` wrote into cost.json, by network name.
        metrics: What `evaluate` wrote into metrics.json, by network name.

    Raises:
        StudyError: A run is missing, or collapsed to chance.
    """
    names = [network.name for network in networks]
    quality = {(name, run["fold"]): run for name in metrics for run in metrics[name]["folds"]}
    cost = {(name, run["fold"]): run for name in costs for run in costs[name]["runs"]}
    accuracy = accuracies({cell: run["validation_accuracy"] for cell, run in quality.items()}, names, folds)
    times = seconds({cell: run["training_seconds"] for cell, run in cost.items()}, names, folds)

    def figure(key: str) -> FloatArray:
        return np.array([[quality[name, fold][key] for fold in folds] for name in names], dtype=np.float64)

    return Study(
        networks=tuple(networks),
        folds=tuple(folds),
        validation_images=validation_images,
        training_images=training_images,
        parameters=tuple(costs[name]["parameters"] for name in names),
        multiply_accumulates=tuple(costs[name]["multiply_accumulates"] for name in names),
        training_seconds=times,
        validation_accuracy=accuracy,
        validation_errors=figure("validation_errors").astype(np.int64),
        validation_loss=figure("validation_loss"),
        train_accuracy=figure("train_accuracy"),
        train_loss=figure("train_loss"),
        test_accuracy=figure("test_accuracy"),
        test_loss=figure("test_loss"),
        calibration_error=figure("calibration_error"),
    )
