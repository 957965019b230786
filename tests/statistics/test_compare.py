"""The stages compare and timing, end to end on studies with known effects."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import compare
import timing
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_json
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import DATA, EVALUATION, PARAMS, PLOTS, REFERENCE
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.statistics.runs import load_runs
from tests.support.params import changed
from tests.support.studies import true_seconds, write_simulated_study

TOP = Path(__file__).parents[2]
WRITTEN = {
    *("metrics/networks.json", "metrics/summary.json", "plots/choice.json", "plots/confusion.csv"),
    *("plots/effects.csv", "plots/learning_curves.csv", "plots/networks.csv", "plots/runs.csv"),
    "plots/statements.json",
}
TIMES = {
    *("metrics/timing.json", "plots/timing.csv"),
    *("report/timing.md", "report/timing.ru.md", "report/timing.svg"),
}


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(TOP / "params.yaml")


def study(folder: Path, params: Params, seed: int = 0, clock: float = 1.0) -> Path:
    """Makes a study and compares it, below `folder`, where the test then works."""
    write_simulated_study(folder, params, seed, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        compare.main()
        timing.main()
    return folder


@pytest.fixture(scope="module")
def compared(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study(tmp_path_factory.mktemp("compared"), params)


def outputs(folder: Path) -> dict[str, bytes]:
    """Reads all files that stand outside data/."""
    files = (path for kind in ("metrics", "plots", "report") for path in (folder / kind).rglob("*.*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_files(compared: Path) -> None:
    assert set(outputs(compared)) == WRITTEN | TIMES


def test_metrics_are_few_and_say_what_the_tables_say(compared: Path) -> None:
    networks = read_table(compared / "plots/networks.csv").set_index("network")
    metrics = read_json(compared / "metrics/networks.json")
    assert metrics == {"accuracy": networks.accuracy.to_dict()}
    summary, facts = (
        read_json(compared / "metrics/summary.json"),
        read_json(compared / "plots/statements.json"),
    )
    assert len(summary) <= 6
    chosen = networks.loc[facts["chosen"]]
    assert summary["chosen_accuracy"] == chosen.accuracy
    assert summary["chosen_multiply_accumulates"] == chosen.multiply_accumulates
    assert summary["best_accuracy"] == networks.accuracy.max()
    assert (summary["good_enough"], summary["lose_more"]) == (len(facts["good"]), len(facts["worse"]))


def test_choice_is_a_network_and_its_recipe(compared: Path, params: Params) -> None:
    choice, facts = (read_json(compared / f"plots/{name}.json") for name in ("choice", "statements"))
    model, kernel = facts["chosen"].split("-")
    assert choice == {
        **{"name": facts["chosen"], "shown": True, "model": model, "kernel": kernel},
        "kernel_size": params.kernels[kernel],
        **params.models[model].model_dump(mode="json"),
        "dataset": "MNIST",
        "recipe": {"epochs": 3.0, "batch_size": 64, "learning_rate": 0.01, "warmup": 0.1},
    }


def test_confusion_is_that_of_the_chosen_network(compared: Path, params: Params) -> None:
    confusion = read_table(compared / "plots/confusion.csv")
    runs = read_table(compared / "plots/runs.csv")
    name = read_json(compared / "plots/choice.json")["name"]
    right = confusion[confusion.actual == confusion.predicted].images.sum()
    assert right == runs[runs.network == name].validation_correct.sum()
    assert (len(confusion), confusion.images.sum()) == (100, 60_000)
    assert len(read_table(compared / "plots/learning_curves.csv")) == 15 * params.train.curve_points


def test_one_fold_states_nothing_and_succeeds(params: Params, tmp_path: Path) -> None:
    folder = study(tmp_path, changed(params, folds=(2,)))
    choice, facts = (read_json(folder / f"plots/{name}.json") for name in ("choice", "statements"))
    assert choice["name"] is None
    assert choice["shown"] is False
    assert f"{choice['model']}-{choice['kernel']}" == facts["most_accurate"]
    summary = read_json(folder / "metrics/summary.json")
    assert summary["chosen_accuracy"] is summary["half_width"] is None
    assert summary["best_accuracy"] > 0.98
    times = read_table(folder / "plots/timing.csv")
    assert times.lower.isna().all()
    assert times[times.kind == "effect"].ratio.notna().all()


def test_collapsed_network_has_no_accuracy_of_its_own(params: Params, tmp_path: Path) -> None:
    params = changed(params, folds=(0, 1))
    write_simulated_study(tmp_path, params)
    path = tmp_path / EVALUATION / "conv1_linear1/small/runs.csv"
    write_table(path, read_table(path).assign(validation_correct=1100))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        compare.main()
    assert "conv1_linear1-small" not in read_json(tmp_path / "metrics/networks.json")["accuracy"]
    assert len(read_json(tmp_path / "plots/statements.json")["collapsed"]) == 2


@pytest.fixture
def again(compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a folder with the same data, not yet compared, as the working directory."""
    shutil.copy(compared / PARAMS, tmp_path)
    shutil.copytree(compared / DATA, tmp_path / DATA, copy_function=os.link)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("again")
