"""Trains one network of the grid: one run for each of the seeds and folds.

Reads data/prepared; of params.yaml the network's entries under `models` and `kernels`, and `train`.
Writes data/weights/MODEL/KERNEL/seedS_foldF.safetensors; data/training/MODEL/KERNEL/curves.csv; and what was
measured into data/timing/MODEL/KERNEL: timing.csv and timing_machine.json.
"""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from mnist_cnn import numerics
from mnist_cnn.arguments import read_place
from mnist_cnn.command import run
from mnist_cnn.data import TrainingSet, load_training_set
from mnist_cnn.files import write_arrays, write_csv, write_json
from mnist_cnn.grid import Network
from mnist_cnn.parallel import Report, run_all
from mnist_cnn.params import Train
from mnist_cnn.paths import PREPARED, TIMING, TRAINING, WEIGHTS, weights_file

if TYPE_CHECKING:  # PyTorch may be imported once the numerics are chosen, and not before
    from mnist_cnn.training import FinishedRun


@dataclass(frozen=True)
class Task:
    """What the runs of a network have in common."""

    network: Network
    train: Train
    data: TrainingSet


def work(task: Task, cell: tuple[int, int], report: Report) -> "FinishedRun":
    """Does the run of one seed and fold."""
    from mnist_cnn.training import train_run

    return train_run(task.network, *cell, task.train, task.data, report)


def save(network: Network, runs: "list[FinishedRun]", machine: dict[str, str]) -> None:
    """Writes weights, learning curves, and what was measured."""
    for one in runs:
        write_arrays(WEIGHTS / network.place / weights_file(one.seed, one.fold), one.weights)
    points = [{"seed": one.seed, "fold": one.fold} | point._asdict() for one in runs for point in one.curve]
    write_csv(TRAINING / network.place / "curves.csv", list(points[0]), points)
    columns = ("seed", "fold", "training_seconds", "validation_seconds")
    rows = [{column: getattr(one, column) for column in columns} for one in runs]
    write_csv(TIMING / network.place / "timing.csv", columns, rows)
    write_json(TIMING / network.place / "timing_machine.json", machine)


def main() -> None:
    """Runs the stage."""
    params, network = read_place("Train one network of the grid: one run for each of the seeds and folds.")
    train = params.train
    numerics.choose(train.numerics)
    import mnist_cnn.training  # noqa: F401  # once, for all processes that are forked

    def line(one: "FinishedRun") -> str:
        return (
            f"{network.name}, seed {one.seed}, fold {one.fold}: trained in {one.training_seconds:.1f} CPU s, "
            f"about {one.curve[-1].validation_accuracy:.1%} validation accuracy"
        )

    cells = list(product(train.seeds, train.folds))
    task = Task(network, train, load_training_set(PREPARED))
    runs = run_all(f"train {network.name}", work, task, cells, line)
    save(network, runs, numerics.describe_machine(train.numerics))


if __name__ == "__main__":
    run(main)
