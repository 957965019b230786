"""Trains one network, once for each fold.

Reads data/prepared; of params.yaml the network's entries under `models` and `kernels`, and `train`.
Writes data/weights/MODEL/KERNEL/FOLD.safetensors; data/training/MODEL/KERNEL/curves.csv and cost.json.
"""

import os
from dataclasses import asdict
from functools import partial

from safetensors.numpy import save_file

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Train
from mnist_cnn.command import UserError, run
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.files import replacing, write_csv, write_json
from mnist_cnn.paths import PREPARED, TRAINING, WEIGHTS
from mnist_cnn.stages.grid import read_place
from mnist_cnn.training.machine import describe_machine
from mnist_cnn.training.parallel import Report, run_all
from mnist_cnn.training.records import FinishedRun


def train(network: Network, fold: int, section: Train, data: TrainingSet, report: Report) -> FinishedRun:
    """Does one run, in a process of its own: there alone is PyTorch imported, which takes seconds."""
    from mnist_cnn.training.run import train_run

    return train_run(network, fold, section, data, report)


def most_workers(device: str) -> int | None:
    """Returns 1 for an accelerator, where runs go one after the other; on the processor there is no limit."""
    if device == "cpu":
        return None
    from mnist_cnn.training.device import pick_device

    return None if pick_device(device).type == "cpu" else 1


def check_device(device: str) -> None:
    """Lets runs go to a cluster on processors alone.

    Raises:
        UserError: Another device was asked for.
    """
    if device != "cpu" and os.environ.get("RAY_ADDRESS"):
        raise UserError(f"params.yaml: train.device is {device}: with RAY_ADDRESS set it must be cpu")


def save(network: Network, finished: list[FinishedRun]) -> None:
    """Writes weights, learning curves and cost."""
    for one in finished:
        with replacing(WEIGHTS / network.place / f"{one.fold}.safetensors") as part:
            save_file(one.weights, part)
    name = {"model": network.model, "kernel_size": network.kernel_size}
    points = [name | asdict(point) for one in finished for point in one.curve]
    write_csv(TRAINING / network.place / "curves.csv", list(points[0]), points)
    runs = [asdict(one.cost) for one in finished]
    cost = asdict(finished[0].size) | {"runs": runs, "machine": describe_machine()}
    write_json(TRAINING / network.place / "cost.json", cost)


def describe(network: Network, one: FinishedRun) -> str:
    """Sums up a finished run in a line."""
    last = one.curve[-1]
    return (
        f"{network.name} fold {one.fold}: trained in {one.cost.training_seconds:.1f} CPU s, "
        f"about {last.validation_accuracy:.1%} validation accuracy"
    )


def main() -> None:
    """Runs the stage."""
    params, network = read_place("Train one network of the grid, once for each fold.")
    check_device(params.train.device)
    data = load_training_set(PREPARED)
    runs = [partial(train, network, fold, params.train, data) for fold in params.train.folds]
    most = most_workers(params.train.device)
    save(network, run_all(f"train {network.name}", runs, partial(describe, network), most))


if __name__ == "__main__":
    run(main)
