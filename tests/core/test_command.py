"""How a command ends: with one line about an error, without a result if its code was edited, and with DVC."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import yaml

from mnist_cnn.core.command import UserError, run
from tests.support.processes import end_soon, wait_until
from tests.support.repositories import ENVIRONMENT, TOP, run_python
from tests.support.repositories import run as run_command

STAGE = """
import sys
from pathlib import Path

from mnist_cnn.core.command import run


def main():
    path, old, new = sys.argv[1:]
    text = Path(path).read_text() if Path(path).exists() else ""
    Path(path).write_text(text.replace(old, new, 1) if old else text + new)
    assert Path(path).read_text() != text


run(main)
"""
PARAMS, CORE = "params.yaml", "src/mnist_cnn/core"
TRAIN = "train@conv2_linear1-small"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("a.json is missing"), "error: a.json is missing"),
        (OSError(28, "No space left", "a.csv"), "error: [Errno 28] No space left: 'a.csv'"),
        (MemoryError(), "error: not enough memory (no details): close other programs and run it again"),
        (
            RuntimeError("can't start new thread\n1"),
            "error: not enough memory (can't start new thread 1): close",
        ),
        (KeyboardInterrupt(), "interrupted"),
        *((error, None) for error in (RuntimeError("ours"), TypeError("ours"), KeyError("ours"))),
    ],
    ids=repr,
)
def test_what_the_user_can_correct_is_one_line_and_a_fault_of_our_own_a_traceback(
    error: BaseException, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.delenv("DVC_STAGE", raising=False)
    with pytest.raises(SystemExit if message else type(error)) as end:
        run(fail)
    assert "\n" not in str(end.value)
    assert str(end.value).startswith(message or "")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and parameters of the project, with a stage that edits a file."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(TOP / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in (PARAMS, "dvc.yaml"):
        shutil.copy(TOP / name, folder)
    (folder / "stage.py").write_text(STAGE, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("stage", "path", "old", "new", "changed"),
    [
        (TRAIN, PARAMS, "", "# a comment\n", ""),
        (TRAIN, PARAMS, "margin: 0.002", "margin: 0.003", ""),
        (TRAIN, PARAMS, "small: 3", "small: 9", "kernels.small"),
        (TRAIN, PARAMS, "batch_size: 64", "batch_size: 32", "train"),
        (TRAIN, PARAMS, "    - 16\n    - 16\n", "    - 16\n    - 8\n", "models.conv2_linear1"),
        (TRAIN, PARAMS, "  - 16\n    hidden_units: []", "  - 8\n    hidden_units: []", ""),
        (TRAIN, PARAMS, "small: 3", "small: [", "kernels.small, models.conv2_linear1, train"),
        (TRAIN, f"{CORE}/new.py", "", "# new\n", f"{CORE}/new.py"),
        (TRAIN, "src/train.py", "", "# edited\n", "src/train.py"),
        (TRAIN, "src/mnist_cnn/statistics/study.py", "", "# edited\n", ""),
        ("compare", PARAMS, "margin: 0.002", "margin: 0.003", "compare"),
        ("download", PARAMS, "", "# a comment\n", ""),
        ("download", PARAMS, "margin: 0.002", "margin: 0.003", PARAMS),
        ("report", "src/mnist_cnn/reporting/templates/en/report.md.j2", "", "x", "report.md.j2"),
    ],
)
def test_only_an_edit_of_what_dvc_records_discards_the_result(
    sources: Path, stage: str, path: str, old: str, new: str, changed: str
) -> None:
    before = (sources / path).read_bytes() if (sources / path).exists() else None
    done = run_python(sources, "stage.py", path, old, new, DVC_STAGE=stage, PYTHONPATH="src")
    if before is None:
        (sources / path).unlink()
    else:
        (sources / path).write_bytes(before)
    assert done.returncode == bool(changed), done.stderr
    if changed:
        line = f"{changed} changed while this stage ran, so its result is not kept: run it again\n"
        assert re.fullmatch(rf"error: (.*/)?{line}", done.stderr)
    else:
        assert done.stderr == ""


# With DVC

WAITING_STAGE = """
import time
from pathlib import Path

from mnist_cnn.core.command import run


def main():
    Path("running").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    Path("out").touch()


run(main)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A pipeline of one stage, which waits for a file `go`."""
    shutil.copytree(TOP / CORE, tmp_path / CORE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "src/mnist_cnn/__init__.py", tmp_path / "src/mnist_cnn")
    (tmp_path / "src/stage.py").write_text(WAITING_STAGE, encoding="utf-8")
    (tmp_path / "params.yaml").write_text("number: 1\n", encoding="utf-8")
    write_pipeline(tmp_path, "python src/stage.py")
    run_command(tmp_path, "git init --quiet")
    run_command(tmp_path, "dvc init --quiet")
    return tmp_path


def write_pipeline(repository: Path, command: str) -> None:
    stage = {"cmd": command, "deps": ["src/stage.py", CORE], "params": ["number"], "outs": ["out"]}
    (repository / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"stage": stage}}), encoding="utf-8")


@contextmanager
def reproduction(repository: Path) -> Iterator["subprocess.Popen[str]"]:
    """Starts `dvc repro`, waits until its stage runs, and kills what is left at the end."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(["dvc", "repro"], cwd=repository, env=ENVIRONMENT, **options) as process:
        try:
            assert wait_until((repository / "running").exists, limit=60)
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_dvc_records_a_stage_only_if_what_it_uses_was_not_edited(repository: Path) -> None:
    for path, recorded in ((f"{CORE}/grid.py", False), ("params.yaml", True)):
        with reproduction(repository) as process:
            with (repository / path).open("a", encoding="utf-8") as file:
                file.write("# edited\n")
            (repository / "go").touch()
            printed = process.communicate(timeout=60)[0]
        message = f"error: {path} changed while this stage ran, so its result is not kept: run it again"
        assert re.findall("^error: .*", printed, re.MULTILINE) == ([] if recorded else [message])
        assert "Traceback" not in printed
        assert (process.returncode == 0) == recorded == (repository / "dvc.lock").exists()
        for name in ("running", "go"):
            (repository / name).unlink()
    assert "up to date" in run_command(repository, "dvc repro")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no sessions")
@pytest.mark.parametrize("command", ["exec python src/stage.py", "python src/stage.py; exit"])
def test_stage_ends_with_dvc(command: str, repository: Path) -> None:
    """A shell that DVC starts becomes the stage, or stays and waits for it: shells differ."""
    write_pipeline(repository, command)
    with reproduction(repository) as process:
        stages = psutil.Process(process.pid).children(recursive=True)
    assert len(stages) == 1 + command.endswith("exit")
    assert end_soon(stages)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sessions")
def test_stage_does_not_begin_without_dvc(repository: Path) -> None:
    """DVC was killed while Python was starting."""
    (repository / "printed").touch()
    orphan = ["sh", "-c", "python src/stage.py 2> printed &"]
    environment = ENVIRONMENT | {"DVC_STAGE": "stage"}
    subprocess.run(orphan, cwd=repository, env=environment, start_new_session=True, timeout=60, check=True)
    assert wait_until(lambda: (repository / "printed").read_text(encoding="utf-8") == "interrupted\n")
    assert not (repository / "running").exists()
