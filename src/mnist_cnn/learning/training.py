"""One training run: one network, one seed, one fold, one thread."""

import math
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
import torch._dynamo  # Adam imports it at its first step, for torch.compile: here each machine does it once
from torch import Tensor, nn

from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import TrainingSet
from mnist_cnn.core.params import Recipe, Train, training_steps
from mnist_cnn.learning.network import build_network, loss_and_correct, predict_logits, to_inputs
from mnist_cnn.learning.numerics import use_one_thread
from mnist_cnn.learning.results import CurvePoint, ReportProgress, TrainedRun, Weights


def random_stream(seed: int, purpose: str, fold: int) -> torch.Generator:
    """Returns a generator of its own for each purpose and fold."""
    words = np.random.SeedSequence([seed, fold, *purpose.encode()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]))


def _batches(indices: Tensor, batch_size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields `steps` batches of indices, shuffled anew in each epoch; a short rest of an epoch is dropped."""
    left = indices[:0]
    for _ in range(steps):
        if len(left) < batch_size:
            left = torch.cat([left, indices[torch.randperm(len(indices), generator=generator)]])
        yield left[:batch_size]
        left = left[batch_size:]


class Trainer:
    """A network with its loss, optimiser and learning rate schedule.

    Adam with a one-cycle learning rate (Smith & Topin 2018, arXiv 1708.07120) that ends with the last step.
    """

    def __init__(self, network: Network, recipe: Recipe, steps: int, generator: torch.Generator) -> None:
        self.model, self.steps = build_network(network, generator), steps
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, total_steps=steps, pct_start=recipe.warmup
        )

    def step(self, inputs: Tensor, labels: Tensor) -> tuple[float, int]:
        """Takes one optimiser step; returns the batch's mean loss and number of correct images before it."""
        logits = self.model(inputs)
        loss = self.criterion(logits, labels)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.schedule.step()
        return loss.item(), int((logits.argmax(1) == labels).sum())

    def weights(self) -> Weights:
        """Returns the trained tensors."""
        return {name: tensor.contiguous().numpy() for name, tensor in self.model.state_dict().items()}


def _steps(
    trainer: Trainer,
    batches: Iterator[Tensor],
    data: TrainingSet,
    run: str,
    report_progress: ReportProgress,
) -> Iterator[tuple[float, int]]:
    """Takes a step with each batch of indices; yields what `Trainer.step` returns.

    Raises:
        UserError: The loss is no longer a finite number.
    """
    images, labels = torch.tensor(data.images.pixels), torch.tensor(data.images.labels).long()
    for done, batch in enumerate(batches, 1):
        inputs = to_inputs(images.index_select(0, batch), data.normalisation)
        loss, correct = trainer.step(inputs, labels[batch])
        if not math.isfinite(loss):
            rate = trainer.optimizer.defaults["lr"]
            raise UserError(
                f"{run}: the loss is {loss} after {done} of {trainer.steps} steps: "
                f"try a train.learning_rate below {rate:g}"
            )
        report_progress(done / trainer.steps)
        yield loss, correct


def _start(
    network: Network,
    seed: int,
    fold: int,
    recipe: Recipe,
    data: TrainingSet,
    report_progress: ReportProgress,
) -> tuple[Trainer, Iterator[tuple[float, int]]]:
    """Returns a new trainer, and its steps with all images that are not in `fold`."""
    use_one_thread()
    training = torch.from_numpy(data.outside(fold))
    steps = training_steps(recipe, len(training))
    trainer = Trainer(network, recipe, steps, random_stream(seed, "weights", fold))
    batches = _batches(training, recipe.batch_size, steps, random_stream(seed, "batches", fold))
    run = f"{network.name}, seed {seed}, fold {fold}"
    return trainer, _steps(trainer, batches, data, run, report_progress)


def train_on_all_images(
    network: Network, seed: int, recipe: Recipe, data: TrainingSet, report_progress: ReportProgress
) -> Weights:
    """Trains a network on all training images, to be used and not to be compared; else as `train_run`."""
    no_fold = int(data.folds.max()) + 1
    trainer, steps = _start(network, seed, no_fold, recipe, data, report_progress)
    for _ in steps:
        pass
    return trainer.weights()


def train_run(
    network: Network,
    seed: int,
    fold: int,
    train: Train,
    data: TrainingSet,
    report_progress: ReportProgress,
) -> TrainedRun:
    """Trains a network on all folds but one, on which it is validated.

    The same `seed` and `fold` give the same random streams of weights and batches, whatever the network.

    Args:
        network: Its layers.
        seed: One of `train.seeds`.
        fold: The fold that is left out.
        train: Section `train` of params.yaml.
        data: All training images.
        report_progress: Takes the fraction of the run that is done, 0 to 1.

    Raises:
        UserError: The loss is no longer a finite number.
    """
    trainer, steps = _start(network, seed, fold, train, data, report_progress)
    watched = data.inside(fold)[: train.curve_images]
    images, labels = (torch.from_numpy(part[watched]) for part in (data.images.pixels, data.images.labels))
    curve: list[CurvePoint] = []
    training_seconds, validation_seconds, done = 0.0, 0.0, 0
    for point in range(1, train.curve_points + 1):
        start, before = time.thread_time(), done
        done = trainer.steps * point // train.curve_points
        losses, correct = zip(*islice(steps, done - before), strict=True)
        trained = time.thread_time()
        training_seconds += trained - start
        logits = predict_logits(trainer.model, images, data.normalisation)
        validation_loss, validation_correct = loss_and_correct(logits, labels.long())
        validation_seconds += time.thread_time() - trained
        curve.append(
            CurvePoint(
                epoch=done * train.batch_size / int((data.folds != fold).sum()),
                train_loss=math.fsum(losses) / len(losses),
                train_accuracy=sum(correct) / (len(losses) * train.batch_size),
                validation_loss=validation_loss,
                validation_accuracy=validation_correct / len(watched),
            )
        )
    return TrainedRun(seed, fold, trainer.weights(), curve, training_seconds, validation_seconds)
