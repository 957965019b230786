"""What a trained network says of images that it was not trained on."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import evaluate
import train
from mnist_cnn.learning import numerics
from mnist_cnn.evaluation import JudgedRun, judge_run, load_network
from mnist_cnn.core.grid import Network
from mnist_cnn.learning.network import build_network
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION, TIMING, TRAINING, WEIGHTS, weights_file
from mnist_cnn.core.tables import read_table
from mnist_cnn.learning.training import predict, train_run
from tests.support.digits import make_images, make_training_set, small, write_study

NETWORK = Network("conv1_linear1", "small", 3, (8,), ())
DATA = make_training_set()
TEST = make_images(200, seed=7)
SHARE = np.arange(0, 200, 3)


@pytest.fixture(scope="module")
def judged(params: Params) -> JudgedRun:
    run = train_run(NETWORK, 5, 2, small(params), DATA, lambda _: None)
    return judge_run(NETWORK, 5, 2, run.weights, DATA, TEST, SHARE)


def test_counts_agree_with_the_answers(judged: JudgedRun) -> None:
    for answers, images, places in (
        (judged.validation, DATA.images, DATA.inside(2)),
        (judged.test, TEST, SHARE),
    ):
        assert (answers.places == places).all()
        assert answers.correct == (answers.labels == images.labels[places]).sum() > 0.9 * len(places)
        assert ((answers.probabilities > 0.1) & (answers.probabilities <= 1)).all()
        assert 0 < answers.loss < 1


def test_scripts_leave_what_is_promised(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seeds, two of three folds: the images of the third are judged by nobody, each test image by one."""
    write_study(tmp_path, params, seeds=(0, 7), folds=(0, 2))
    cells = [(0, 0), (0, 2), (7, 0), (7, 2)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(numerics, "choose", lambda _: None)  # PyTorch is here already
    monkeypatch.setattr(sys, "argv", ["script", "--model", "conv1_linear1", "--kernel", "small"])
    train.main()
    evaluate.main()
    place = "conv1_linear1/small"
    assert {path.name for path in (WEIGHTS / place).iterdir()} == {weights_file(*cell) for cell in cells}
    curves = read_table(TRAINING / place / "curves.csv")
    assert curves.groupby(["seed", "fold"]).size().to_dict() == dict.fromkeys(
        cells, params.train.curve_points
    )
    times = read_table(TIMING / place / "timing.csv")
    assert (times[["training_seconds", "validation_seconds"]] > 0).all(axis=None)
    runs = read_table(EVALUATION / place / "runs.csv")
    assert list(runs[["seed", "fold"]].itertuples(index=False, name=None)) == cells
    assert set(runs["validation_images"]) == {200}
    said = load_file(EVALUATION / place / "predictions.safetensors")
    labels, probabilities = said["validation_labels"], said["validation_probabilities"]
    assert labels.shape == probabilities.shape == (2, 600)
    for right, (seed, fold) in zip(runs["validation_correct"], cells, strict=True):
        hits = labels[int(seed == 7)] == DATA.images.labels
        assert right == hits[DATA.inside(fold)].sum() > 180
    assert (labels[:, DATA.inside(1)] == evaluate.NOT_JUDGED).all()
    assert ((probabilities == 0) == (labels == evaluate.NOT_JUDGED)).all()
    assert runs["test_images"].tolist() == [50] * 4
    assert runs["test_correct"].sum() == (said["test_labels"] == TEST.labels).sum()


def test_weights_come_back() -> None:
    fresh = build_network(NETWORK, torch.Generator()).state_dict()
    weights = {name: tensor.numpy() + 1 for name, tensor in fresh.items()}
    model = load_network(NETWORK, weights)
    for name, tensor in model.state_dict().items():
        assert (tensor.numpy() == weights[name]).all()
    assert predict(model, torch.zeros(300, 28, 28, dtype=torch.uint8), 0.0, 1.0).shape == (300, 10)
