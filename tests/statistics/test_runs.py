"""The table of runs: complete, in the order of the parameters, and of nothing else."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_json
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EVALUATION, PREPARED, REFERENCE, TIMING, TRAINING
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.statistics import runs
from tests.support.params import changed
from tests.support.studies import MACHINE, true_seconds, write_simulated_study

TOP = Path(__file__).parents[2]
FIRST = "conv1_linear1/small"


@pytest.fixture(scope="module")
def params() -> Params:
    params = load_params(TOP / "params.yaml")
    models = {name: params.models[name] for name in ("conv1_linear1", "conv2_linear1")}
    return changed(params, seeds=(3, 1), folds=(4, 0, 2), models=models, kernels={"small": 3, "large": 7})


@pytest.fixture(scope="module")
def made(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_simulated_study(folder, params)
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a copy of the study, which may be spoilt, as the working directory."""
    for folder in (EVALUATION, TRAINING, TIMING):
        shutil.copytree(made / folder, tmp_path / folder)
    (tmp_path / PREPARED).symlink_to(made / PREPARED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    write_table(path, change(read_table(path)))


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=0)


@pytest.mark.usefixtures("study")
def test_a_row_a_run_in_the_order_of_the_parameters(params: Params) -> None:
    edit(EVALUATION / FIRST / "runs.csv", shuffled)
    table = runs.load_runs(params)
    assert list(table.columns) == [
        *("network", "model", "kernel", "kernel_size", "conv_layers", "linear_layers"),
        *("parameters", "multiply_accumulates", "seed", "fold"),
        *("validation_correct", "validation_images", "validation_loss", "test_correct", "test_images"),
        *("train_loss", "train_accuracy"),
    ]
    names = ["conv1_linear1-small", "conv1_linear1-large", "conv2_linear1-small", "conv2_linear1-large"]
    assert list(zip(table.network, table.seed, table.fold, strict=True)) == list(
        product(names, (3, 1), (4, 0, 2))
    )
    assert table.kernel_size.tolist() == 2 * (6 * [3] + 6 * [7])
    assert table.groupby("network").test_images.sum().tolist() == 4 * [10_000]
    assert all(table.dtypes[["validation_correct", "validation_images", "test_correct"]] == np.int64)


@pytest.mark.usefixtures("study")
def test_training_values_are_those_of_the_last_point(params: Params) -> None:
    curves = read_table(TRAINING / FIRST / "curves.csv")
    last = curves[(curves.seed == 1) & (curves.fold == 0)].iloc[-1]
    table = runs.load_runs(params)
    row = table[(table.network == "conv1_linear1-small") & (table.seed == 1) & (table.fold == 0)].iloc[0]
    assert (row.train_loss, row.train_accuracy) == (last.train_loss, last.train_accuracy)


@pytest.mark.usefixtures("study")
def test_predictions_agree_with_the_counts(params: Params) -> None:
    data, networks = load_training_set(PREPARED), params.networks()
    labels, probabilities = runs.load_predictions(networks)
    assert labels.shape == probabilities.shape == (len(networks) * 2, 60_000)
    right = [
        int((answers == data.images.labels)[data.folds == fold].sum())
        for answers in labels
        for fold in params.train.folds
    ]
    assert right == runs.load_runs(params).validation_correct.tolist()
    assert (labels[:, data.folds == 1] == 255).all()


@pytest.mark.usefixtures("study")
def test_what_an_earlier_grid_left_is_not_looked_at(params: Params) -> None:
    before = runs.load_runs(params)
    shutil.copytree(EVALUATION / FIRST, EVALUATION / "conv1_linear1/huge")
    (TRAINING / "conv9_linear1" / "small").mkdir(parents=True)
    edit(EVALUATION / FIRST / "runs.csv", lambda table: pd.concat([table, table.assign(seed=7)]))
    pd.testing.assert_frame_equal(runs.load_runs(params), before)


