"""DVC runs the whole pipeline on real MNIST: four networks for a moment, experiments, a repeat elsewhere."""

import csv
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from mnist_cnn.core.tables import read_table
from mnist_cnn.sources.fetch import MIRROR
from tests.support.params import SMALL_MODELS as MODELS
from tests.support.params import shrink
from tests.support.repositories import TOP, commit, copy_sources, mnist, recorded_hashes, run, stages_run

pytestmark = pytest.mark.slow

WRITTEN = {"compare", "timing", "report", "page", "card"}


def stages(models: tuple[str, ...], *kernels: str) -> set[str]:
    """Names the stages of some networks."""
    grid = [f"{model}-{kernel}" for model in models for kernel in kernels]
    return {f"{stage}@{network}" for stage in ("train", "evaluate") for network in grid}


# What the README's experiments have to run; `download` checks every change of params.yaml.
EXPERIMENTS = {
    "dvc exp run -S kernels.large=9": stages(MODELS, "large") | WRITTEN,
    "dvc exp run -S 'train.seeds=[0,1]'": stages(MODELS, "small", "large") | WRITTEN,
    "dvc exp run -S 'models.conv2_linear2.hidden_units=[128]'": stages(MODELS[1:], "small", "large")
    | WRITTEN,
    "dvc exp run -S '+kernels.huge=11'": stages(MODELS, "huge") | WRITTEN,
    "dvc exp run -S '~kernels.large'": WRITTEN,
    "dvc exp run -S compare.margin=0.003": WRITTEN - {"timing"},
}
OTHER_DATA = "dvc exp run -S data.dataset=FashionMNIST"  # is run by test_datasets.py
TASTE = "dvc exp run -S 'train.seeds=[0]' -S 'train.folds=[0,1]'"  # what the study here is anyway


