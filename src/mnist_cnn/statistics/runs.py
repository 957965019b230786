"""The runs of the study as one tidy table: what `train` and `evaluate` left, and nothing else.

A run is one network, trained with one of the seeds on all folds but one. The parameters say which runs there
have to be; what an earlier grid left is not looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_json, read_tensors, reading
from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import CLASSES, TRAIN_IMAGES
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION, REFERENCE, TIMING, TRAINING
from mnist_cnn.core.tables import read_table

NAMED = 6  # runs in an error message, before it only counts
PREDICTIONS = {
    "validation_labels": ("uint8", None, TRAIN_IMAGES),
    "validation_probabilities": ("float32", None, TRAIN_IMAGES),
}
MACHINE = ("processor", "cores", "system", "python", "torch", "numerics")
RUN = ["network", "seed", "fold"]  # what names a run
TRAIN_VALUES = ["train_loss", "train_accuracy"]
CURVE = ["epoch", *TRAIN_VALUES, "validation_loss", "validation_accuracy"]
JUDGED = ["validation_correct", "validation_images", "validation_loss", "test_correct", "test_images"]


def describe(network: Network) -> dict[str, Any]:
    """Returns the columns that say which network a row is about."""
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


def load_runs(params: Params) -> pd.DataFrame:
    """Returns one row a run, in the order of networks, seeds and folds.

    Columns: those of `describe`; seed, fold; counts of right answers and of images, on the run's validation
    fold and on its share of the test images; the validation loss in nats; loss and accuracy on the training
    images at the end of training.

    Raises:
        UserError: Runs are missing, or are there more than once.
    """
    judged = _gather(params, EVALUATION, "runs.csv", JUDGED)
    curves = _gather(params, TRAINING, "curves.csv", CURVE, rows_a_run=params.train.curve_points)
    ends = curves.groupby(RUN, sort=False).tail(1)[[*RUN, *TRAIN_VALUES]]
    columns = [*describe(params.networks()[0]), "seed", "fold", *JUDGED, *TRAIN_VALUES]
    return judged.merge(ends, on=RUN, how="left")[columns]


def load_curves(params: Params) -> pd.DataFrame:
    """Returns the learning curve of each network: a row a point, means over its runs.

    Columns: network, model, kernel, kernel_size, epoch (epochs trained so far), and losses (nats) and
    accuracies (fractions) on training and validation images.
    """
    curves = _gather(params, TRAINING, "curves.csv", CURVE, rows_a_run=params.train.curve_points)
    curves["point"] = curves.groupby(RUN).cumcount()
    labels = ["network", "model", "kernel", "kernel_size", "point"]
    return curves.groupby(labels, sort=False, as_index=False)[CURVE].mean().drop(columns="point")


def load_timing(params: Params) -> tuple[pd.DataFrame, dict[str, str]]:
    """Returns one row a run with its CPU seconds, and the machine that they were measured on.

    Where the runs come from different machines, a word of the description names each of them.
    """
    runs = _gather(params, TIMING, "timing.csv", ["training_seconds"])
    machines = []
    for path in (TIMING / one.path / "timing_machine.json" for one in params.networks()):
        machine = read_json(path)
        with reading(path):
            machines.append([str(machine[key]) for key in MACHINE])
    words = (" / ".join(dict.fromkeys(different)) for different in zip(*machines, strict=True))
    return runs, dict(zip(MACHINE, words, strict=True))


def load_predictions(networks: Sequence[Network]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Returns what the networks say of the training images that their runs were validated on.

    Returns:
        Labels and their probabilities, both of shape (networks × seeds, 60000); 255 and 0 where an image's
        fold was not run.
    """
    labels, probabilities = [], []
    for network in networks:
        path = EVALUATION / network.path / "predictions.safetensors"
        tensors = read_tensors(path, PREDICTIONS)
        with reading(path):
            if not np.isin(tensors["validation_labels"], (*range(CLASSES), 255)).all():
                raise ValueError("a label is no class")
        labels.append(tensors["validation_labels"])
        probabilities.append(tensors["validation_probabilities"])
    return np.concatenate(labels), np.concatenate(probabilities)


def load_reference(params: Params) -> pd.DataFrame | None:
    """Returns the runs of the same networks, trained longer (column `epochs`); None if there are none."""
    if not REFERENCE.exists() or params.data.dataset != "MNIST":
        return None
    same = ["model", "kernel_size", "parameters"]
    runs = _table(REFERENCE, [*same[1:], "epochs", "seed", "fold", *JUDGED[:2]])
    grid = pd.DataFrame([describe(network) for network in params.networks()])
    with reading(REFERENCE):
        here, there = (set(table[same].itertuples(index=False, name=None)) for table in (grid, runs))
        if len(runs) != len(there) * runs["seed"].nunique() * runs["fold"].nunique():
            raise ValueError("some runs are missing, or there twice")
    if here != there or runs["epochs"].min() <= params.train.epochs:
        return None
    return grid.merge(runs[[*same, *runs.columns.difference(grid.columns)]], on=same)


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Reads a table that has to have these columns of numbers; they are finite, but for a loss."""
    table = read_table(path)
    with reading(path):
        for name in columns:
            numbers = table[name].dtype.kind in "iuf"
            if not numbers or not (name.endswith("_loss") or np.isfinite(table[name]).all()):
                raise ValueError(f"{name} holds what is no number")
    return table


def _gather(
    params: Params, folder: Path, file: str, columns: Sequence[str], rows_a_run: int = 1
) -> pd.DataFrame:
    """Stacks the same table of all networks, with their descriptions, and refuses it if it is incomplete."""
    networks, train = params.networks(), params.train
    tables = []
    for network in networks:
        path = folder / network.path / file
        table = _table(path, [*RUN[1:], *columns]) if path.exists() else pd.DataFrame(columns=RUN[1:])
        tables.append(table.assign(**describe(network)))
    expected = list(product((one.name for one in networks), train.seeds, train.folds))
    stacked = pd.concat(tables)
    counts = Counter(stacked[RUN].itertuples(index=False, name=None))
    _refuse(f"{folder}: no {file} of", [cell for cell in expected if counts[cell] < rows_a_run])
    _refuse(f"{folder}: {file} holds twice", [cell for cell in expected if counts[cell] > rows_a_run])
    return pd.DataFrame(expected, columns=RUN).merge(stacked, on=RUN, how="left")


def _refuse(complaint: str, cells: Iterable[tuple[str, int, int]]) -> None:
    names = [f"{network} seed {seed} fold {fold}" for network, seed, fold in cells]
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise UserError(f"{complaint} {', '.join(names[:NAMED])}{more}; run `dvc repro`")
