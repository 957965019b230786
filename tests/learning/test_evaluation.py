"""The predictions of a trained network for images that it was not trained on."""

import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import evaluate
import train
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images
from mnist_cnn.core.mnist import NOT_CLASSIFIED
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION, TIMING, TRAINING, WEIGHTS, weights_file
from mnist_cnn.core.tables import read_table
from mnist_cnn.evaluation import classify
from mnist_cnn.learning.training import train_run
from tests.support.digits import make_images, make_training_set, small, write_study

NETWORK = Network("conv1_linear1", "small", 3, (8,), ())
DATA = make_training_set()
TEST = make_images(200, seed=7)


def test_counts_agree_with_the_predictions(params: Params) -> None:
    run = train_run(NETWORK, 5, 2, small(params), DATA, lambda _: None)
    fold = DATA.inside(2)
    for images in (TEST, Images(DATA.images.pixels[fold], DATA.images.labels[fold])):
        labels, probabilities, correct, loss = classify(NETWORK, run.weights, images, DATA.normalisation)
        assert correct == (labels == images.labels).sum() > 0.9 * len(labels)
        assert ((probabilities > 0.1) & (probabilities <= 1)).all()
        right = labels == images.labels
        assert loss >= -np.log(probabilities[right]).sum() / len(labels) - 1e-6
        assert 0 < loss < 1


def test_scripts_write_what_they_promise(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seeds, two of three folds: nothing classifies the images of the third, one run each test image."""
    write_study(tmp_path, params, seeds=(0, 7), folds=(0, 2))
    cells = [(0, 0), (0, 2), (7, 0), (7, 2)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--model", "conv1_linear1", "--kernel", "small"])
    train.main()
    evaluate.main()
    path = "conv1_linear1/small"
    assert {one.name for one in (WEIGHTS / path).iterdir()} == {weights_file(*cell) for cell in cells}
    points = read_table(TRAINING / path / "curves.csv").groupby(["seed", "fold"]).size()
    assert points.to_dict() == dict.fromkeys(cells, params.train.curve_points)
    times = read_table(TIMING / path / "timing.csv")
    assert (times[["training_seconds", "validation_seconds"]] > 0).all(axis=None)
    runs = read_table(EVALUATION / path / "runs.csv")
    assert list(runs[["seed", "fold"]].itertuples(index=False, name=None)) == cells
    assert set(runs["validation_images"]) == {200}
    predictions = load_file(EVALUATION / path / "predictions.safetensors")
    labels, probabilities = predictions["validation_labels"], predictions["validation_probabilities"]
    assert labels.shape == probabilities.shape == (2, 600)
    for correct, (seed, fold) in zip(runs["validation_correct"], cells, strict=True):
        right = labels[int(seed == 7)] == DATA.images.labels
        assert correct == right[DATA.inside(fold)].sum() > 180
    assert (labels[:, DATA.inside(1)] == NOT_CLASSIFIED).all()
    assert ((probabilities == 0) == (labels == NOT_CLASSIFIED)).all()
    assert runs["test_images"].tolist() == [50] * 4
    assert runs["test_correct"].sum() == (predictions["test_labels"] == TEST.labels).sum()