def readme_commands() -> list[str]:
    """Lists the README's commands that begin with `dvc`."""
    return re.findall(r"^\$ (dvc .*)$", (TOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository in which `dvc repro` ran once, its outcome committed; and what it printed."""
    folder = tmp_path_factory.mktemp("clone")
    copy_sources(folder)
    shrink(folder / "params.yaml")
    run(folder, "git init --quiet")
    commit(folder, "sources")
    printed = run(folder, "dvc repro", **{MIRROR: mnist()})
    commit(folder, "run")
    return folder, printed


@pytest.fixture
def clone(first_run: tuple[Path, str]) -> Path:
    """The same repository, with nothing changed since that run."""
    folder, _ = first_run
    run(folder, "git checkout --quiet -- .")
    run(folder, "dvc checkout --quiet")
    assert run(folder, "git status --porcelain") == ""
    return folder


def test_first_run_makes_every_stage(first_run: tuple[Path, str]) -> None:
    expected = {"download", "prepare", "export"} | stages(MODELS, "small", "large") | WRITTEN
    assert stages_run(first_run[1]) == expected
    assert "Traceback" not in first_run[1]
    assert "Warning" not in first_run[1]


def test_second_run_does_nothing(clone: Path) -> None:
    assert stages_run(run(clone, "dvc repro")) == set()
    assert run(clone, "git status --porcelain") == ""
    assert "up to date" in run(clone, "dvc status")


def test_readme_shows_no_other_experiment() -> None:
    shown = [command for command in readme_commands() if command.startswith("dvc exp run -S")]
    assert shown == [*EXPERIMENTS, OTHER_DATA, TASTE]


@pytest.mark.parametrize("command", EXPERIMENTS)
def test_experiment_runs_what_depends_on_the_change(clone: Path, command: str) -> None:
    choice = (clone / "plots/choice.json").read_bytes()
    ran = stages_run(run(clone, command))
    assert ran - {"export"} == EXPERIMENTS[command] | {"download"}
    assert ("export" in ran) == (choice != (clone / "plots/choice.json").read_bytes())
    networks = (clone / "metrics/networks.json").read_text(encoding="utf-8")
    assert ("-huge" in networks) == ("+kernels.huge" in command)
    assert ("-large" in networks) == ("~kernels.large" not in command)
    if command == next(iter(EXPERIMENTS)):
        look_at_one_column(clone)


def look_at_one_column(clone: Path) -> None:
    """Looks at the change of one kernel as the README does."""
    difference = run(clone, "dvc metrics diff").splitlines()[1:]
    assert 0 < len(difference) <= 16
    assert all("-small" not in line for line in difference)
    assert sum("accuracy.conv" in line for line in difference) <= len(MODELS)
    assert sum("seconds.conv" in line for line in difference) == len(MODELS)
    run(clone, "dvc plots diff")
    (show,) = (command for command in readme_commands() if command.startswith("dvc exp show"))
    table = run(clone, show).splitlines()
    assert any("best_accuracy" in line for line in table)
    assert max(map(len, table)) <= 180


def test_queued_experiment_runs_its_own_code(clone: Path) -> None:
    """Code that is broken after the experiment was queued does not break it."""
    run(clone, "dvc exp run --queue --name own-code -S compare.margin=0.004")
    (clone / "src/mnist_cnn/runs.py").write_text(
        "raise SystemExit('code of the workspace')\n", encoding="utf-8"
    )
    run(clone, "dvc queue start")
    for _ in range(120):
        status = run(clone, "dvc queue status")
        if not re.search(r"Queued|Running", status):
            break
        time.sleep(2)
    assert "Success" in status
    shown = list(csv.DictReader(run(clone, "dvc exp show --csv").splitlines()))
    (queued,) = (row for row in shown if row["Experiment"] == "own-code")
    assert queued["compare.margin"] == "0.004"
    assert float(queued["best_accuracy"]) > 0.5


def test_repeat_elsewhere_changes_measured_times_alone(clone: Path, tmp_path: Path) -> None:
    """Another path, cache, clock, locale, time zone, hash seed, number of cores; NumPy's plainest loops."""
    again = tmp_path / "another place"
    run(tmp_path, f"git clone --quiet {clone} '{again}'")
    run(again, f"dvc config --local cache.dir {tmp_path}/cache")
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)),
        "OPENBLAS_CORETYPE": "Nehalem",
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "1",
        MIRROR: mnist(),
    }
    one_core = f"taskset --cpu-list {min(os.sched_getaffinity(0))} " if shutil.which("taskset") else ""
    run(again, f"{one_core}dvc repro --force --no-run-cache", **plain)
    changed = {line[3:] for line in run(again, "git status --porcelain").splitlines()}
    assert "dvc.lock" in changed
    assert {name for name in changed if not Path(name).name.startswith("timing")} == {"dvc.lock"}
    before, after = (recorded_hashes((one / "dvc.lock").read_text(encoding="utf-8")) for one in (clone, again))
    assert before.keys() == after.keys()
    unlike = {path for (stage, path), md5 in before.items() if after[stage, path] != md5}
    assert {path for path in unlike if "timing" not in path} <= {"report/index.html"}
    assert "data/timing/conv1_linear1/small" in unlike


def test_verify_proves_what_is_committed_or_not(clone: Path) -> None:
    lock, table = clone / "dvc.lock", clone / "plots/runs.csv"
    text = lock.read_text(encoding="utf-8")
    recorded = recorded_hashes(text)
    for model, kernel in (
        ("conv1_linear1", "large"),
        ("conv2_linear2", "small"),
    ):  # as if committed with other bits
        md5 = recorded[f"train@{model}-{kernel}", f"data/weights/{model}/{kernel}"]
        text = text.replace(md5, md5[::-1])
    lock.write_text(text, encoding="utf-8")
    runs = read_table(table)
    row = runs.index[(runs["network"] == "conv2_linear2-small") & (runs["fold"] == 1)][0]
    right = runs["validation_correct"][row]
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[row + 1] = lines[row + 1].replace(f",{right},", f",{right + 3},")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    commit(clone, "invented")
    try:
        printed = run(clone, "python src/verify.py conv1_linear1-small conv1_linear1-large")
        assert "conv1_linear1-small: same bits" in printed
        assert "conv1_linear1-large: same counts" in printed
        printed = run(clone, "python src/verify.py conv2_linear2-small", fails=True)
        line = f"seed 0, fold 1: {right + 3} images were right, now {right}; largest difference 3 images"
        assert f"conv2_linear2-small: different: {line}" in printed
        assert "Traceback" not in printed
        assert run(clone, "git status --porcelain") == ""
    finally:
        run(clone, "git reset --quiet --hard HEAD~1")
