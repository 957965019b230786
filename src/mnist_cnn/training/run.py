"""One training run: one network, one fold, one thread or one accelerator."""

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Train
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.training.device import pick_device, use_one_thread
from mnist_cnn.training.model import build_model, network_size, to_inputs
from mnist_cnn.training.records import CurvePoint, DivergedError, FinishedRun, RunCost

INFERENCE_BATCH = 125  # images; larger ones leave the cache and are slower


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


def loss_and_accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Returns the mean cross-entropy in nats and the share of images whose largest logit is the label's."""
    loss = nn.functional.cross_entropy(logits, labels)
    return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def _batches(indices: Tensor, batch_size: int, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields `steps` batches of indices: epoch after epoch, each in a new order, none split at its end."""
    left = indices[:0]
    for _ in range(steps):
        if len(left) < batch_size:
            left = torch.cat([left, indices[torch.randperm(len(indices), generator=generator)]])
        yield left[:batch_size]
        left = left[batch_size:]


def _peak_memory() -> int:
    """Returns the largest memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    inputs: Tensor,
    labels: Tensor,
    precision: str,
) -> tuple[float, int]:
    """Learns from one batch; returns its mean loss and how many images of it were right."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(inputs)
    loss = nn.functional.cross_entropy(logits.float(), labels)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    schedule.step()
    return loss.item(), int((logits.argmax(1) == labels).sum())


def train_run(
    network: Network, fold: int, train: Train, data: TrainingSet, report: Callable[[float], None]
) -> FinishedRun:
    """Trains a network on all folds but one, which it is validated on.

    Adam with a one-cycle learning rate (Smith & Topin 2018, arXiv 1708.07120) that has ended when the last
    point of the curve is taken. The same `fold` means the same streams of initial weights and of batches,
    whichever the network.

    Args:
        network: What to train.
        fold: The fold that is kept out.
        train: Section `train` of params.yaml.
        data: All training images.
        report: Is told the share of the run that is done, 0 to 1.

    Raises:
        DivergedError: The loss is no longer a finite number.
    """
    use_one_thread()
    device = pick_device(train.device)
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    images = torch.from_numpy(data.images.pixels).to(device)
    labels = torch.from_numpy(data.images.labels).long().to(device)
    training = torch.from_numpy(data.outside(fold))
    seen = torch.from_numpy(data.inside(fold)[: train.curve_images]).to(device)

    model = build_model(network, random_stream(train.seed, "weights", fold)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=train.learning_rate, fused=True)
    steps = max(train.curve_points, round(train.epochs * len(training) / train.batch_size))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, train.learning_rate, total_steps=steps, pct_start=train.warmup
    )
    batches = _batches(training, train.batch_size, steps, random_stream(train.seed, "batches", fold))
    curve: list[CurvePoint] = []
    seconds, validating, done, epoch = 0.0, 0.0, 0, 0.0
    for point in range(1, train.curve_points + 1):
        losses, hits, start = [], 0, clock()
        for batch in islice(batches, steps * point // train.curve_points - done):
            places = batch.to(device)
            inputs = to_inputs(images.index_select(0, places), data.mean, data.std)
            loss, right = _step(model, optimizer, schedule, inputs, labels[places], train.precision)
            losses.append(loss)
            hits += right
            done += 1
            epoch = done * train.batch_size / len(training)
            if not math.isfinite(loss):
                raise DivergedError(_advice(network, fold, epoch, loss, train))
            report(done / steps)
        trained = clock()
        seconds += trained - start
        figures = loss_and_accuracy(predict(model, images[seen], data.mean, data.std), labels[seen])
        validating += clock() - trained
        train_figures = sum(losses) / len(losses), hits / (len(losses) * train.batch_size)
        curve.append(CurvePoint(fold, epoch, *train_figures, *figures))
    weights = {name: tensor.cpu().contiguous().numpy() for name, tensor in model.state_dict().items()}
    cost = RunCost(fold, seconds, validating, steps * train.batch_size / seconds, _peak_memory())
    return FinishedRun(fold, network_size(network), weights, curve, cost)


def _advice(network: Network, fold: int, epoch: float, loss: float, train: Train) -> str:
    return (
        f"{network.name}: the loss of fold {fold} is {loss} at epoch {epoch:.2f}: "
        f"try a train.learning_rate below {train.learning_rate:g}"
    )
