"""The stages compare and timing, on studies with known effects."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compare
import timing
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import DATA, EVALUATION, PARAMS, PLOTS, TIMING, TRAINING
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.documents import Choice, StudySummary
from tests.support.params import changed
from tests.support.repositories import TOP, run_python
from tests.support.studies import grid, true_seconds, write_simulated_study

COMPARED = {
    *("metrics/networks.json", "metrics/summary.json", "plots/choice.json", "plots/confusion.csv"),
    *("plots/effects.csv", "plots/learning_curves.csv", "plots/missed_images.csv", "plots/networks.csv"),
    *("plots/runs.csv", "plots/study.json"),
}
TIMED = {
    *("metrics/timing.json", "plots/timing.csv"),
    *("report/timing.md", "report/timing.ru.md", "report/timing.svg"),
}
GRID = grid()


def run_stages(folder: Path, params: Params, clock: float = 1.0) -> Path:
    """Writes a study below `folder`, and runs both stages there."""
    write_simulated_study(folder, params, clock=clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        compare.main()
        timing.main()
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_stages(tmp_path_factory.mktemp("compared"), GRID)


@pytest.fixture
def data(compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes to a directory with the same data, from which nothing was computed yet."""
    shutil.copy(compared / PARAMS, tmp_path)
    shutil.copytree(compared / DATA, tmp_path / DATA, copy_function=os.link)
    monkeypatch.chdir(tmp_path)


def outputs(folder: Path) -> dict[str, bytes]:
    """Reads the files of both stages."""
    files = (path for kind in ("metrics", "plots", "report") for path in (folder / kind).rglob("*.*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read_metrics(folder: Path, name: str) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / f"metrics/{name}.json").read_text(encoding="utf-8"))
    return metrics


def test_metrics_and_documents_agree_with_the_tables(compared: Path) -> None:
    assert set(outputs(compared)) == COMPARED | TIMED
    networks = read_table(compared / "plots/networks.csv").set_index("network")
    summary = StudySummary.read(compared / "plots/study.json")
    assert read_metrics(compared, "networks") == {"accuracy": networks.accuracy.to_dict()}
    assert summary.chosen is not None
    assert read_metrics(compared, "summary") == {
        "chosen_accuracy": networks.accuracy[summary.chosen],
        "chosen_multiply_accumulates": networks.multiply_accumulates[summary.chosen],
        "best_accuracy": networks.accuracy.max(),
        "good_enough": (networks.tier == "good").sum(),
        "lose_more": (networks.tier == "worse").sum(),
        "half_width": summary.half_width,
    }
    choice = Choice.read(compared / "plots/choice.json")
    assert choice.name == choice.network.name == summary.chosen
    assert choice.network in GRID.networks()
    assert choice.dataset == "MNIST"
    assert choice.recipe.model_dump() == GRID.train.model_dump(include=set(choice.recipe.model_dump()))


def test_confusion_and_missed_images_are_those_of_the_predictions(compared: Path) -> None:
    confusion, runs = (read_table(compared / f"plots/{name}.csv") for name in ("confusion", "runs"))
    chosen = Choice.read(compared / "plots/choice.json").name
    correct = confusion[confusion.actual == confusion.predicted].images.sum()
    assert correct == runs[runs.network == chosen].validation_correct.sum()
    assert (len(confusion), confusion.images.sum()) == (100, 60_000)
    missed = read_table(compared / "plots/missed_images.csv")
    assert len(missed) > 20
    assert (missed.classifiers == 15).all()
    assert (missed.actual != missed.predicted).all()
    assert len(read_table(compared / "plots/learning_curves.csv")) == 15 * GRID.train.curve_points


def test_with_one_fold_nothing_is_chosen(tmp_path: Path) -> None:
    folder = run_stages(tmp_path, changed(GRID, folds=(2,)))
    choice = Choice.read(folder / "plots/choice.json")
    assert choice.name is None
    assert choice.network.name == StudySummary.read(folder / "plots/study.json").most_accurate
    metrics = read_metrics(folder, "summary")
    assert metrics["chosen_accuracy"] is metrics["half_width"] is None
    assert metrics["best_accuracy"] > 0.98
    times = read_table(folder / "plots/timing.csv")
    assert times.lower.isna().all()
    assert times[times.kind == "effect"].ratio.notna().all()


@pytest.mark.usefixtures("data")
def test_a_collapsed_network_has_no_accuracy() -> None:
    path = EVALUATION / "conv1_linear1/small/runs.csv"
    table = read_table(path).assign(validation_correct=1100)
    path.unlink()  # a link
    write_table(path, table)
    compare.main()
    assert "conv1_linear1-small" not in read_metrics(Path(), "networks")["accuracy"]
    assert len(StudySummary.read(PLOTS / "study.json").collapsed) == 6


@pytest.mark.usefixtures("data")
def test_directories_of_other_networks_are_removed(compared: Path) -> None:
    for directory in (EVALUATION, TRAINING, TIMING):
        shutil.copytree(directory / "conv1_linear1/small", directory / "conv1_linear1/huge")
    compare.main()
    timing.main()
    assert [path.name for path in sorted(DATA.rglob("huge"))] == []
    assert outputs(Path()) == outputs(compared)


@pytest.mark.usefixtures("data")
def test_same_bytes_whichever_kernels_numpy_picks(compared: Path) -> None:
    features = np._core._multiarray_umath.__cpu_features__
    kinds = np._core._multiarray_umath.__cpu_dispatch__  # of which this NumPy has kernels of their own
    newer = [kind for kind in kinds if features[kind] and (kind == "X86_V4" or "AVX512" in kind)]
    if not newer:
        pytest.skip("this processor has nothing newer than AVX2")
    settings = {"NPY_DISABLE_CPU_FEATURES": " ".join(newer), "OPENBLAS_CORETYPE": "Haswell"}
    program = "import sys, compare; compare.main(); sys.exit('torch' in sys.modules)"
    done = run_python(Path(), "-c", program, **settings, PYTHONPATH=str(TOP / "src"))
    assert done.returncode == 0, done.stderr
    name = Choice.read(PLOTS / "choice.json").name
    assert (done.stdout, done.stderr) == (f"compare: 90 runs of 15 networks; chosen: {name}\n", "")
    expected = outputs(compared)
    assert outputs(Path()) == {name: expected[name] for name in COMPARED}


def test_another_clock_changes_nothing_but_the_times(compared: Path, tmp_path: Path) -> None:
    before, after = outputs(compared), outputs(run_stages(tmp_path, GRID, clock=1.7))
    assert {name for name in before if before[name] != after[name]} == TIMED


def test_times_are_ratios_with_intervals(compared: Path) -> None:
    table = read_table(compared / "plots/timing.csv")
    networks, effects = (table[table.kind == kind].set_index("name") for kind in ("network", "effect"))
    truth = {network.name: true_seconds(network) for network in GRID.networks()}
    assert networks.seconds.to_dict() == pytest.approx(truth, rel=0.05)
    assert read_metrics(compared, "timing") == {"cpu_seconds": networks.seconds.to_dict()}
    pairs = [(truth[f"{model}-large"], truth[f"{model}-small"]) for model in GRID.models]
    ratio = np.exp(np.mean([np.log(large / small) for large, small in pairs]))
    effect = effects.loc["kernel large-small"]
    assert effect.lower < ratio < effect.upper
    assert effect.ratio == pytest.approx(np.sqrt(effect.lower * effect.upper), rel=1e-6)