def test_incomplete_study_is_refused() -> None:
    (EVALUATION / "conv1_linear1/small/runs.csv").unlink()
    with pytest.raises(UserError, match="conv1_linear1-small seed 0 fold 0"):
        compare.main()
    assert not PLOTS.exists()


@pytest.fixture
def reference(again: Path) -> pd.DataFrame:
    """Gives the study's own runs, as if they were trained longer."""
    return load_runs(load_params(again / PARAMS)).assign(epochs=8.0)


def longer(reference: pd.DataFrame) -> dict[str, Any]:
    """Compares with a reference; returns what is said of it, what is stated here, and what is chosen."""
    write_table(REFERENCE, reference)
    compare.main()
    facts = read_json(PLOTS / "statements.json")
    return facts["longer"] | {"here": facts["definite"], "chosen_here": facts["chosen"]}


def test_what_training_longer_confirms(reference: pd.DataFrame) -> None:
    said = longer(reference)
    assert (said["epochs"], said["runs"], said["chosen"]) == (8, 90, said["chosen_here"])
    assert said["only_here"] == said["contradicted"] == []


def test_what_training_longer_contradicts(reference: pd.DataFrame) -> None:
    swap = {"conv1": "conv2", "conv2": "conv1"}  # then a second layer costs accuracy
    counts = reference.set_index(["model", "kernel", "fold"]).validation_correct
    models = [swap.get(model[:5], model[:5]) + model[5:] for model in reference.model]
    keys = zip(models, reference.kernel, reference.fold, strict=True)
    said = longer(reference.assign(validation_correct=[counts[key] for key in keys]))
    assert "conv 2-1" in said["contradicted"]
    assert set(said["contradicted"]) <= set(said["here"])


def test_what_holds_for_this_length_alone(reference: pd.DataFrame) -> None:
    noise = np.random.default_rng(1).normal(0, 100, len(reference)).round().astype(int)
    said = longer(reference.assign(validation_correct=reference.validation_correct - 150 + noise))
    assert said["contradicted"] == []
    assert "conv 2-1" in said["only_here"]
    assert said["chosen"] is None


def test_same_bytes_whichever_kernels_numpy_picks(again: Path, compared: Path) -> None:
    features = np._core._multiarray_umath.__cpu_features__
    kinds = np._core._multiarray_umath.__cpu_dispatch__  # of which this NumPy has kernels of their own
    newer = [kind for kind in kinds if features[kind] and (kind == "X86_V4" or "AVX512" in kind)]
    if not newer:
        pytest.skip("this processor has nothing newer than AVX2")
    settings = {"NPY_DISABLE_CPU_FEATURES": " ".join(newer), "OPENBLAS_CORETYPE": "Haswell"}
    command = [sys.executable, str(TOP / "src/compare.py")]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
    assert not done.stderr
    expected = outputs(compared)
    assert outputs(again) == {name: expected[name] for name in WRITTEN}


def test_another_clock_changes_nothing_but_the_times(compared: Path, params: Params, tmp_path: Path) -> None:
    other = outputs(study(tmp_path, params, clock=1.7))
    before = outputs(compared)
    assert {name for name in before if before[name] != other[name]} == TIMES


@pytest.mark.usefixtures("again")
def test_comparing_needs_no_pytorch_and_says_what_it_found() -> None:
    program = "import sys, compare; compare.main(); sys.exit('torch' in sys.modules)"
    path = {"PYTHONPATH": str(TOP / "src")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=os.environ | path, capture_output=True, text=True, check=True)
    name = read_json(PLOTS / "choice.json")["name"]
    assert done.stdout == f"compare: 90 runs of 15 networks; chosen: {name}\n"


def test_times_are_ratios_with_intervals(compared: Path, params: Params) -> None:
    table = read_table(compared / "plots/timing.csv")
    networks, effects = (table[table.kind == kind].set_index("name") for kind in ("network", "effect"))
    truth = {network.name: true_seconds(network) for network in params.networks()}
    assert networks.seconds.to_dict() == pytest.approx(truth, rel=0.05)
    assert read_json(compared / "metrics/timing.json") == {"cpu_seconds": networks.seconds.to_dict()}
    pairs = [(truth[f"{model}-large"], truth[f"{model}-small"]) for model in params.models]
    ratio = np.exp(np.mean([np.log(large / small) for large, small in pairs]))
    effect = effects.loc["kernel large-small"]
    assert effect.lower < ratio < effect.upper
    assert effect.ratio == pytest.approx(np.sqrt(effect.lower * effect.upper), rel=1e-6)
