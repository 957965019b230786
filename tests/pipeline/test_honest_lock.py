"""What DVC records is what ran, and a stage ends with DVC, so that no two of them write the same files."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from tests.support.repositories import ENVIRONMENT, TOP, run
from tests.support.processes import end_soon

STAGE = """
import time
from pathlib import Path

from mnist_cnn.core import grid
from mnist_cnn.core.command import run


def main():
    Path("running").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    Path("out").write_text(grid.__doc__)


run(main)
"""
PIPELINE = {
    "stages": {
        "stage": {
            "cmd": "python src/stage.py",
            "deps": ["src/stage.py", "src/mnist_cnn/grid.py"],
            "params": ["number"],
            "outs": ["out"],
        }
    }
}
CHANGES = {"src/stage.py": "# edited\n", "src/mnist_cnn/grid.py": "# edited\n", "params.yaml": "other: 2\n"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A pipeline of one stage, which waits for a file `go`."""
    shutil.copytree(TOP / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src/stage.py").write_text(STAGE, encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE), encoding="utf-8")
    (tmp_path / "params.yaml").write_text("number: 1\n", encoding="utf-8")
    run(tmp_path, "git init --quiet")
    run(tmp_path, "dvc init --quiet")
    return tmp_path


def until(true: Callable[[], bool]) -> None:
    """Waits for something."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def repro_and_edit(repository: Path, name: str, text: str) -> tuple[int, str]:
    """Appends to a file while the stage runs; returns DVC's exit status, and what was printed."""
    with subprocess.Popen(
        ["dvc", "repro"], cwd=repository, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        until((repository / "running").exists)
        with (repository / name).open("a", encoding="utf-8") as file:
            file.write(text)
        (repository / "go").touch()
        printed = process.communicate()[0]
    return process.returncode, printed


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_stage_that_is_edited_while_it_runs_is_not_recorded(repository: Path, name: str) -> None:
    status, printed = repro_and_edit(repository, name, CHANGES[name])
    assert status != 0
    assert re.findall("^error: .*", printed, re.MULTILINE) == [
        f"error: {name} changed while this stage ran, so its result is not kept: run it again"
    ]
    assert "Traceback" not in printed
    assert not (repository / "dvc.lock").exists()
    assert "Running stage 'stage'" in run(repository, "dvc repro")
    assert "up to date" in run(repository, "dvc repro")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["src/mnist_cnn/words.py", "src/train.py", "README.md"])
def test_edit_of_what_the_stage_does_not_use_is_no_fault(repository: Path, name: str) -> None:
    status, printed = repro_and_edit(repository, name, "# edited\n")
    assert status == 0, printed
    assert "up to date" in run(repository, "dvc repro")


@pytest.mark.parametrize("cmd", ["exec python src/stage.py", "python src/stage.py; exit"])
def test_stage_ends_with_dvc(cmd: str, repository: Path) -> None:
    """A shell that DVC starts becomes the stage, or stays and waits for it: shells differ."""
    pipeline = PIPELINE["stages"]["stage"] | {"cmd": cmd}
    (repository / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"stage": pipeline}}), encoding="utf-8")
    with subprocess.Popen(
        ["dvc", "repro"], cwd=repository, env=ENVIRONMENT, start_new_session=True
    ) as process:
        until((repository / "running").exists)
        stages = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(stages) == 1 + cmd.endswith("exit")
    assert end_soon(stages)


def test_stage_does_not_begin_without_dvc(repository: Path) -> None:
    """DVC was killed while Python was starting."""
    (repository / "said").touch()
    orphan = ["sh", "-c", "python src/stage.py 2> said &"]
    subprocess.run(
        orphan, cwd=repository, env=ENVIRONMENT | {"DVC_STAGE": "s"}, start_new_session=True, check=True
    )
    until(lambda: (repository / "said").read_text(encoding="utf-8") == "interrupted\n")
    assert not (repository / "running").exists()


def test_every_stage_is_watched() -> None:
    stages = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    scripts = {re.search(r"src/\w+\.py", stage["cmd"])[0] for stage in stages.values()}
    assert len(scripts) == len(stages)
    for script in scripts:
        text = (TOP / script).read_text(encoding="utf-8")
        assert "from mnist_cnn.core.command import " in text
        assert text.endswith('if __name__ == "__main__":\n    run(main)\n')
