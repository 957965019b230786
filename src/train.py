"""Trains one network of the grid: one run for each seed and fold.

Reads data/prepared; of params.yaml the network's entries under `models` and `kernels`, and `train`.
Writes data/weights/MODEL/KERNEL/seedS_foldF.safetensors; data/training/MODEL/KERNEL/curves.csv; and what was
measured into data/timing/MODEL/KERNEL: timing.csv and timing_machine.json.
"""

from dataclasses import dataclass
from itertools import product

from mnist_cnn.core.arguments import read_arguments
from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_csv, write_tensors
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import TrainingSet, load_training_set
from mnist_cnn.core.machine import describe_machine
from mnist_cnn.core.params import Train
from mnist_cnn.core.paths import PREPARED, TIMING, TRAINING, WEIGHTS, weights_file
from mnist_cnn.learning.parallel import run_all
from mnist_cnn.learning.results import ReportProgress, TrainedRun

OVERHEAD_MACS = 800_000  # MACs that take as long as the rest of a training step; within 5 % of measured times


@dataclass(frozen=True)
class Task:
    """What the runs of a network have in common."""

    network: Network
    train: Train
    data: TrainingSet


def train(task: Task, seed_and_fold: tuple[int, int], report_progress: ReportProgress) -> TrainedRun:
    """Does the run of one seed and fold."""
    from mnist_cnn.learning.training import train_run  # in a worker: the stage's own process needs no PyTorch

    return train_run(task.network, *seed_and_fold, task.train, task.data, report_progress)


def save(network: Network, runs: list[TrainedRun]) -> None:
    """Writes weights, learning curves, and what was measured."""
    for one in runs:
        write_tensors(WEIGHTS / network.path / weights_file(one.seed, one.fold), one.weights)
    points = [{"seed": one.seed, "fold": one.fold} | point._asdict() for one in runs for point in one.curve]
    write_csv(TRAINING / network.path / "curves.csv", list(points[0]), points)
    columns = ("seed", "fold", "training_seconds", "validation_seconds")
    rows = [{column: getattr(one, column) for column in columns} for one in runs]
    write_csv(TIMING / network.path / "timing.csv", columns, rows)
    describe_machine().write(TIMING / network.path / "timing_machine.json")


def main() -> None:
    """Runs the stage."""
    params, network = read_arguments("Train one network of the grid: one run for each seed and fold.")

    def describe(one: TrainedRun) -> str:
        return (
            f"{network.name}, seed {one.seed}, fold {one.fold}: trained in {one.training_seconds:.1f} CPU s, "
            f"about {one.curve[-1].validation_accuracy:.1%} validation accuracy"
        )

    networks = params.networks()
    position = networks.index(network)
    work = [one.multiply_accumulates + OVERHEAD_MACS for one in networks[position:]]
    title = f"train {network.name}, network {position + 1} of {len(networks)}"
    task = Task(network, params.train, load_training_set(PREPARED))
    pairs = list(product(params.train.seeds, params.train.folds))
    runs = run_all(title, train, "mnist_cnn.learning.training", task, pairs, describe, sum(work) / work[0])
    save(network, runs)


if __name__ == "__main__":
    run(main)
