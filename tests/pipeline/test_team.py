"""The commands of docs/team.md as they are printed: with a bucket of an S3 server, and with a folder."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.commands import REPOSITORY, command_blocks, run_printed
from tests.support.fake_repository import make_repository
from tests.support.repositories import TOP, run, stages_run, tree
from tests.support.servers import s3_server

DOC = (TOP / "docs/team.md").read_text(encoding="utf-8")
BUCKET, FOLDER, GIVE, TAKE, TRY, SEE, TIDY, SIZES = command_blocks(DOC)
SECRET = "secret-of-the-team"


@pytest.fixture
def server() -> Iterator[str]:
    with s3_server("bucket") as address:
        yield address


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A repository with a study, and its origin."""
    folder = make_repository(tmp_path / "first")
    run(tmp_path, "git init --quiet --bare origin.git")
    run(folder, "git remote add origin ../origin.git")
    run(folder, "git push --quiet --set-upstream origin main")
    return folder


@pytest.mark.slow
def test_study_and_experiment_travel_through_a_bucket(server: str, first: Path, tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    names = {"YOUR-KEY": "key", "YOUR-SECRET": SECRET, "YOUR-BUCKET": "bucket"}
    names |= {"https://YOUR-SERVER": server, REPOSITORY: "origin.git"}

    def walk(folder: Path, block: list[str]) -> list[str]:
        return run_printed(folder, block, environment, names)

    walk(first, BUCKET)
    assert "in sync" in walk(first, GIVE)[-1]
    assert stages_run(walk(tmp_path, TAKE)[-1]) == set()
    second, before = tmp_path / "mnist-cnn", tree(first)
    assert tree(second) == before
    walk(second, TRY)
    changed = {name for name, _ in tree(second).items() ^ before.items()}
    assert {"params.yaml", "plots/study.json", "report/index.html"} <= changed
    assert "wider-margin" in "".join(walk(first, SEE))
    assert tree(second) == tree(first)
    walk(first, TIDY)
    assert run(first, "dvc exp list origin") == run(first, "dvc exp list") == ""
    assert SECRET not in run(first, "git log --patch -- .dvc")
    assert "data/prepared" in walk(first, SIZES)[0]


@pytest.mark.slow
def test_study_travels_through_a_folder(first: Path, tmp_path: Path) -> None:
    run_printed(first, FOLDER + GIVE, {}, {"YOUR-FOLDER": str(tmp_path / "shared")})
    shutil.rmtree(first / ".dvc/cache")
    shutil.rmtree(first / "data/prepared")
    run(first, "dvc pull")
    assert "up to date" in run(first, "dvc status")


def test_table_names_every_output() -> None:
    """And whether git or DVC stores it."""
    stored = {"git": set[str](), "remote": set[str]()}
    for stage in yaml.safe_load((TOP / "dvc.lock").read_text(encoding="utf-8"))["stages"].values():
        for out in stage["outs"]:
            folder, name = out["path"].split("/")[:2]
            if folder == "data" or out["path"] == "report/index.html":
                stored["remote"].add(f"{folder}/{name}")
            else:
                stored["git"].add(folder)
    rows = re.findall(r"^\| (`.*?)(?:: [^|]*)? \| (\w+) \|$", DOC, re.MULTILINE)
    for place, names in stored.items():
        stated = [name for row, where in rows if where == place for name in re.findall(r"`([^`]*)`", row)]
        assert sorted(stated) == sorted(names)
