"""DVC starts again after a kill in the middle of its own writing."""

import os
import time
from pathlib import Path

import pytest

from tests.support.repositories import TOP, commit, run

MEND = f"python {TOP}/src/mend.py"
PIPELINE = "stages: {a: {cmd: 'echo a | tee -a runs > a', deps: [b], outs: [a]}}\n"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A repository of one stage that ran and was not committed; each run adds a line to `runs`."""
    (tmp_path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "b").write_text("b", encoding="utf-8")
    run(tmp_path, "git init --quiet")
    run(tmp_path, "dvc init --quiet")
    commit(tmp_path, "sources")
    run(tmp_path, "dvc repro")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("word", "committed"), [(b"schema", True), (b"deps:", False)])
def test_cut_lock_is_mended_and_nothing_runs_again(pipeline: Path, word: bytes, committed: bool) -> None:
    lock = pipeline / "dvc.lock"
    whole = lock.read_bytes()
    if committed:
        commit(pipeline, "run")
    lock.write_bytes(whole[: whole.index(word) + 2])
    run(pipeline, "dvc repro", fails=True)
    assert run(pipeline, MEND) == (
        f"dvc.lock was cut: {'the committed one is back' if committed else 'removed'}\n"
    )
    run(pipeline, "dvc repro")
    assert lock.read_bytes() == whole
    assert (pipeline / "runs").read_text(encoding="utf-8") == "a\n"


@pytest.mark.slow
def test_cut_list_of_who_is_at_work_is_removed(pipeline: Path) -> None:
    (pipeline / ".dvc/tmp/rwlock").write_text('{"wri', encoding="utf-8")
    run(pipeline, "dvc repro", fails=True)
    assert run(pipeline, MEND) == ".dvc/tmp/rwlock was cut: removed\n"
    assert "up to date" in run(pipeline, "dvc repro")
    assert run(pipeline, MEND) == ""


@pytest.mark.slow
def test_copies_that_were_not_finished_are_removed(pipeline: Path) -> None:
    old, new = (pipeline / ".dvc/cache/files/md5" / name for name in (".old.tmp", ".new.tmp"))
    for path, age in ((old, 100), (new, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    run(pipeline, MEND)
    assert (old.exists(), new.exists()) == (False, True)


def test_make_repro_mends_first() -> None:
    recipe = (TOP / "Makefile").read_text(encoding="utf-8").partition("\nrepro: ")[2].partition("\n\n")[0]
    assert recipe.index("python src/mend.py") < recipe.index("dvc repro")
