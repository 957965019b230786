"""One training run: one network, one seed, one fold, one thread."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_cnn.command import UserError
from mnist_cnn.data import TrainingSet
from mnist_cnn.grid import Network
from mnist_cnn.network import build_network, to_inputs
from mnist_cnn.numerics import use_one_thread
from mnist_cnn.params import Train, training_steps

INFERENCE_BATCH = 125  # images; larger ones leave the cache and are slower

Weights = dict[str, NDArray[np.float32]]  # by the names of PyTorch's state_dict


class DivergedError(UserError):
    """A loss that is not a finite number."""


class CurvePoint(NamedTuple):
    """One point of a learning curve; losses are mean cross-entropies in nats, accuracies fractions.

    The training figures are means over the images since the point before, in the course of training; the
    validation figures are those of the network as it is at this point.
    """

    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class FinishedRun:
    """What a run leaves: weights, a learning curve, and the measured CPU seconds of its two parts."""

    seed: int
    fold: int
    weights: Weights
    curve: list[CurvePoint]
    training_seconds: float
    validation_seconds: float


def random_stream(seed: int, purpose: str, fold: int) -> torch.Generator:
    """Returns a generator of its own for each purpose and fold."""
    words = np.random.SeedSequence([seed, fold, *purpose.encode()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]))


def predict(model: nn.Module, images: Tensor, mean: float, std: float) -> Tensor:
    """Returns the logits, shape (n, 10), of uint8 images, shape (n, 28, 28)."""
    with torch.inference_mode():
        return torch.cat(
            [model(to_inputs(batch, mean, std)) for batch in torch.split(images, INFERENCE_BATCH)]
        )


def loss_and_hits(logits: Tensor, labels: Tensor) -> tuple[float, int]:
    """Returns the mean cross-entropy in nats, and of how many images the largest logit is the label's."""
    loss = nn.functional.cross_entropy(logits, labels)
    return loss.item(), int((logits.argmax(1) == labels).sum())


def _batches(indices: Tensor, batch_size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields `steps` batches of indices: epoch after epoch, each in a new order, none split at its end."""
    left = indices[:0]
    for _ in range(steps):
        if len(left) < batch_size:
            left = torch.cat([left, indices[torch.randperm(len(indices), generator=generator)]])
        yield left[:batch_size]
        left = left[batch_size:]


class Learner:
    """A network with its optimiser, which learns from one batch after the other.

    Adam with a one-cycle learning rate (Smith & Topin 2018, arXiv 1708.07120) that ends with the last step.
    """

    def __init__(self, network: Network, train: Train, steps: int, generator: torch.Generator) -> None:
        self.model, self.steps = build_network(network, generator), steps
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=train.learning_rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, train.learning_rate, total_steps=steps, pct_start=train.warmup
        )

    def learn(self, inputs: Tensor, labels: Tensor) -> tuple[float, int]:
        """Takes one step; returns the batch's mean loss before it, and how many images were right."""
        logits = self.model(inputs)
        loss = self.criterion(logits, labels)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.schedule.step()
        return loss.item(), int((logits.argmax(1) == labels).sum())

    def weights(self) -> Weights:
        """Returns what it has learned."""
        return {name: tensor.contiguous().numpy() for name, tensor in self.model.state_dict().items()}


def _lessons(
    learner: Learner,
    batches: Iterator[Tensor],
    data: TrainingSet,
    what: str,
    report: Callable[[float], None],
) -> Iterator[tuple[float, int]]:
    """Takes a step with each batch of indices; yields what `Learner.learn` returns.

    Raises:
        DivergedError: The loss is no longer a finite number.
    """
    images, labels = torch.tensor(data.images.pixels), torch.tensor(data.images.labels).long()
    for done, batch in enumerate(batches, 1):
        inputs = to_inputs(images.index_select(0, batch), data.mean, data.std)
        loss, right = learner.learn(inputs, labels[batch])
        if not math.isfinite(loss):
            rate = learner.optimizer.defaults["lr"]
            raise DivergedError(
                f"{what}: the loss is {loss} after {done} of {learner.steps} steps: "
                f"try a train.learning_rate below {rate:g}"
            )
        report(done / learner.steps)
        yield loss, right


def _course(
    network: Network,
    seed: int,
    fold: int,
    train: Train,
    data: TrainingSet,
    report: Callable[[float], None],
) -> tuple[Learner, Iterator[tuple[float, int]]]:
    """Returns a new learner, and its lessons with all images that are not in `fold`."""
    use_one_thread()
    training = torch.from_numpy(data.outside(fold))
    steps = training_steps(train, len(training))
    learner = Learner(network, train, steps, random_stream(seed, "weights", fold))
    batches = _batches(training, train.batch_size, steps, random_stream(seed, "batches", fold))
    return learner, _lessons(learner, batches, data, f"{network.name}, seed {seed}, fold {fold}", report)


def train_all(
    network: Network, seed: int, train: Train, data: TrainingSet, report: Callable[[float], None]
) -> Weights:
    """Trains a network on all images, to be used and not to be compared; else as `train_run`."""
    learner, lessons = _course(network, seed, int(data.folds.max()) + 1, train, data, report)
    for _ in lessons:
        pass
    return learner.weights()


def train_run(
    network: Network, seed: int, fold: int, train: Train, data: TrainingSet, report: Callable[[float], None]
) -> FinishedRun:
    """Trains a network on all folds but one, which it is validated on.

    The same `seed` and `fold` mean the same streams of initial weights and of batches, whichever the network.

    Args:
        network: What to train.
        seed: One of `train.seeds`.
        fold: The fold that is kept out.
        train: Section `train` of params.yaml.
        data: All training images.
        report: Is told the share of the run that is done, 0 to 1.

    Raises:
        DivergedError: The loss is no longer a finite number.
    """
    learner, lessons = _course(network, seed, fold, train, data, report)
    watched = data.inside(fold)[: train.curve_images]
    images, labels = (torch.from_numpy(part[watched]) for part in (data.images.pixels, data.images.labels))
    curve: list[CurvePoint] = []
    seconds, validating, done = 0.0, 0.0, 0
    for point in range(1, train.curve_points + 1):
        start, before = time.thread_time(), done
        done = learner.steps * point // train.curve_points
        losses, hits = zip(*islice(lessons, done - before), strict=True)
        trained = time.thread_time()
        seconds += trained - start
        logits = predict(learner.model, images, data.mean, data.std)
        validation_loss, right = loss_and_hits(logits, labels.long())
        validating += time.thread_time() - trained
        curve.append(
            CurvePoint(
                done * train.batch_size / int((data.folds != fold).sum()),
                math.fsum(losses) / len(losses),
                sum(hits) / (len(losses) * train.batch_size),
                validation_loss,
                right / len(watched),
            )
        )
    return FinishedRun(seed, fold, learner.weights(), curve, seconds, validating)
