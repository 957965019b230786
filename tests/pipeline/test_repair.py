"""The repair of DVC's own files after a kill; a merge conflict is not changed."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.support.repositories import TOP, commit, run

pytestmark = pytest.mark.slow

REPAIR = f"python '{TOP}/src/repair.py'"
PIPELINE = "stages: {a: {cmd: 'echo a | tee -a runs > a', deps: [b], outs: [a]}}\n"
CONFLICT = "schema: '2.0'\n<<<<<<< HEAD\nstages: {}\n=======\nstages: {a: {cmd: b}}\n>>>>>>> other\n"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a pipeline of one stage in a subdirectory; it ran, which is not committed."""
    top = tmp_path_factory.mktemp("top")
    folder = top / "study"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (folder / "b").write_text("b", encoding="utf-8")
    run(top, "git init --quiet")
    run(folder, "dvc init --quiet --subdir")
    commit(top, "sources")
    run(folder, "dvc repro")
    return top


@pytest.fixture
def pipeline(original: Path, tmp_path: Path) -> Path:
    """A copy of the pipeline; each run of its stage adds a line to the file `runs`."""
    shutil.copytree(original, tmp_path / "top")
    return tmp_path / "top/study"


@pytest.mark.parametrize(("word", "committed"), [(b"schema", True), (b"deps:", False)])
def test_truncated_lock_is_repaired_and_nothing_runs_again(
    pipeline: Path, word: bytes, committed: bool
) -> None:
    lock = pipeline / "dvc.lock"
    whole = lock.read_bytes()
    if committed:
        commit(pipeline, "run")
    lock.write_bytes(whole[: whole.index(word) + 2])
    outcome = "restored from the last commit" if committed else "removed"
    assert run(pipeline, REPAIR) == f"dvc.lock was truncated and has been {outcome}\n"
    run(pipeline, "dvc repro")
    assert lock.read_bytes() == whole
    assert (pipeline / "runs").read_text(encoding="utf-8") == "a\n"


def test_merge_conflict_is_left_alone(pipeline: Path) -> None:
    lock = pipeline / "dvc.lock"
    commit(pipeline, "run")
    lock.write_text(CONFLICT, encoding="utf-8")
    printed = run(pipeline, REPAIR, fails=True)
    assert printed.startswith("error: dvc.lock contains a merge conflict: resolve it, or ")
    assert printed.count("\n") == 1
    assert lock.read_text(encoding="utf-8") == CONFLICT


def test_truncated_rwlock_is_removed(pipeline: Path) -> None:
    (pipeline / ".dvc/tmp/rwlock").write_text('{"/a/b": {"wri', encoding="utf-8")
    assert run(pipeline, REPAIR) == ".dvc/tmp/rwlock was truncated and has been removed\n"
    assert "up to date" in run(pipeline, "dvc repro")
    assert run(pipeline, REPAIR) == ""


def test_unfinished_copies_are_removed(pipeline: Path) -> None:
    old, new = (pipeline / ".dvc/cache/files/md5" / name for name in (".old.tmp", ".new.tmp"))
    for path, age in ((old, 100), (new, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    run(pipeline, REPAIR)
    assert (old.exists(), new.exists()) == (False, True)
