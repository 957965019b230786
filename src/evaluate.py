"""Evaluates one network of the grid on images that it was not trained on.

Reads data/prepared and data/weights/MODEL/KERNEL; of params.yaml the network's entries, and `train`.
Writes into data/evaluation/MODEL/KERNEL:
- runs.csv: for each run, the number of correct predictions on its fold and on its share of the test images;
- predictions.safetensors: `validation_labels` and `validation_probabilities` of shape (seeds, 60000), each
  image classified by the run that did not train on it, and `test_labels` of shape (10000,), the test images
  divided among the runs.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.core.arguments import read_arguments
from mnist_cnn.core.command import run
from mnist_cnn.core.files import read_tensors, write_csv, write_tensors
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, TrainingSet, load_test_images, load_training_set
from mnist_cnn.core.mnist import NOT_CLASSIFIED
from mnist_cnn.core.paths import EVALUATION, PREPARED, WEIGHTS, weights_file
from mnist_cnn.learning.parallel import run_all
from mnist_cnn.learning.results import ReportProgress, Weights


@dataclass(frozen=True)
class Task:
    """What the runs of a network have in common."""

    network: Network
    data: TrainingSet
    test: Images


@dataclass(frozen=True)
class EvaluationInput:
    """A trained run: its weights, and the indices of its share of the test images."""

    seed: int
    fold: int
    weights: Weights
    test_indices: NDArray[np.int64]


class Predictions(NamedTuple):
    """Predictions of some images: what `mnist_cnn.evaluation.classify` returns, after the images' indices."""

    indices: NDArray[np.int64]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    correct: int
    loss: float


class EvaluatedRun(NamedTuple):
    """The predictions of one run, on its fold and on its share of the test images."""

    seed: int
    fold: int
    validation: Predictions
    test: Predictions


def evaluate(task: Task, trained: EvaluationInput, report_progress: ReportProgress) -> EvaluatedRun:
    """Evaluates one run."""
    from mnist_cnn.evaluation import classify  # in a worker: the stage's own process needs no PyTorch

    report_progress(0)

    def predict(images: Images, indices: NDArray[np.int64]) -> Predictions:
        part = Images(images.pixels[indices], images.labels[indices])
        return Predictions(indices, *classify(task.network, trained.weights, part, task.data.normalisation))

    validation = predict(task.data.images, task.data.inside(trained.fold))
    return EvaluatedRun(trained.seed, trained.fold, validation, predict(task.test, trained.test_indices))


def run_rows(runs: list[EvaluatedRun]) -> list[dict[str, Any]]:
    """Returns one row per run: counts of images, and the mean loss on the fold."""
    return [
        {
            "seed": one.seed,
            "fold": one.fold,
            "validation_correct": one.validation.correct,
            "validation_images": len(one.validation.indices),
            "validation_loss": one.validation.loss,
            "test_correct": one.test.correct,
            "test_images": len(one.test.indices),
        }
        for one in runs
    ]


def by_image(runs: list[EvaluatedRun], seeds: tuple[int, ...], task: Task) -> dict[str, NDArray[Any]]:
    """Puts the predictions of all runs in the order of the images."""
    shape, tests = (len(seeds), len(task.data.folds)), len(task.test.labels)
    tensors: dict[str, NDArray[Any]] = {
        "validation_labels": np.full(shape, NOT_CLASSIFIED, np.uint8),
        "validation_probabilities": np.zeros(shape, np.float32),
        "test_labels": np.full(tests, NOT_CLASSIFIED, np.uint8),
    }
    for one in runs:
        row = seeds.index(one.seed)
        tensors["validation_labels"][row, one.validation.indices] = one.validation.labels
        tensors["validation_probabilities"][row, one.validation.indices] = one.validation.probabilities
        tensors["test_labels"][one.test.indices] = one.test.labels
    return tensors


def main() -> None:
    """Runs the stage."""
    params, network = read_arguments("Evaluate one network of the grid on images that it was not trained on.")
    seeds, folds = params.train.seeds, params.train.folds

    def describe(one: EvaluatedRun) -> str:
        return (
            f"{network.name}, seed {one.seed}, fold {one.fold}: "
            f"{one.validation.correct} of {len(one.validation.indices)} validation images correct"
        )

    task = Task(network, load_training_set(PREPARED), load_test_images(PREPARED))
    pairs = list(product(seeds, folds))
    shares = np.arange(len(task.test.labels)) % len(pairs)
    trained = [
        EvaluationInput(
            *pair,
            weights=read_tensors(WEIGHTS / network.path / weights_file(*pair), network.tensors),
            test_indices=np.flatnonzero(shares == number),
        )
        for number, pair in enumerate(pairs)
    ]
    runs = run_all(f"evaluate {network.name}", evaluate, "mnist_cnn.evaluation", task, trained, describe)
    rows = run_rows(runs)
    write_csv(EVALUATION / network.path / "runs.csv", list(rows[0]), rows)
    write_tensors(EVALUATION / network.path / "predictions.safetensors", by_image(runs, seeds, task))


if __name__ == "__main__":
    run(main)
