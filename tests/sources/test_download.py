"""The download stage: the four files and nothing else, whole or not at all."""

import sys
from pathlib import Path

import pytest

import download as stage
from mnist_cnn.sources import fetch as sources
from mnist_cnn.core.command import run
from mnist_cnn.core.mnist import DATASETS, Dataset, md5
from mnist_cnn.core.paths import PARAMS, raw_directory
from tests.support.repositories import TOP, tree

CONTENTS = {"images": b"some images", "labels": b"some labels"}
EXPECTED = {name: md5(content) for name, content in CONTENTS.items()}
WHOLE = {"raw/images": b"some images", "raw/labels": b"some labels"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "raw"


@pytest.fixture
def fetch(monkeypatch):
    """Replaces the sources; returns what was asked for, call by call."""
    calls = []

    def fake(_dataset, files, _scratch):
        calls.append(set(files))
        return sources.Fetched({name: CONTENTS[name] for name in files}, "a source", ["another: was shut"])

    monkeypatch.setattr(stage, "fetch", fake)
    return calls


@pytest.mark.usefixtures("fetch")
def test_writes_the_files_and_nothing_else(folder, capsys):
    stage.download("MNIST", folder, EXPECTED)
    assert tree(folder.parent) == WHOLE
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"{folder}: 2 of 2 files from a source"
    assert err == "tried in vain: another: was shut\n"


def test_keeps_what_is_right_and_fetches_the_rest(folder, fetch, capsys):
    folder.mkdir(parents=True)
    (folder / "images").write_bytes(b"some images")
    (folder / "labels").write_bytes(b"some label")
    for times in range(2):
        (folder / "labels.gz").write_bytes(b"left over")
        stage.download("MNIST", folder, EXPECTED)
        assert fetch == [{"labels"}]
        assert tree(folder.parent) == WHOLE
        said = "all 2 files were there" if times else "1 of 2 files from a source"
        assert capsys.readouterr().out == f"{folder}: {said}\n"
    before = (folder / "images").stat()
    stage.download("MNIST", folder, EXPECTED)
    assert (folder / "images").stat().st_ino == before.st_ino


@pytest.mark.usefixtures("fetch")
@pytest.mark.parametrize(
    "error", [sources.SourceError("none"), OSError("full"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("moment", ["fetching", "writing", "renaming"])
def test_a_failure_at_any_moment_leaves_what_was_there(folder, error, moment, monkeypatch):
    folder.mkdir(parents=True)
    (folder / "images").write_bytes(b"some images")
    write, rename = Path.write_bytes, Path.rename

    def fail(*_):
        raise error

    if moment == "fetching":
        monkeypatch.setattr(stage, "fetch", fail)
    elif moment == "writing":
        monkeypatch.setattr(
            Path, "write_bytes", lambda path, data: fail() if "labels" in path.name else write(path, data)
        )
    else:
        monkeypatch.setattr(
            Path, "rename", lambda path, to: fail() if path.name == "raw" else rename(path, to)
        )
    with pytest.raises(type(error)):
        stage.download("MNIST", folder, EXPECTED)
    assert tree(folder.parent) == {"raw/images": b"some images"}


@pytest.mark.usefixtures("fetch")
def test_what_a_killed_download_left_is_removed(folder):
    left = folder.parent / ".download-x"
    left.mkdir(parents=True)
    (left / "half a file").touch()
    stage.download("MNIST", folder, EXPECTED)
    assert tree(folder.parent) == WHOLE


# The command


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PARAMS.write_bytes((TOP / PARAMS).read_bytes())
    return tmp_path


@pytest.mark.usefixtures("fetch")
def test_command_downloads_into_the_folder_of_torchvision(checkout, monkeypatch):
    monkeypatch.setitem(DATASETS, "MNIST", Dataset(EXPECTED, ()))
    run(stage.main)
    assert tree(checkout / raw_directory("MNIST")) == CONTENTS
    assert raw_directory("MNIST").as_posix() == "data/raw/MNIST/raw"


def test_a_failure_is_one_message_and_status_1(checkout, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, "ftp://x")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setattr(sys, "executable", "no-python")
    with pytest.raises(SystemExit) as end:
        run(stage.main)
    assert str(end.value).startswith("error: no source could give MNIST\n  MNIST_CNN_MIRROR=ftp://x: ")
    assert "torchvision" in str(end.value)
    assert "no-python" in str(end.value)
    assert str(end.value).endswith("or put them into data/raw/MNIST/raw; they are checked")
    assert tree(checkout).keys() == {"params.yaml"}


@pytest.mark.usefixtures("checkout")
def test_a_mistake_in_params_is_found_before_the_network_is_touched(fetch):
    PARAMS.write_text("data: {dataset: CIFAR}\n")
    with pytest.raises(SystemExit, match="dataset"):
        run(stage.main)
    assert fetch == []
