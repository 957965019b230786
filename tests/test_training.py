"""A training run: it learns, repeats itself to the bit, and stops when the loss is no number."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, Train
from mnist_cnn.training.records import DivergedError, FinishedRun
from mnist_cnn.training.run import _batches, loss_and_accuracy, random_stream, train_run
from tests.digits import make_training_set

NETWORK = Network("conv1_linear2", "small", 3, (8,), (16,))
DATA = make_training_set()


@pytest.fixture(scope="module")
def section(params: Params) -> Train:
    return params.train.model_copy(
        update={"epochs": 3.0, "batch_size": 16, "learning_rate": 0.01, "curve_images": 50}
    )


@pytest.fixture(scope="module")
def finished(section: Train) -> FinishedRun:
    return train_run(NETWORK, 1, section, DATA, lambda _: None)


def test_network_learns(finished: FinishedRun) -> None:
    assert finished.curve[-1].validation_accuracy > 0.95
    assert finished.curve[-1].train_loss < finished.curve[0].train_loss


def test_curve_covers_the_run(finished: FinishedRun, section: Train) -> None:
    epochs = [point.epoch for point in finished.curve]
    assert len(epochs) == section.curve_points
    assert epochs == sorted(epochs)
    assert epochs[-1] == pytest.approx(3, abs=16 / 400)
    assert {point.fold for point in finished.curve} == {1}


def test_cost_is_measured(finished: FinishedRun) -> None:
    assert finished.cost.training_seconds > 0
    assert finished.cost.validation_seconds > 0
    assert finished.cost.images_per_second == pytest.approx(1200 / finished.cost.training_seconds)
    assert finished.cost.peak_memory_bytes > 50e6
    assert finished.size.parameters == sum(array.size for array in finished.weights.values())


def test_run_repeats_to_the_bit(finished: FinishedRun, section: Train) -> None:
    torch.manual_seed(1)
    again = train_run(NETWORK, 1, section, DATA, lambda _: None)
    assert again.curve == finished.curve
    for name, array in finished.weights.items():
        assert (again.weights[name] == array).all()


def test_bfloat16_learns_and_repeats_itself(finished: FinishedRun, section: Train) -> None:
    brief = section.model_copy(update={"precision": "bfloat16"})
    run, again = (train_run(NETWORK, 1, brief, DATA, lambda _: None) for _ in range(2))
    assert run.curve[-1].validation_accuracy > 0.95
    assert run.curve == again.curve
    assert run.curve != finished.curve
    assert {array.dtype for array in run.weights.values()} == {np.dtype(np.float32)}


def test_seed_and_fold_matter(section: Train) -> None:
    short = section.model_copy(update={"epochs": 0.2})
    runs = [
        train_run(NETWORK, fold, short.model_copy(update={"seed": seed}), DATA, lambda _: None)
        for fold, seed in ((0, 0), (1, 0), (1, 1))
    ]
    weights = [run.weights["0.weight"].tobytes() for run in runs]
    assert len(set(weights)) == 3


def test_validation_images_are_not_trained_on(section: Train, finished: FinishedRun) -> None:
    """Other validation labels: the same weights."""
    labels = DATA.images.labels.copy()
    labels[DATA.inside(1)] = 0
    poisoned = replace(DATA, images=replace(DATA.images, labels=labels))
    run = train_run(NETWORK, 1, section, poisoned, lambda _: None)
    assert (run.weights["0.weight"] == finished.weights["0.weight"]).all()
    assert run.curve[-1].validation_accuracy < 0.3


def test_progress_is_told(section: Train) -> None:
    told: list[float] = []
    train_run(NETWORK, 0, section.model_copy(update={"epochs": 0.5}), DATA, told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_diverged_run_is_named(section: Train) -> None:
    data = replace(DATA, std=0.0)  # inputs are not finite, so neither is the loss
    with pytest.raises(DivergedError, match=r"conv1_linear2-small: the loss of fold 2 is nan at epoch 0\.04"):
        train_run(NETWORK, 2, section, data, lambda _: None)


def test_batches_hold_every_image_once_an_epoch() -> None:
    batches = list(_batches(torch.arange(10, 20), 4, 5, random_stream(0, "batches", 0)))
    seen = torch.cat(batches)
    assert [len(batch) for batch in batches] == [4] * 5
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10, 20))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_streams_differ_by_purpose() -> None:
    draws = {
        torch.rand(1, generator=random_stream(*key)).item()
        for key in ((0, "weights", 0), (0, "batches", 0), (1, "weights", 0), (0, "weights", 1))
    }
    assert len(draws) == 4


def test_loss_and_accuracy_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)]])
    loss, accuracy = loss_and_accuracy(logits, torch.tensor([0, 0]))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert accuracy == 0.5
