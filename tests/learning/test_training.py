"""A training run: it learns, it is plain PyTorch, and it stops when the loss is no number."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mnist_cnn.core.grid import Network
from mnist_cnn.learning.network import build_network
from mnist_cnn.core.params import Params, Train
from mnist_cnn.learning.training import (
    DivergedError,
    FinishedRun,
    Learner,
    _batches,
    loss_and_hits,
    random_stream,
    train_run,
)
from tests.support.digits import make_training_set, small

NETWORK = Network("conv1_linear2", "small", 3, (8,), (16,))
DATA = make_training_set()


@pytest.fixture(scope="module")
def train(params: Params) -> Train:
    return small(params)


@pytest.fixture(scope="module")
def finished(train: Train) -> FinishedRun:
    return train_run(NETWORK, 0, 1, train, DATA, lambda _: None)


def test_network_learns(finished: FinishedRun) -> None:
    assert finished.curve[-1].validation_accuracy > 0.95
    assert finished.curve[-1].train_loss < finished.curve[0].train_loss


def test_curve_covers_the_run(finished: FinishedRun, train: Train) -> None:
    epochs = [point.epoch for point in finished.curve]
    assert len(epochs) == train.curve_points
    assert epochs == sorted(epochs)
    assert epochs[-1] == pytest.approx(3, abs=16 / 400)
    assert finished.training_seconds > finished.validation_seconds > 0


def plain_network(network: Network) -> nn.Sequential:
    """Writes the network as a newcomer would: convolution, ReLU, pooling, nn.Flatten."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *network.conv_channels)):
        layers += [
            nn.Conv2d(inputs, outputs, network.kernel_size, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    layers.append(nn.Flatten())
    for inputs, outputs in pairwise(network.linear_widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def copy_weights(ours: nn.Sequential, plain: nn.Sequential) -> None:
    """Gives the plain network the weights of ours, whose features come in another order."""
    convs, linears = ([one for one in ours if isinstance(one, kind)] for kind in (nn.Conv2d, nn.Linear))
    layers = [one for one in plain if isinstance(one, nn.Conv2d | nn.Linear)]
    for layer, source in zip(layers, convs + linears, strict=True):
        weight = source.weight.data
        if source is linears[0]:
            channels = convs[-1].out_channels
            weight = weight.unflatten(1, (-1, channels)).transpose(1, 2).flatten(1)
        layer.weight.data.copy_(weight)
        layer.bias.data.copy_(source.bias.data) if source.bias is not None else layer.bias.data.zero_()


@pytest.mark.parametrize("channels", [(8,), (8, 8, 16)], ids=str)
def test_learner_is_the_plain_loop(train: Train, channels: tuple[int, ...]) -> None:
    network = Network("a", "b", 5, channels, (16,))
    steps, images = 12, torch.randn(12, 16, 1, 28, 28, generator=random_stream(0, "images", 0))
    labels = torch.arange(12 * 16).view(12, 16) % 10
    ours, plain = Learner(network, train, steps, random_stream(0, "weights", 0)), plain_network(network)
    copy_weights(ours.model, plain)
    optimizer = torch.optim.Adam(plain.parameters(), lr=train.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, train.learning_rate, total_steps=steps, pct_start=train.warmup
    )
    for inputs, targets in zip(images, labels, strict=True):
        logits = plain(inputs)
        loss = nn.functional.cross_entropy(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        expected = loss.item(), int((logits.argmax(1) == targets).sum())
        assert ours.learn(inputs, targets) == pytest.approx(expected, rel=2e-3)
    torch.testing.assert_close(ours.model(images[0]), plain(images[0]), rtol=1e-2, atol=1e-2)


def test_seed_and_fold_matter_and_the_network_does_not(train: Train) -> None:
    short = train.model_copy(update={"epochs": 1.0})
    runs = [train_run(NETWORK, *cell, short, DATA, lambda _: None) for cell in ((0, 0), (0, 1), (1, 0))]
    assert len({run.weights["0.weight"].tobytes() for run in runs}) == 3
    wider = replace(NETWORK, hidden_units=(32,))
    starts = [build_network(one, random_stream(0, "weights", 0))[0].weight for one in (NETWORK, wider)]
    assert torch.equal(*starts)


def test_validation_images_are_not_trained_on(train: Train, finished: FinishedRun) -> None:
    """Other validation labels: the same weights."""
    labels = DATA.images.labels.copy()
    labels[DATA.inside(1)] = 0
    poisoned = replace(DATA, images=replace(DATA.images, labels=labels))
    run = train_run(NETWORK, 0, 1, train, poisoned, lambda _: None)
    assert (run.weights["0.weight"] == finished.weights["0.weight"]).all()
    assert run.curve[-1].validation_accuracy < 0.3


def test_progress_is_told(train: Train) -> None:
    told: list[float] = []
    train_run(NETWORK, 0, 0, train.model_copy(update={"epochs": 0.5}), DATA, told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_diverged_run_is_named(train: Train) -> None:
    data = replace(DATA, std=0.0)  # inputs are not finite, so neither is the loss
    line = r"^conv1_linear2-small, seed 3, fold 2: the loss is nan after 1 of 75 steps: try a train\."
    with pytest.raises(DivergedError, match=line):
        train_run(NETWORK, 3, 2, train, data, lambda _: None)


def test_batches_hold_every_image_once_an_epoch() -> None:
    batches = list(_batches(torch.arange(10, 20), 4, 5, random_stream(0, "batches", 0)))
    seen = torch.cat(batches)
    assert [len(batch) for batch in batches] == [4] * 5
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10, 20))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_streams_differ_by_purpose() -> None:
    keys = ((0, "weights", 0), (0, "batches", 0), (1, "weights", 0), (0, "weights", 1))
    assert len({torch.rand(1, generator=random_stream(*key)).item() for key in keys}) == 4


def test_loss_and_hits_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)]])
    loss, hits = loss_and_hits(logits, torch.tensor([0, 0]))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert hits == 1
