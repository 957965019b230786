"""`make repro` says first what there is to train; with JOBS it runs several stages at a time, each once.

A small script stands for each stage; tests/trials/test_stages_side_by_side.py trains.
"""

import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import plan
from mnist_cnn.core.params import Params
from tests.support.params import changed, set_keys, shrink
from tests.support.repositories import commit, copy_sources, recorded_hashes, run

MAKE = f"make --no-print-directory repro VENV={sys.prefix}"
COUNTS = "4 networks, 1 seed, 2 folds"
SAFE = "Ctrl-C is safe: the next `make repro` continues."
NOTHING = f"Nothing to train: the 8 runs ({COUNTS}) are there.\n"
SCRIPT = '''
"""Writes the outputs of its stage and a line into ../runs; waits until MEET training stages have begun."""
import os, sys, time
from pathlib import Path
import yaml

name, _, item = os.environ["DVC_STAGE"].rpartition(":")[2].partition("@")
model, _, kernel = item.partition("-")
text = Path("dvc.yaml").read_text().replace("${item.model}", model).replace("${item.kernel}", kernel)
stage = yaml.safe_load(text.replace("${data.dataset}", "MNIST"))["stages"][name]
runs = Path("../runs")
with runs.open("a") as file:
    file.write(f"{name}@{item}\\n")
if name == "train":
    end = time.monotonic() + 120
    while runs.read_text().count("train@") < int(os.environ.get("MEET", "1")):
        assert time.monotonic() < end, "no other training stage has begun"
        time.sleep(0.1)
for out in [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ())]:
    path = Path(out if isinstance(out, str) else next(iter(out)))
    path = path if path.suffix else path / "file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{name} {item} {path}")
'''


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository of four networks that was reproduced three stages at a time, and what that printed."""
    folder = tmp_path_factory.mktemp("jobs") / "repository"
    copy_sources(folder)
    shrink(folder / "params.yaml")
    for name in yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]:
        (folder / f"src/{name}.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "src/verify.py").write_text("", encoding="utf-8")
    page = folder / ".dvc/tmp/plots_page.html"  # `make` would draw it
    page.parent.mkdir(exist_ok=True)
    page.touch()
    run(folder, "git init --quiet")
    commit(folder, "sources")
    printed = run(folder, f"{MAKE} JOBS=3", MEET="3")
    commit(folder, "run")
    return folder, printed


@pytest.fixture
def copy(reproduced: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the repository."""
    shutil.copytree(reproduced[0], tmp_path / "repository")
    return tmp_path / "repository"


def planned(folder: Path) -> str:
    return run(folder, "python src/plan.py")


@pytest.mark.slow
def test_stages_run_side_by_side_and_once(reproduced: tuple[Path, str], copy: Path) -> None:
    folder, printed = reproduced
    assert printed.startswith(f"8 runs to train ({COUNTS}). {SAFE}\n")
    assert "ERROR" not in printed
    runs = (folder.parent / "runs").read_text(encoding="utf-8").split()
    assert Counter(runs) == dict.fromkeys(runs, 1)
    trained = [name for name in runs if name.startswith("train@")]
    assert trained[-1] == "train@conv1_linear1-small", "the smallest one is not the last"
    lock = (copy / "dvc.lock").read_text(encoding="utf-8")
    assert yaml.safe_load(lock)["stages"].keys() == {name.rstrip("@") for name in runs}
    (copy / "dvc.lock").unlink()
    run(copy, "dvc repro --force --no-run-cache")
    assert recorded_hashes((copy / "dvc.lock").read_text(encoding="utf-8")) == recorded_hashes(lock)


@pytest.mark.slow
def test_plan_is_what_dvc_would_train(copy: Path) -> None:
    assert planned(copy) == NOTHING
    shutil.rmtree(copy / "data/training")
    (copy / "dvc.lock").unlink()
    assert planned(copy) == NOTHING, "the cache is not seen"
    run(copy, "git checkout --quiet .")
    set_keys(copy / "params.yaml", {"kernels.large": 9})
    assert planned(copy) == f"4 of 8 runs to train ({COUNTS}). {SAFE}\n"
    assert re.findall(r"\S+", run(copy, "python src/plan.py train")) == [
        "train@conv2_linear2-large",
        "train@conv1_linear1-large",
    ]
    run(copy, "dvc repro train@conv2_linear2-large")
    assert planned(copy).startswith("2 of 8 runs to train ")
    set_keys(copy / "params.yaml", {"data.seed": 1, "kernels.large": 7})
    assert planned(copy).startswith("8 runs to train ")
    run(copy, "git checkout --quiet .")
    shutil.rmtree(copy / ".dvc/cache")
    assert planned(copy).startswith("8 runs to train ")


@pytest.mark.slow
def test_mistake_in_the_parameters_is_one_line_and_runs_nothing(copy: Path) -> None:
    set_keys(copy / "params.yaml", {"kernels.large": 4})
    printed = run(copy, f"{MAKE} JOBS=3", fails=True)
    (line,) = (line for line in printed.splitlines() if not line.startswith("make"))
    assert line.startswith("error: params.yaml: kernels.large is 4: must be odd ")


@pytest.mark.slow
def test_failure_is_seen_in_the_end(copy: Path) -> None:
    set_keys(copy / "params.yaml", {"kernels.large": 9})
    (copy / "src/train.py").write_text("import sys; sys.exit(1)", encoding="utf-8")
    printed = run(copy, f"{MAKE} JOBS=3", fails=True)
    assert printed.count("failed to reproduce 'train@") == 5  # each network, and the last `dvc repro`


@pytest.mark.parametrize(("cores", "jobs"), [(1, 1), (12, 1), (23, 1), (24, 2), (180, 15)])
def test_default_of_jobs_fills_the_cores(cores: int, jobs: int, params: Params) -> None:
    assert plan.default_jobs(cores, changed(params, seeds=(0, 1), folds=tuple(range(6)))) == jobs
