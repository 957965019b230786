"""Judges one network on images that it was not trained on.

Reads data/prepared and data/weights/MODEL/KERNEL; of params.yaml the network, and `train.folds`.
Writes into data/evaluation/MODEL/KERNEL:
- metrics.json: losses, accuracies and their spread over the folds;
- confusion.csv: what each validation image is and what it was taken for;
- predictions.safetensors: labels and probabilities, `validation` of all 60,000 images, each by the run that
  did not train on it, and `test` for each fold;
- inference_time.json: measured, so it changes from run to run.
"""

from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from mnist_cnn.choices.network import Network
from mnist_cnn.command import run
from mnist_cnn.data.dataset import Images, TrainingSet
from mnist_cnn.data.prepared import load_test_images, load_training_set
from mnist_cnn.files import replacing, write_csv, write_json
from mnist_cnn.paths import EVALUATION, PREPARED, WEIGHTS
from mnist_cnn.stages.grid import read_place
from mnist_cnn.training.parallel import Report, run_all
from mnist_cnn.training.records import FoldEvaluation, InferenceTime, Weights

NO_DIGIT = 255  # the label of an image that no run was validated on


def evaluate(
    network: Network, fold: int, weights: Weights, data: TrainingSet, test: Images, report: Report
) -> FoldEvaluation:
    """Judges one run's network, in a process of its own: there alone is PyTorch imported."""
    from mnist_cnn.evaluation import evaluate_run

    return evaluate_run(network, fold, weights, data, test, report)


def save_metrics(folder: Path, done: list[FoldEvaluation]) -> None:
    """Writes every fold's figures with their mean and, of two folds or more, their standard deviation."""
    folds = [asdict(one.quality) for one in done]
    names = [name for name in folds[0] if name not in ("fold", "digit_accuracy")]
    digits = np.array([fold["digit_accuracy"] for fold in folds]).mean(axis=0).tolist()
    content = {
        "mean": {name: mean(fold[name] for fold in folds) for name in names} | {"digit_accuracy": digits},
        "std": {name: stdev(fold[name] for fold in folds) for name in names} if len(folds) > 1 else None,
        "folds": folds,
    }
    write_json(folder / "metrics.json", content)


def save_predictions(folder: Path, done: list[FoldEvaluation], data: TrainingSet) -> None:
    """Writes what the runs said of each image, and, for the validation images, a line of truth and word."""
    labels = np.full(len(data.folds), NO_DIGIT, np.uint8)
    probabilities = np.zeros(len(data.folds), np.float32)
    for one in done:
        inside = data.inside(one.quality.fold)
        labels[inside], probabilities[inside] = one.validation.labels, one.validation.probabilities
    arrays: dict[str, NDArray[np.generic]] = {
        "validation_labels": labels,
        "validation_probabilities": probabilities,
        "test_labels": np.stack([one.test.labels for one in done]),
        "test_probabilities": np.stack([one.test.probabilities for one in done]),
    }
    with replacing(folder / "predictions.safetensors") as part:
        save_file(arrays, part)
    judged = np.flatnonzero(labels != NO_DIGIT)
    pairs = zip(data.images.labels[judged].tolist(), labels[judged].tolist(), strict=True)
    columns = ("actual", "predicted")
    write_csv(folder / "confusion.csv", columns, [dict(zip(columns, pair, strict=True)) for pair in pairs])


def save_inference_time(folder: Path, done: list[FoldEvaluation]) -> None:
    """Writes the medians over the folds, and what the whole evaluation took."""
    times: dict[str, float] = {
        field.name: median(getattr(one.inference, field.name) for one in done)
        for field in fields(InferenceTime)
    }
    times["evaluation_seconds"] = sum(one.seconds for one in done)
    write_json(folder / "inference_time.json", times)


def describe(network: Network, one: FoldEvaluation) -> str:
    """Sums up the evaluation of one run's network in a line."""
    return (
        f"{network.name} fold {one.quality.fold}: validation accuracy {one.quality.validation_accuracy:.2%}, "
        f"test accuracy {one.quality.test_accuracy:.2%}"
    )


def main() -> None:
    """Runs the stage."""
    params, network = read_place("Judge one network of the grid on images that it was not trained on.")
    data, test = load_training_set(PREPARED), load_test_images(PREPARED)
    folder = WEIGHTS / network.place
    weights = {fold: load_file(folder / f"{fold}.safetensors") for fold in params.train.folds}
    runs = [partial(evaluate, network, fold, weights[fold], data, test) for fold in weights]
    done = run_all(f"evaluate {network.name}", runs, partial(describe, network))
    save_metrics(EVALUATION / network.place, done)
    save_predictions(EVALUATION / network.place, done, data)
    save_inference_time(EVALUATION / network.place, done)


if __name__ == "__main__":
    run(main)
