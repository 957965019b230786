"""What a training run and an evaluation hand over: plain records, which need no PyTorch to be read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.command import UserError

Weights = dict[str, NDArray[np.float32]]  # by the names of PyTorch's state_dict


class DivergedError(UserError):
    """A loss that is not a finite number."""


@dataclass(frozen=True)
class NetworkSize:
    """A network's trained weights and biases, and the multiply-accumulates of one image's forward pass."""

    parameters: int
    multiply_accumulates: int


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve; losses are mean cross-entropies in nats, accuracies fractions.

    The training figures are means over the images since the point before, in the course of training; the
    validation figures are those of the network as it is at this point.
    """

    fold: int
    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class RunCost:
    """What a run took; every value is measured. Seconds are CPU seconds, on an accelerator wall seconds."""

    fold: int
    training_seconds: float  # of the training steps, without the validation
    validation_seconds: float  # of the passes behind the learning curve
    images_per_second: float
    peak_memory_bytes: int  # of the process


@dataclass(frozen=True)
class FinishedRun:
    """The outcome of one run."""

    fold: int
    size: NetworkSize
    weights: Weights
    curve: list[CurvePoint]
    cost: RunCost


@dataclass(frozen=True)
class Predictions:
    """What a network says of some images.

    Attributes:
        labels: The most probable digit of each image, uint8, shape (n,).
        probabilities: Its softmax probability, float32, shape (n,).
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class FoldQuality:
    """Losses are mean cross-entropies in nats; accuracies and errors are fractions.

    The train figures are those of the images of the next fold, which this run did train on: so, over all
    folds, the same images are seen once as training and once as validation images.
    """

    fold: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_errors: int
    test_loss: float
    test_accuracy: float
    calibration_error: float
    digit_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class InferenceTime:
    """CPU seconds of one thread, each the median of several tries."""

    single_image_seconds: float
    batch_seconds: float
    batch_images: int


@dataclass(frozen=True)
class FoldEvaluation:
    """Everything that is known of the network that one run trained."""

    quality: FoldQuality
    validation: Predictions
    test: Predictions
    inference: InferenceTime
    seconds: float  # CPU seconds of this evaluation
