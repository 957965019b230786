"""The runs of the study as one tidy table, from the files that `train` and `evaluate` wrote.

A run is one network, trained with one seed on all folds but one. The parameters determine which runs there
have to be; files of networks that are not in the grid are not read.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import reading
from mnist_cnn.core.grid import Network
from mnist_cnn.core.machine import Machine
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION, TIMING, TRAINING
from mnist_cnn.core.tables import read_table

MAX_LISTED = 6  # runs in an error message; more are counted
RUN = ["network", "seed", "fold"]  # the columns that identify a run
TRAIN_VALUES = ["train_loss", "train_accuracy"]
CURVE = ["epoch", *TRAIN_VALUES, "validation_loss", "validation_accuracy"]
EVALUATED = ["validation_correct", "validation_images", "validation_loss", "test_correct", "test_images"]


def network_columns(network: Network) -> dict[str, Any]:
    """Returns the columns that describe a network in a table."""
    return {
        "network": network.name,
        "model": network.model,
        "kernel": network.kernel,
        "kernel_size": network.kernel_size,
        "conv_layers": network.conv_layers,
        "linear_layers": network.linear_layers,
        "parameters": network.parameters,
        "multiply_accumulates": network.multiply_accumulates,
    }


def remove_other_networks(directory: Path, networks: Sequence[Network]) -> None:
    """Removes the directories MODEL/KERNEL of networks that are not in the grid; they are in DVC's cache.

    `dvc repro` keeps the outputs of stages that no longer exist. The hash of the directory would include
    them, and a stage that depends on it would run again in a clone that lacks them. Links are not followed.
    """
    assert directory in (EVALUATION, TRAINING, TIMING)
    kept = {directory / network.path for network in networks}
    kept |= {path.parent for path in kept}
    for model in _subdirectories(directory):
        for path in _subdirectories(model) if model in kept else [model]:
            if path not in kept:
                shutil.rmtree(path)


def _subdirectories(path: Path) -> list[Path]:
    paths = [] if path.is_symlink() else path.glob("*")
    return [one for one in paths if one.is_dir() and not one.is_symlink()]


def load_runs(params: Params) -> pd.DataFrame:
    """Returns one row per run, in the order of networks, seeds and folds.

    Columns: those of `network_columns`; seed, fold; numbers of correct predictions and of images, on the
    validation fold and on the run's share of the test images; the validation loss in nats; loss and accuracy
    on the training images at the end of training.

    Raises:
        UserError: Runs are missing, or occur twice.
    """
    evaluated = _stack(params, EVALUATION, "runs.csv", EVALUATED)
    curves = _stack(params, TRAINING, "curves.csv", CURVE, rows_per_run=params.train.curve_points)
    ends = curves.groupby(RUN, sort=False).tail(1)[[*RUN, *TRAIN_VALUES]]
    columns = [*network_columns(params.networks()[0]), "seed", "fold", *EVALUATED, *TRAIN_VALUES]
    return evaluated.merge(ends, on=RUN, how="left")[columns]


def load_curves(params: Params) -> pd.DataFrame:
    """Returns the learning curve of each network: one row per point, means over its runs.

    Columns: network, model, kernel, kernel_size, epoch (epochs trained so far), and losses (nats) and
    accuracies (fractions) on training and validation images.
    """
    curves = _stack(params, TRAINING, "curves.csv", CURVE, rows_per_run=params.train.curve_points)
    curves["point"] = curves.groupby(RUN).cumcount()
    labels = ["network", "model", "kernel", "kernel_size", "point"]
    return curves.groupby(labels, sort=False, as_index=False)[CURVE].mean().drop(columns="point")


def load_timing(params: Params) -> tuple[pd.DataFrame, Machine]:
    """Returns one row per run with its CPU seconds, and the machine on which they were measured.

    Where the networks were trained on different machines, each field names all of them.
    """
    runs = _stack(params, TIMING, "timing.csv", ["training_seconds"])
    machines = [
        Machine.read(TIMING / network.path / "timing_machine.json").model_dump()
        for network in params.networks()
    ]
    fields = {name: " / ".join(dict.fromkeys(one[name] for one in machines)) for name in Machine.model_fields}
    return runs, Machine(**fields)


def _read_numbers(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Reads a table that has to have these columns of numbers, all of them finite but for losses."""
    table = read_table(path)
    with reading(path):
        for name in columns:
            if name not in table:
                raise ValueError(f"there is no column {name}")
            numbers = table[name].dtype.kind in "iuf"
            if not numbers or not (name.endswith("_loss") or np.isfinite(table[name]).all()):
                raise ValueError(f"the column {name} contains values that are not finite numbers")
    return table


def _stack(
    params: Params, directory: Path, file: str, columns: Sequence[str], rows_per_run: int = 1
) -> pd.DataFrame:
    """Stacks the same table of all networks, with their descriptions, and refuses it if it is incomplete."""
    networks, train = params.networks(), params.train
    tables = []
    for network in networks:
        path = directory / network.path / file
        exists = path.exists()
        table = _read_numbers(path, [*RUN[1:], *columns]) if exists else pd.DataFrame(columns=RUN[1:])
        tables.append(table.assign(**network_columns(network)))
    expected = list(product((network.name for network in networks), train.seeds, train.folds))
    stacked = pd.concat(tables)
    counts = Counter(stacked[RUN].itertuples(index=False, name=None))
    _refuse(f"{directory}: no {file} of", [run for run in expected if counts[run] < rows_per_run])
    _refuse(f"{directory}: {file} repeats", [run for run in expected if counts[run] > rows_per_run])
    return pd.DataFrame(expected, columns=RUN).merge(stacked, on=RUN, how="left")


def _refuse(complaint: str, runs: Iterable[tuple[str, int, int]]) -> None:
    names = [f"{network} seed {seed} fold {fold}" for network, seed, fold in runs]
    if names:
        more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
        raise UserError(f"{complaint} {', '.join(names[:MAX_LISTED])}{more}; run `dvc repro`")
