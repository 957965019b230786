"""A training run: its accuracy, its equality with a plain PyTorch loop, and its end if the loss is nan."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.plain_loop import plain_network
from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Params, Train
from mnist_cnn.learning.network import build_network, loss_and_correct
from mnist_cnn.learning.results import TrainedRun
from mnist_cnn.learning.training import Trainer, random_stream, train_run
from tests.support.digits import make_training_set, small

NETWORK = Network("conv1_linear2", "small", 3, (8,), (16,))
DATA = make_training_set()


@pytest.fixture(scope="module")
def train(params: Params) -> Train:
    return small(params)


@pytest.fixture(scope="module")
def finished(train: Train) -> TrainedRun:
    return train_run(NETWORK, 0, 1, train, DATA, lambda _: None)


def test_network_learns(finished: TrainedRun) -> None:
    assert finished.curve[-1].validation_accuracy > 0.95
    assert finished.curve[-1].train_loss < finished.curve[0].train_loss


def test_curve_covers_the_run(finished: TrainedRun, train: Train) -> None:
    epochs = [point.epoch for point in finished.curve]
    assert len(epochs) == train.curve_points
    assert epochs == sorted(epochs)
    assert epochs[-1] == pytest.approx(3, abs=16 / 400)
    assert finished.training_seconds > finished.validation_seconds > 0


def copy_weights(ours: nn.Sequential, plain: nn.Sequential) -> None:
    """Copies our weights to the plain network, whose features have another order."""
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
def test_trainer_is_a_plain_pytorch_loop(train: Train, channels: tuple[int, ...]) -> None:
    network = Network("a", "b", 5, channels, (16,))
    steps, images = 12, torch.randn(12, 16, 1, 28, 28, generator=random_stream(0, "images", 0))
    labels = torch.arange(12 * 16).view(12, 16) % 10
    ours, plain = Trainer(network, train, steps, random_stream(0, "weights", 0)), plain_network(network)
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
        assert ours.step(inputs, targets) == pytest.approx(expected, rel=2e-3)
    torch.testing.assert_close(ours.model(images[0]), plain(images[0]), rtol=1e-2, atol=1e-2)


def test_seed_and_fold_matter_and_the_network_does_not(train: Train) -> None:
    short = train.model_copy(update={"epochs": 1.0})
    runs = [train_run(NETWORK, *cell, short, DATA, lambda _: None) for cell in ((0, 0), (0, 1), (1, 0))]
    assert len({run.weights["0.weight"].tobytes() for run in runs}) == 3
    wider = replace(NETWORK, hidden_units=(32,))
    starts = [build_network(one, random_stream(0, "weights", 0))[0].weight for one in (NETWORK, wider)]
    assert torch.equal(*starts)


def test_validation_images_are_not_trained_on(train: Train, finished: TrainedRun) -> None:
    """Other validation labels: the same weights."""
    labels = DATA.images.labels.copy()
    labels[DATA.inside(1)] = 0
    poisoned = replace(DATA, images=replace(DATA.images, labels=labels))
    run = train_run(NETWORK, 0, 1, train, poisoned, lambda _: None)
    assert (run.weights["0.weight"] == finished.weights["0.weight"]).all()
    assert run.curve[-1].validation_accuracy < 0.3


def test_progress_is_reported(train: Train) -> None:
    fractions: list[float] = []
    train_run(NETWORK, 0, 0, train.model_copy(update={"epochs": 0.5}), DATA, fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_diverged_run_is_named(train: Train) -> None:
    zero = DATA.normalisation.model_copy(update={"std": 0.0})  # inputs are not finite, so neither is the loss
    line = r"^conv1_linear2-small, seed 3, fold 2: the loss is nan after 1 of 75 steps: try a train\."
    with pytest.raises(UserError, match=line):
        train_run(NETWORK, 3, 2, train, replace(DATA, normalisation=zero), lambda _: None)


def test_epoch_holds_every_image_once(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 400 images and batches of 16, each of three epochs has 25 batches."""
    seen: list[Tensor] = []
    step = Trainer.step

    def watched(trainer: Trainer, inputs: Tensor, labels: Tensor) -> tuple[float, int]:
        seen.append(inputs.double().flatten(1).sum(1))  # tells the images apart
        return step(trainer, inputs, labels)

    monkeypatch.setattr(Trainer, "step", watched)
    train_run(NETWORK, 0, 1, train, DATA, lambda _: None)
    epochs = torch.cat(seen).view(3, 400)
    images = DATA.images.pixels[DATA.outside(1)].reshape(400, -1).sum(1, dtype=np.int64)
    for epoch in epochs:
        sums = epoch * DATA.normalisation.std + 784 * DATA.normalisation.mean
        np.testing.assert_allclose(np.sort(sums), np.sort(images), atol=0.4)
    assert not torch.equal(epochs[0], epochs[1])


def test_loss_and_correct_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)]])
    loss, correct = loss_and_correct(logits, torch.tensor([0, 0]))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert correct == 1


def test_profiler_sees_a_training_step(train: Train) -> None:
    """`torch.profiler` is needed for work on speed; it imports torch._dynamo."""
    trainer = Trainer(NETWORK, train, 2, random_stream(0, "weights", 0))
    with torch.profiler.profile() as profile:
        trainer.step(torch.randn(16, 1, 28, 28), torch.arange(16) % 10)
    operations = {event.key for event in profile.key_averages()}
    assert {"aten::mkldnn_convolution", "aten::convolution_backward"} & operations
    assert any("Optimizer.step#Adam.step" in name for name in operations)
