"""The download stage: the four files and nothing else, complete or not at all."""

from pathlib import Path

import pytest

import download as stage
from mnist_cnn.core.command import run
from mnist_cnn.core.paths import PARAMS, raw_directory
from mnist_cnn.sources import fetch as sources
from mnist_cnn.sources.idx import FILES, md5
from tests.support.repositories import TOP, tree

CONTENTS = {"images": b"some images", "labels": b"some labels"}
EXPECTED = {name: md5(content) for name, content in CONTENTS.items()}
COMPLETE = {"raw/images": b"some images", "raw/labels": b"some labels"}


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data" / "raw"


@pytest.fixture
def fetch(monkeypatch):
    """Replaces the sources; returns the names that each call asks for."""
    calls = []

    def fake(_dataset, files, _temporary):
        calls.append(set(files))
        return sources.Fetched({name: CONTENTS[name] for name in files}, "a source", ["another: was closed"])

    monkeypatch.setattr(stage, "fetch", fake)
    return calls


@pytest.mark.usefixtures("fetch")
def test_writes_the_files_and_nothing_else(directory, capsys):
    stage.download("MNIST", directory, EXPECTED)
    assert tree(directory.parent) == COMPLETE
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"{directory}: 2 of 2 files from a source"
    assert err == "warning: could not download from another: was closed\n"


def test_keeps_unchanged_files_and_fetches_the_others(directory, fetch, capsys):
    directory.mkdir(parents=True)
    (directory / "images").write_bytes(b"some images")
    (directory / "labels").write_bytes(b"some label")
    for times in range(2):
        (directory / "labels.gz").write_bytes(b"left over")
        stage.download("MNIST", directory, EXPECTED)
        assert fetch == [{"labels"}]
        assert tree(directory.parent) == COMPLETE
        message = "all 2 files were there" if times else "1 of 2 files from a source"
        assert capsys.readouterr().out == f"{directory}: {message}\n"
    before = (directory / "images").stat()
    stage.download("MNIST", directory, EXPECTED)
    assert (directory / "images").stat().st_ino == before.st_ino


@pytest.mark.usefixtures("fetch")
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("moment", ["fetching", "writing", "renaming"])
def test_a_failure_at_any_moment_changes_nothing(directory, error, moment, monkeypatch):
    directory.mkdir(parents=True)
    (directory / "images").write_bytes(b"some images")
    rename = Path.rename

    def fail(*_):
        raise error

    if moment == "renaming":
        monkeypatch.setattr(
            Path, "rename", lambda path, to: fail() if path.name == "raw" else rename(path, to)
        )
    else:
        monkeypatch.setattr(stage, "fetch" if moment == "fetching" else "write_bytes", fail)
    with pytest.raises(type(error)):
        stage.download("MNIST", directory, EXPECTED)
    assert tree(directory.parent) == {"raw/images": b"some images"}


@pytest.mark.usefixtures("fetch")
def test_the_leftovers_of_a_killed_download_are_removed(directory):
    leftover = directory.parent / ".download-x"
    leftover.mkdir(parents=True)
    (leftover / "a partial file").touch()
    stage.download("MNIST", directory, EXPECTED)
    assert tree(directory.parent) == COMPLETE


# The command


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PARAMS.write_bytes((TOP / PARAMS).read_bytes())
    return tmp_path


@pytest.mark.usefixtures("fetch")
def test_command_downloads_into_the_directory_of_torchvision(checkout, monkeypatch):
    monkeypatch.setitem(FILES, "MNIST", EXPECTED)
    run(stage.main)
    assert tree(checkout / raw_directory("MNIST")) == CONTENTS
    assert raw_directory("MNIST").as_posix() == "data/raw/MNIST/raw"
