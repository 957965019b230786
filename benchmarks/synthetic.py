"""Grids of any size, and what their training and evaluation could have left: real files, invented numbers."""

from dataclasses import asdict
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params
from mnist_cnn.data.dataset import Images, TrainingSet, stratified_folds
from mnist_cnn.data.mnist import CLASSES, IMAGE_SIZE, TEST_IMAGES, TRAIN_IMAGES
from mnist_cnn.data.prepared import save_prepared
from mnist_cnn.files import replacing, write_csv, write_json, write_text
from mnist_cnn.paths import EVALUATION, PARAMS, PREPARED, TRAINING
from mnist_cnn.training.machine import describe_machine
from mnist_cnn.training.records import CurvePoint, FoldQuality, RunCost

KERNELS = {"tiny": 1, "small": 3, "medium": 5, "large": 7, "huge": 9}
WIDTHS, DEPTHS = (8, 12, 16, 24, 32), (1, 2, 3, 4)
UNITS = ((), (32,), (64,), (32, 32), (128,), (64, 64), (16,), (128, 128), (96,), (96, 96))
MOST = len(KERNELS) * len(WIDTHS) * len(DEPTHS) * len(UNITS)  # networks

Predictions = dict[str, NDArray[np.generic]]


def write_grid(path: Path, networks: int) -> None:
    """Writes a copy of params.yaml whose grid has `networks` cells, a multiple of the five kernels."""
    layers = islice(product(UNITS, WIDTHS, DEPTHS), networks // len(KERNELS))
    models = {
        f"conv{depth}x{width}_linear{'x'.join(map(str, units)) or '0'}": {
            "conv_channels": [width] * depth,
            "hidden_units": list(units),
        }
        for units, width, depth in layers
    }
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8")) | {"kernels": KERNELS, "models": models}
    write_text(path, yaml.safe_dump(content, sort_keys=False))


def write_results(folder: Path, params: Params) -> None:
    """Writes data/prepared, data/training and data/evaluation as a study of the grid would leave them."""
    rng = np.random.default_rng(0)
    data, test = _images(rng, TRAIN_IMAGES, params), _images(rng, TEST_IMAGES, params)
    save_prepared(folder / PREPARED, data, test.images)
    for network in params.networks():
        quality = _accuracy(network) + rng.normal(0, 0.0007, len(params.train.folds))
        times = _seconds(network) * np.exp(rng.normal(0, 0.03, len(quality)))
        _write_training(folder / TRAINING / network.place, network, params, quality, times)
        answers = _answers(rng, data, test, quality)
        seen = quality + 0.004 + rng.normal(0, 0.0004, len(quality))
        _write_evaluation(folder / EVALUATION / network.place, answers, data, test, params, seen)


def _images(rng: np.random.Generator, count: int, params: Params) -> TrainingSet:
    pixels = rng.integers(0, 256, (count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    labels = rng.integers(0, CLASSES, count).astype(np.uint8)
    folds = stratified_folds(labels, params.data.folds, params.data.seed)
    return TrainingSet(Images(pixels, labels), folds, float(pixels.mean()), float(pixels.std()))


def _accuracy(network: Network) -> float:
    """Makes deeper and wider networks and middling kernels better, each step by less than the one before."""
    size, width = network.kernel_size, network.conv_channels[0]
    error = 0.012 * 0.6**network.conv_layers * (1 + 4 / width) * (1 + 0.5 / size) + 0.0005 * abs(size - 6)
    return 0.994 - error - 0.0004 * len(network.hidden_units)


def _seconds(network: Network) -> float:
    width, area = network.conv_channels[0], network.kernel_size**2
    return 3 + 0.002 * area * width * (1 + width / 16 * (network.conv_layers - 1) / 2)


def _write_training(
    folder: Path,
    network: Network,
    params: Params,
    accuracy: NDArray[np.float64],
    times: NDArray[np.float64],
) -> None:
    """Writes curves.csv and cost.json."""
    points = params.train.curve_points
    curve = [
        CurvePoint(
            fold,
            params.train.epochs * i / points,
            0.6 / i,
            1 - 0.1 / i,
            0.5 / i,
            1 - (1 - final) / i * points,
        )
        for fold, final in zip(params.train.folds, accuracy.tolist(), strict=True)
        for i in range(1, points + 1)
    ]
    name = {"model": network.model, "kernel_size": network.kernel_size}
    rows = [name | asdict(point) for point in curve]
    write_csv(folder / "curves.csv", list(rows[0]), rows)
    runs = [
        RunCost(fold, seconds, 1.0, 10_000.0, 2**29)
        for fold, seconds in zip(params.train.folds, times.tolist(), strict=True)
    ]
    size = {
        "parameters": 100 * sum(network.conv_channels) * network.kernel_size,
        "multiply_accumulates": 10**6,
    }
    write_json(
        folder / "cost.json", size | {"runs": [asdict(run) for run in runs], "machine": describe_machine()}
    )


def _answers(
    rng: np.random.Generator, data: TrainingSet, test: TrainingSet, accuracy: NDArray[np.float64]
) -> Predictions:
    """Gives every validation image an answer, and every test image one of each fold."""

    def answer(labels: NDArray[np.uint8], right: NDArray[np.float64]) -> NDArray[np.uint8]:
        hard = np.arange(len(labels)) % 50 == 0  # a fiftieth of the images has the most part of the errors
        wrong = rng.random(len(labels), np.float32) < (1 - right) * np.where(hard, 40, 0.2)
        return np.where(wrong, (labels + 1 + labels % 3) % CLASSES, labels).astype(np.uint8)

    folds = [answer(test.images.labels, np.full(len(test.folds), one)) for one in accuracy]
    return {
        "validation_labels": answer(data.images.labels, accuracy[data.folds]),
        "validation_probabilities": rng.random(len(data.folds), np.float32),
        "test_labels": np.stack(folds),
        "test_probabilities": rng.random((len(folds), len(test.folds)), np.float32),
    }


def _write_evaluation(
    folder: Path,
    answers: Predictions,
    data: TrainingSet,
    test: TrainingSet,
    params: Params,
    seen: NDArray[np.float64],
) -> None:
    """Writes metrics.json and predictions.safetensors; no stage reads the other files."""
    right = answers["validation_labels"] == data.images.labels
    runs: list[dict[str, Any]] = []
    for place, fold in enumerate(params.train.folds):
        inside = data.inside(fold)
        accuracy = float(right[inside].mean())
        tested = float((answers["test_labels"][place] == test.images.labels).mean())
        errors, digits = int((~right[inside]).sum()), (accuracy,) * CLASSES
        quality = FoldQuality(
            fold,
            0.03,
            float(seen[place]),
            3.3 * (1 - accuracy),
            accuracy,
            errors,
            0.03,
            tested,
            0.004,
            digits,
        )
        runs.append(asdict(quality))
    write_json(folder / "metrics.json", {"mean": {}, "std": {}, "folds": runs})
    with replacing(folder / "predictions.safetensors") as part:
        save_file(answers, part)
