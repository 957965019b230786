"""Judges one network of the grid on images that it was not trained on.

Reads data/prepared and data/weights/MODEL/KERNEL; of params.yaml the network's entries, and `train`.
Writes into data/evaluation/MODEL/KERNEL:
- runs.csv: of each run, how many images of its fold and of its share of the test images are right;
- predictions.safetensors: labels and probabilities, `validation` of shape (seeds, 60000), each image by the
  run that did not train on it, and `test` of shape (10000,), the test images shared out among the runs.
"""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_cnn import numerics
from mnist_cnn.arguments import read_place
from mnist_cnn.command import run
from mnist_cnn.data import Images, TrainingSet, load_test_images, load_training_set
from mnist_cnn.files import read_tensors, write_arrays, write_csv
from mnist_cnn.grid import Network
from mnist_cnn.parallel import Report, run_all
from mnist_cnn.paths import EVALUATION, PREPARED, WEIGHTS, weights_file

if TYPE_CHECKING:  # PyTorch may be imported once the numerics are chosen, and not before
    from mnist_cnn.evaluation import JudgedRun
    from mnist_cnn.training import Weights

NOT_JUDGED = 255  # the label of an image whose fold was not run


@dataclass(frozen=True)
class Task:
    """What the runs of a network have in common."""

    network: Network
    data: TrainingSet
    test: Images


@dataclass(frozen=True)
class Cell:
    """One run: what it left, and the test images that it is judged on."""

    seed: int
    fold: int
    weights: "Weights"
    test_places: NDArray[np.int64]


def work(task: Task, cell: Cell, report: Report) -> "JudgedRun":
    """Judges one run."""
    from mnist_cnn.evaluation import judge_run

    report(0)
    return judge_run(task.network, cell.seed, cell.fold, cell.weights, task.data, task.test, cell.test_places)


def run_rows(judged: "list[JudgedRun]") -> list[dict[str, Any]]:
    """Returns a row a run: counts, and the mean loss on the fold."""
    return [
        {
            "seed": one.seed,
            "fold": one.fold,
            "validation_correct": one.validation.correct,
            "validation_images": len(one.validation.places),
            "validation_loss": one.validation.loss,
            "test_correct": one.test.correct,
            "test_images": len(one.test.places),
        }
        for one in judged
    ]


def predictions(judged: "list[JudgedRun]", seeds: tuple[int, ...], task: Task) -> dict[str, NDArray[Any]]:
    """Puts what the runs say of each image in the order of the images."""
    shape, tests = (len(seeds), len(task.data.folds)), len(task.test.labels)
    arrays: dict[str, NDArray[Any]] = {
        "validation_labels": np.full(shape, NOT_JUDGED, np.uint8),
        "validation_probabilities": np.zeros(shape, np.float32),
        "test_labels": np.full(tests, NOT_JUDGED, np.uint8),
        "test_probabilities": np.zeros(tests, np.float32),
    }
    for one in judged:
        row = seeds.index(one.seed)
        arrays["validation_labels"][row, one.validation.places] = one.validation.labels
        arrays["validation_probabilities"][row, one.validation.places] = one.validation.probabilities
        arrays["test_labels"][one.test.places] = one.test.labels
        arrays["test_probabilities"][one.test.places] = one.test.probabilities
    return arrays


def main() -> None:
    """Runs the stage."""
    params, network = read_place("Judge one network of the grid on images that it was not trained on.")
    train = params.train
    numerics.choose(train.numerics)
    import mnist_cnn.evaluation  # noqa: F401  # once, for all processes that are forked

    def line(one: "JudgedRun") -> str:
        return (
            f"{network.name}, seed {one.seed}, fold {one.fold}: "
            f"{one.validation.correct} of {len(one.validation.places)} validation images right"
        )

    task = Task(network, load_training_set(PREPARED), load_test_images(PREPARED))
    pairs = list(product(train.seeds, train.folds))
    shares = np.arange(len(task.test.labels)) % len(pairs)
    cells = []
    for number, (seed, fold) in enumerate(pairs):
        weights = read_tensors(WEIGHTS / network.place / weights_file(seed, fold), network.tensors)
        cells.append(Cell(seed, fold, weights, np.flatnonzero(shares == number)))
    judged = run_all(f"evaluate {network.name}", work, task, cells, line)
    folder = EVALUATION / network.place
    rows = run_rows(judged)
    write_csv(folder / "runs.csv", list(rows[0]), rows)
    write_arrays(folder / "predictions.safetensors", predictions(judged, train.seeds, task))


if __name__ == "__main__":
    run(main)
