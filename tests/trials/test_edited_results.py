"""A committed result that was edited by hand is found, though DVC's own hashes were made to agree."""

import shutil
from hashlib import md5
from pathlib import Path

import pytest

from tests.support.repositories import commit, run
from tests.trials.small_study import Study

pytestmark = pytest.mark.trial


def test_verify_finds_a_number_that_was_edited_with_its_hash(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(study.folder, folder)
    commit(folder, "run")
    assert "all committed tables, figures and texts: same bytes" in run(folder, "python src/verify.py")
    lock, metrics = folder / "dvc.lock", folder / "metrics/summary.json"
    honest = metrics.read_bytes()
    edited = honest.replace(b'"best_accuracy": 0.', b'"best_accuracy": 1.')
    assert (len(edited), edited == honest) == (len(honest), False)
    metrics.write_bytes(edited)
    hashes = (md5(content).hexdigest() for content in (honest, edited))
    lock.write_text(lock.read_text(encoding="utf-8").replace(*hashes), encoding="utf-8")
    assert "up to date" in run(folder, "dvc status")
    commit(folder, "invented")
    printed = run(folder, "python src/verify.py", fails=True)
    assert "metrics/summary.json: different from what is committed" in printed
    assert printed.count("different") == 1
