"""What a training run returns, without PyTorch: the process that collects the results does not need it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]  # by the names of PyTorch's state_dict
ReportProgress = Callable[[float], None]  # takes the fraction of a run that is done, 0 to 1


class CurvePoint(NamedTuple):
    """A point of a learning curve; losses are mean cross-entropies in nats, accuracies fractions.

    Training values are running means since the previous point, over batches before their optimiser step;
    validation values are those of the network at this point.
    """

    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedRun:
    """A network trained with one seed on all folds but one.

    Attributes:
        seed: The seed.
        fold: The fold that was left out.
        weights: The trained tensors, float32.
        curve: The learning curve.
        training_seconds: CPU seconds of training.
        validation_seconds: CPU seconds of the validation values of the curve.
    """

    seed: int
    fold: int
    weights: Weights
    curve: list[CurvePoint]
    training_seconds: float
    validation_seconds: float
