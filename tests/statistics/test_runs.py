"""The tables of runs and predictions: complete, in the order of the parameters, and of no other networks."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.mnist import NOT_CLASSIFIED
from mnist_cnn.core.paths import EVALUATION, PREPARED, TIMING, TRAINING
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.statistics import runs
from mnist_cnn.statistics.predictions import load_predictions, tabulate_predictions
from tests.support.params import changed
from tests.support.studies import MACHINE, MODELS, grid, true_seconds, write_simulated_study

FIRST = "conv1_linear1/small"
RUNS, CURVES = EVALUATION / FIRST / "runs.csv", TRAINING / FIRST / "curves.csv"
TWO_MODELS = {name: MODELS[name] for name in ("conv1_linear1", "conv2_linear1")}
PARAMS = changed(grid(TWO_MODELS, {"small": 3, "large": 7}, seeds=(3, 1)), folds=(4, 0, 2))
NETWORKS = PARAMS.networks()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_simulated_study(folder, PARAMS)
    return folder


@pytest.fixture(autouse=True)
def study(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies the study, which a test may damage, to the working directory."""
    for folder in (EVALUATION, TRAINING, TIMING):
        shutil.copytree(written / folder, tmp_path / folder)
    (tmp_path / PREPARED).symlink_to(written / PREPARED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    write_table(path, change(read_table(path)))


def test_one_row_per_run_in_the_order_of_the_parameters() -> None:
    edit(RUNS, lambda table: table.sample(frac=1, random_state=0))
    table = runs.load_runs(PARAMS)
    assert list(table.columns) == [
        *("network", "model", "kernel", "kernel_size", "conv_layers", "linear_layers"),
        *("parameters", "multiply_accumulates", "seed", "fold"),
        *("validation_correct", "validation_images", "validation_loss", "test_correct", "test_images"),
        *("train_loss", "train_accuracy"),
    ]
    names = [network.name for network in NETWORKS]
    cells = list(product(names, (3, 1), (4, 0, 2)))
    assert list(table[["network", "seed", "fold"]].itertuples(index=False, name=None)) == cells
    assert table.kernel_size.tolist() == 2 * (6 * [3] + 6 * [7])
    assert table.groupby("network").test_images.sum().tolist() == 4 * [10_000]
    assert all(table.dtypes[["validation_correct", "validation_images", "test_correct"]] == np.int64)


def test_training_values_are_those_of_the_last_point() -> None:
    curves = read_table(CURVES)
    last = curves[(curves.seed == 1) & (curves.fold == 0)].iloc[-1]
    table = runs.load_runs(PARAMS)
    row = table[(table.network == "conv1_linear1-small") & (table.seed == 1) & (table.fold == 0)].iloc[0]
    assert (row.train_loss, row.train_accuracy) == (last.train_loss, last.train_accuracy)


def test_predictions_agree_with_the_counts() -> None:
    data, counts = load_training_set(PREPARED), runs.load_runs(PARAMS)
    labels, probabilities = load_predictions(PARAMS)
    assert labels.shape == probabilities.shape == (len(NETWORKS), 2, 60_000)
    assert (labels[..., data.folds == 1] == NOT_CLASSIFIED).all()
    table = tabulate_predictions(PARAMS, data.images.labels, data.folds)
    correct = table.groupby(["network", "seed", "fold"], sort=False).correct.agg(["sum", "size"])
    cells = counts.set_index(["network", "seed", "fold"])
    assert correct["sum"].to_dict() == cells.validation_correct.to_dict()
    assert correct["size"].to_dict() == cells.validation_images.to_dict()
    assert (data.images.labels[table.image] == table.actual).all()
    assert (data.folds[table.image] == table.fold).all()
    assert (table.correct == (table.actual == table.predicted)).all()
    last = table.iloc[-1]
    assert (last.model, last.kernel_size, last.probability) == ("conv2_linear1", 7, np.float32(0.9))


def test_directories_of_other_networks_are_removed_and_nothing_else(study: Path) -> None:
    before = runs.load_runs(PARAMS)
    shutil.copytree(EVALUATION / FIRST, EVALUATION / "conv1_linear1/huge")
    shutil.copytree(EVALUATION / FIRST, EVALUATION / "conv9_linear1/small")
    kept = [
        EVALUATION / "note.txt",
        EVALUATION / "conv1_linear1/note.txt",
        TRAINING / "conv9_linear1/small/x",
    ]
    kept += [study / "elsewhere/small/x", study / "elsewhere/huge/x"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for link in (EVALUATION / "conv8_linear1", EVALUATION / "conv1_linear1/tiny"):
        link.symlink_to(study / "elsewhere")
    runs.remove_other_networks(EVALUATION, NETWORKS)
    assert not (EVALUATION / "conv1_linear1/huge").exists()
    assert not (EVALUATION / "conv9_linear1").exists()
    assert all(path.exists() for path in kept)
    pd.testing.assert_frame_equal(runs.load_runs(PARAMS), before)
    shutil.rmtree(EVALUATION / "conv2_linear1")
    (EVALUATION / "conv2_linear1").symlink_to(study / "elsewhere")  # a model of the grid, on another disk
    runs.remove_other_networks(EVALUATION, NETWORKS)
    assert (study / "elsewhere/huge/x").exists()
    with pytest.raises(AssertionError):
        runs.remove_other_networks(study / "elsewhere", NETWORKS)
    runs.remove_other_networks(TIMING, NETWORKS)
    shutil.rmtree(TIMING)
    runs.remove_other_networks(TIMING, NETWORKS)


@pytest.mark.parametrize(
    ("path", "change", "complaint"),
    [
        (RUNS, lambda table: table[table.index != 5], "no runs.csv of NAME seed 1 fold 2;"),
        (RUNS, lambda table: pd.concat([table, table[1:2]]), "runs.csv repeats NAME seed 3 fold 0;"),
        (CURVES, lambda table: table[1:], "no curves.csv of NAME seed 3 fold 4;"),
        (RUNS, lambda table: table.drop(columns="test_images"), ".*there is no column test_images;"),
        (RUNS, lambda table: table.assign(test_correct="x"), ".* test_correct contains .* not finite num"),
        (CURVES, lambda table: table.assign(epoch=np.inf), ".* epoch contains values that are not finite"),
    ],
)
def test_incomplete_tables_are_refused(
    path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], complaint: str
) -> None:
    edit(path, change)
    expected = complaint.replace("NAME", "conv1_linear1-small")
    with pytest.raises(UserError, match=rf"^data/(evaluation|training)\S* .*{expected}"):
        runs.load_runs(PARAMS)


def test_a_loss_may_be_infinite() -> None:
    edit(RUNS, lambda table: table.assign(validation_loss=np.inf))
    assert np.isinf(runs.load_runs(PARAMS).validation_loss).sum() == 6


def test_missing_networks_are_counted() -> None:
    shutil.rmtree(TIMING / "conv2_linear1")
    expected = r"conv2_linear1-small seed 3 fold 4, .* conv2_linear1-small seed 1 fold 2 and 6 more; run `dvc"
    with pytest.raises(UserError, match=expected):
        runs.load_timing(PARAMS)


def test_curves_are_means_over_the_runs() -> None:
    edit(CURVES, lambda table: table.assign(epoch=table.epoch + table.fold / 1e6))
    curves = runs.load_curves(PARAMS)
    assert len(curves) == 4 * PARAMS.train.curve_points, "epochs that differ in the last digits are one point"
    assert list(curves.columns[:5]) == ["network", "model", "kernel", "kernel_size", "epoch"]
    own = read_table(TRAINING / "conv2_linear1/large/curves.csv")
    ends = own[own.epoch == own.epoch.max()]
    assert curves.iloc[-1].network == "conv2_linear1-large"
    assert curves.iloc[-1].validation_accuracy == pytest.approx(ends.validation_accuracy.mean())


def test_timing_names_every_machine() -> None:
    times, machine = runs.load_timing(PARAMS)
    assert machine == MACHINE
    mean = times[times.network == NETWORKS[-1].name].training_seconds.mean()
    assert mean == pytest.approx(true_seconds(NETWORKS[-1]), rel=0.05)
    other = MACHINE.model_copy(update={"processor": "Another", "cores": "4"})
    other.write(TIMING / FIRST / "timing_machine.json")
    machine = runs.load_timing(PARAMS)[1]
    assert (machine.processor, machine.cores) == ("Another / Test processor", "4 / 2")
    assert machine.torch == MACHINE.torch
