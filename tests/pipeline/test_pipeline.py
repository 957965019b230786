"""The first five blocks of the README as they are printed: from a clone to the use of the network."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from PIL import Image

from mnist_cnn.core.params import load_params
from mnist_cnn.core.tables import read_table
from mnist_cnn.sources.fetch import MIRROR
from mnist_cnn.sources.idx import read_idx
from tests.support.commands import REPOSITORY, command_blocks, run_printed
from tests.support.params import set_keys, shrink
from tests.support.repositories import (
    TOP,
    commit,
    copy_sources,
    mnist,
    recorded_hashes,
    run,
    stages_run,
)

pytestmark = pytest.mark.slow

SETUP, TRIAL, STUDY, VERIFY, USE = command_blocks((TOP / "README.md").read_text(encoding="utf-8"))[:5]
NETWORKS = {"conv1_linear1-small": "conv1_linear1-large", "conv3_linear2-small": "conv2_linear2-large"}
GRID = {f"{stage}@{network}" for stage in ("train", "evaluate") for network in NETWORKS.values()}
TABLES = {"compare", "timing", "report", "page"}
ONCE = {"download", "prepare", "export", "card"}  # what the study may have in common with the trial
VENV = {"VENV": sys.prefix}
ELSEWHERE = {  # another locale, time zone and hash seed; the plainest kernels of NumPy
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)),
    "OPENBLAS_CORETYPE": "Nehalem",
    "LC_ALL": "C",
    "TZ": "Asia/Tokyo",
    "PYTHONHASHSEED": "1",
}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A clone in which the first three blocks of the README were run, and what each command printed."""
    top = tmp_path_factory.mktemp("readme")
    origin = top / "origin"
    copy_sources(origin)
    shrink(origin / "params.yaml", kernels=("large",))
    set_keys(origin / "params.yaml", {"train.seeds": [0, 1]})
    run(origin, "git init --quiet")
    commit(origin, "sources")
    commands = SETUP + TRIAL + STUDY
    _, _, *printed = run_printed(top, commands, VENV | {MIRROR: mnist()}, {REPOSITORY: str(origin)})
    folder = top / "mnist-cnn"
    commit(folder, "run")
    return folder, printed


def test_trial_runs_every_stage_in_a_copy(first_run: tuple[Path, list[str]]) -> None:
    folder, (trial, metrics, *_) = first_run
    assert stages_run(trial) == GRID | TABLES | ONCE
    assert all(network in metrics for network in NETWORKS.values())
    assert load_params(folder / "params.yaml").train.seeds == (0, 1)


def test_study_runs_every_stage(first_run: tuple[Path, list[str]]) -> None:
    folder, (*_, study, charts) = first_run
    assert GRID | TABLES <= stages_run(study) <= GRID | TABLES | ONCE
    assert "this machine computes the committed bits" in study
    assert "Traceback" not in study
    assert "Warning" not in study
    page = Path(charts.strip().removeprefix("file://")).read_text(encoding="utf-8")
    assert all(title in page for title in ("Accuracy of every network", "Confusion matrix"))
    assert stages_run(run(folder, "dvc repro")) == set()
    assert "up to date" in run(folder, "dvc status")
    assert run(folder, "git status --porcelain") == ""


def test_networks_are_verified(first_run: tuple[Path, list[str]]) -> None:
    """The first network is committed with other bits, the second one with another number as well."""
    folder, _ = first_run
    assert NETWORKS.keys() <= {network.name for network in load_params(TOP / "params.yaml").networks()}
    lock, path = folder / "dvc.lock", folder / "plots/runs.csv"
    text = lock.read_text(encoding="utf-8")
    recorded = recorded_hashes(text)
    for name in NETWORKS.values():
        md5 = recorded[f"train@{name}", f"data/weights/{name.replace('-', '/')}"]
        text = text.replace(md5, md5[::-1])
    lock.write_text(text, encoding="utf-8")
    runs = read_table(path)
    row = runs.index[(runs["network"] == "conv2_linear2-large") & (runs["fold"] == 1)][0]
    correct = runs["validation_correct"][row]
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[row + 1] = lines[row + 1].replace(f",{correct},", f",{correct + 3},")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    commit(folder, "edited")
    command = VERIFY[0]
    for name, other in NETWORKS.items():
        command = command.replace(name, other)
    printed = run(folder, command, fails=True, **VENV)
    run(folder, "git reset --quiet --hard HEAD~1")
    assert "conv1_linear1-large: same counts\n" in printed
    line = f"seed 0, fold 1: {correct + 3} validation images were correct, now {correct} are; "
    assert f"conv2_linear2-large: different: {line}the largest difference of a run is 3 images\n" in printed
    assert "Traceback" not in printed


def test_everything_is_verified_elsewhere(first_run: tuple[Path, list[str]]) -> None:
    """On one core, in another directory with another cache, and with another environment."""
    folder, _ = first_run
    one_core = f"taskset --cpu-list {min(os.sched_getaffinity(0))} " if shutil.which("taskset") else ""
    printed = run(folder, one_core + VERIFY[1], **VENV, **ELSEWHERE)
    for name in NETWORKS.values():
        assert f"{name}: same bits\n" in printed
    assert "all committed tables, figures and texts: same bytes\n" in printed
    assert run(folder, "git status --porcelain") == ""


def test_answer_is_used(first_run: tuple[Path, list[str]]) -> None:
    folder, _ = first_run
    pixels = read_idx(Path(mnist(), "t10k-images-idx3-ubyte").read_bytes())[0]
    Image.fromarray(255 - pixels).resize((200, 200)).save(folder / "picture.png")
    environment = {"PYTHONPATH": str(TOP / "src"), "BROWSER": "true"}
    answer, page = run_printed(folder, USE, environment)
    (folder / "picture.png").unlink()
    assert answer.startswith("picture.png: ")
    assert "demo.html" in page
    assert (folder / "demo.html").stat().st_size > 100_000