def drop_one(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table.seed != 1) | (table.fold != 2)]


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table[(table.seed == 3) & (table.fold == 4)]])


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("path", "change", "complaint"),
    [
        (EVALUATION / FIRST / "runs.csv", drop_one, "data/evaluation: no runs.csv of FIRST seed 1 fold 2;"),
        (
            EVALUATION / FIRST / "runs.csv",
            twice,
            "data/evaluation: runs.csv holds twice FIRST seed 3 fold 4;",
        ),
        (TRAINING / FIRST / "curves.csv", lambda table: table[1:], "data/training: no curves.csv of FIRST"),
        (
            TRAINING / FIRST / "curves.csv",
            twice,
            "data/training: curves.csv holds twice FIRST seed 3 fold 4;",
        ),
    ],
    ids=["missing", "doubled", "short curve", "long curve"],
)
def test_incomplete_runs_are_named(
    path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], complaint: str, params: Params
) -> None:
    edit(path, change)
    with pytest.raises(UserError) as refusal:
        runs.load_runs(params)
    assert str(refusal.value).startswith(complaint.replace("FIRST", "conv1_linear1-small"))
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("study")
def test_missing_networks_are_counted(params: Params) -> None:
    shutil.rmtree(TIMING / "conv2_linear1")
    expected = r"conv2_linear1-small seed 3 fold 4, .* conv2_linear1-small seed 1 fold 2 and 6 more; run `dvc"
    with pytest.raises(UserError, match=expected):
        runs.load_timing(params)
    shutil.rmtree(EVALUATION)
    with pytest.raises(UserError, match=r"no runs.csv of conv1_linear1-small seed 3 fold 4.* and 18 more"):
        runs.load_runs(params)


@pytest.mark.usefixtures("study")
def test_curves_are_means_over_the_runs(params: Params) -> None:
    edit(TRAINING / FIRST / "curves.csv", lambda table: table.assign(epoch=table.epoch + table.fold / 1e6))
    curves = runs.load_curves(params)
    assert len(curves) == 4 * params.train.curve_points, "epochs that differ in the last digits are one point"
    assert list(curves.columns[:5]) == ["network", "model", "kernel", "kernel_size", "epoch"]
    own = read_table(TRAINING / "conv2_linear1/large/curves.csv")
    ends = own[own.epoch == own.epoch.max()]
    assert curves.iloc[-1].network == "conv2_linear1-large"
    assert curves.iloc[-1].validation_accuracy == pytest.approx(ends.validation_accuracy.mean())


@pytest.mark.usefixtures("study")
def test_timing_names_every_machine(params: Params) -> None:
    times, machine = runs.load_timing(params)
    assert machine == MACHINE
    last = params.networks()[-1]
    mean = times[times.network == last.name].training_seconds.mean()
    assert mean == pytest.approx(true_seconds(last), rel=0.05)
    write_json(TIMING / FIRST / "timing_machine.json", MACHINE | {"processor": "Another", "cores": 4})
    words = runs.load_timing(params)[1]
    assert (words["processor"], words["cores"]) == ("Another / Test processor", "4 / 2")
    assert words["torch"] == MACHINE["torch"]


def test_reference_is_the_same_grid_trained_longer(params: Params, study: Path) -> None:
    assert runs.load_reference(params) is None, "there is none"
    own = runs.load_runs(params)
    longer = own.assign(epochs=9.0, kernel=own.kernel.replace("small", "tiny"), network="another name")
    write_table(study / REFERENCE, shuffled(longer))
    reference = runs.load_reference(params)
    assert reference is not None
    assert set(reference.columns) == {*own.columns, "epochs"}
    order = ["network", "seed", "fold"]
    pd.testing.assert_frame_equal(
        reference[own.columns].sort_values(order, ignore_index=True),
        own.sort_values(order, ignore_index=True),
    )
    write_table(study / REFERENCE, longer[1:])
    with pytest.raises(UserError, match="some runs are missing, or there twice"):
        runs.load_reference(params)
    write_table(study / REFERENCE, longer)
    assert runs.load_reference(changed(params, epochs=9.0)) is None, "not longer"
    assert runs.load_reference(changed(params, kernels={"small": 3, "large": 9})) is None, "another grid"
    assert runs.load_reference(changed(params, kernels={"small": 3})) is None, "a part of it"
