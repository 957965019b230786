"""One real run of MNIST and DVC, of two networks for a moment, and the README's experiments after it."""

import csv
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import TOP

MODEL = "conv2_linear2"
BOTH = {f"{stage}@{MODEL}-{kernel}" for stage in ("train", "evaluate") for kernel in ("small", "large")}
WRITTEN = {"compare", "report"}
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}
ENVIRONMENT.pop("PYTHONPATH", None)  # each stage names its own

# Experiments of the README, and the stages that each has to run.
EXPERIMENTS = {
    "dvc exp run -S kernels.large=9": {f"train@{MODEL}-large", f"evaluate@{MODEL}-large", *WRITTEN},
    "dvc exp run -S 'models.conv2_linear2.hidden_units=[128]'": {*BOTH, *WRITTEN},
    "dvc exp run -S '+kernels.huge=11'": {f"train@{MODEL}-huge", f"evaluate@{MODEL}-huge", *WRITTEN},
    "dvc exp run -S '~kernels.large'": WRITTEN,
    "dvc exp run -S 'train.folds=[0]'": {*BOTH, *WRITTEN},
    "dvc exp run -S compare.margin=0.003": WRITTEN,
}
# What else the README shows, run where it has something to say.
LOOKS = (
    "dvc dag evaluate@conv2_linear2-large",
    "dvc metrics show metrics/summary.json",
    "dvc params diff",
    "dvc metrics diff",
    "dvc plots show",
    "dvc plots diff",
    "dvc exp show --only-changed --drop 'conv|linear|effects'",
)
QUEUE = "dvc exp run --queue -S 'train.learning_rate=0.002,0.005'"


def run(folder: Path, command: str, *, fails: bool = False) -> str:
    """Runs a command in a folder and returns what it printed."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}"
    return done.stdout


def stages_run(printed: str) -> set[str]:
    """Finds the stages that DVC says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", printed))


def shrink(params: Path) -> None:
    """Leaves two networks, two folds and a fraction of an epoch."""
    content = yaml.safe_load(params.read_text(encoding="utf-8"))
    content["kernels"] = {"small": 3, "large": 7}
    content["models"] = {MODEL: content["models"][MODEL]}
    content["train"] |= {"folds": [0, 1], "epochs": 0.1, "curve_images": 200}
    params.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def copy_sources(folder: Path) -> None:
    """Copies the sources as they stand, and nothing that was computed."""
    listed = run(TOP, "git ls-files -z --cached --others --exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = TOP / name, folder / name
        if source.is_file() and name.split("/")[0] not in ("dvc.lock", "metrics", "plots", "report"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def commit(folder: Path, message: str) -> None:
    """Commits all that git does not ignore."""
    run(folder, "git add --all")
    run(folder, f"git commit --quiet --allow-empty --message '{message}'")


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository in which `dvc repro` ran once, its outcome committed; and what it printed."""
    folder = tmp_path_factory.mktemp("clone")
    copy_sources(folder)
    shrink(folder / "params.yaml")
    run(folder, "git init --quiet")
    commit(folder, "sources")
    printed = run(folder, "dvc repro")
    commit(folder, "run")
    return folder, printed


@pytest.fixture
def clone(first_run: tuple[Path, str]) -> Path:
    """The same repository, with nothing changed since that run."""
    folder, _ = first_run
    run(folder, "git checkout --quiet -- .")
    assert run(folder, "git status --porcelain") == ""
    return folder


def test_first_run_makes_every_stage(first_run: tuple[Path, str]) -> None:
    assert stages_run(first_run[1]) == {"download", "prepare", *BOTH, "compare", "report"}
    assert "Traceback" not in first_run[1]
    assert "Warning" not in first_run[1]


def test_second_run_does_nothing(clone: Path) -> None:
    assert stages_run(run(clone, "dvc repro")) == set()
    assert run(clone, "git status --porcelain") == ""


@pytest.mark.parametrize("command", EXPERIMENTS)
def test_experiment_runs_what_depends_on_the_change(clone: Path, command: str) -> None:
    assert stages_run(run(clone, command)) == EXPERIMENTS[command]
    metrics = (clone / "metrics/networks.json").read_text(encoding="utf-8")
    assert ('"huge"' in metrics) == ("huge" in command)
    assert ('"large"' in metrics) == ("~" not in command)
    assert ("std" in metrics) == ("folds" not in command)


def test_differences_after_an_experiment(clone: Path) -> None:
    run(clone, "dvc exp run -S kernels.large=9")
    printed = {command: run(clone, command) for command in LOOKS}
    difference = printed["dvc metrics diff"]
    assert re.search(rf"{MODEL}\.large\.kernel_size +7 +9 +2", difference)
    assert re.search(rf"{MODEL}\.large\.validation_accuracy +0\.\d+ +0\.\d+ +-?[\d.e-]+", difference)
    assert f"{MODEL}.small.kernel_size" not in difference
    assert re.search(r"kernels\.large +7 +9", printed["dvc params diff"])
    assert "highest_accuracy" in printed["dvc metrics show metrics/summary.json"]
    assert (clone / "dvc_plots/index.html").exists()


def test_queue_runs_its_experiments(clone: Path) -> None:
    run(clone, QUEUE)
    run(clone, "dvc queue start")
    for _ in range(120):
        status = run(clone, "dvc queue status")
        if not re.search(r"Queued|Running", status):
            break
        time.sleep(2)
    assert len(re.findall(r"Success", status)) == 2, status


def test_queued_experiment_runs_its_own_code(clone: Path) -> None:
    """Code that is broken after the experiment was queued does not break it."""
    run(clone, "dvc exp run --queue --name own-code -S compare.margin=0.004")
    broken = clone / "src/mnist_cnn/summaries.py"
    broken.write_text("raise SystemExit('the code of the workspace')\n", encoding="utf-8")
    printed = run(clone, "dvc exp run --run-all --jobs 1")
    assert "the code of the workspace" not in printed
    shown = list(csv.DictReader(run(clone, "dvc exp show --csv").splitlines()))
    (queued,) = (row for row in shown if row["Experiment"] == "own-code")
    assert queued["compare.margin"] == "0.004"
    assert float(queued["highest_accuracy"]) > 0.5


def test_mistake_in_params_is_one_line_and_loses_nothing(clone: Path) -> None:
    params = clone / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("large: 7", "large: 4"), encoding="utf-8")
    printed = run(clone, "dvc repro", fails=True)
    assert "error: params.yaml: kernels.large is 4: must be odd" in printed
    assert "Traceback" not in printed
    run(clone, "git checkout --quiet -- .")
    assert stages_run(run(clone, "dvc repro")) == set()
    assert run(clone, "git status --porcelain") == ""


def test_second_clone_pulls_everything(clone: Path, tmp_path: Path) -> None:
    run(clone, f"dvc remote add --local --force --default storage {tmp_path / 'storage'}")
    run(clone, "dvc push")
    second = tmp_path / "second"
    run(tmp_path, f"git clone --quiet {clone} {second}")
    run(second, f"dvc remote add --local --default storage {tmp_path / 'storage'}")
    run(second, "dvc pull")
    assert stages_run(run(second, "dvc repro")) == set()
    assert (second / f"data/weights/{MODEL}/large/1.safetensors").exists()


def test_matrix_loses_no_network() -> None:
    grid = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    listed = run(TOP, "dvc stage list --name-only").split()
    for stage in ("train", "evaluate"):
        networks = {f"{stage}@{model}-{kernel}" for model in grid["models"] for kernel in grid["kernels"]}
        assert {name for name in listed if name.startswith(f"{stage}@")} == networks
