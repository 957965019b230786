"""The download stage: the four files and nothing else, whole or not at all."""

import runpy
import sys
from pathlib import Path

import pytest

from mnist_cnn import paths, sources
from mnist_cnn.command import run
from mnist_cnn.data.mnist import fingerprint
from mnist_cnn.stages import download as stage

CONTENTS = {"images": b"some images", "labels": b"some labels"}
EXPECTED = {name: fingerprint(content) for name, content in CONTENTS.items()}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "raw"


@pytest.fixture
def fetch(monkeypatch):
    """Replaces the sources; returns what was asked for, call by call."""
    calls = []

    def fake(files):
        calls.append(set(files))
        contents = {name: CONTENTS[name] for name in files}
        return sources.Fetched(contents, "a source", ["another: was shut"])

    monkeypatch.setattr(stage, "fetch", fake)
    return calls


def tree(folder):
    """Returns every file with its content, and folders with None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


WHOLE = {"raw": None, "raw/images": b"some images", "raw/labels": b"some labels"}


@pytest.mark.usefixtures("fetch")
def test_writes_the_files_and_nothing_else(folder, capsys):
    stage.download(folder, EXPECTED)
    assert tree(folder.parent) == WHOLE
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"{folder}: 2 of 2 files from a source"
    assert err == "tried in vain: another: was shut\n"


def test_keeps_what_is_right_and_fetches_the_rest(folder, fetch, capsys):
    folder.mkdir(parents=True)
    (folder / "images").write_bytes(b"some images")
    (folder / "labels").write_bytes(b"some label")
    (folder / "labels.gz").write_bytes(b"left over")
    stage.download(folder, EXPECTED)
    assert fetch == [{"labels"}]
    assert tree(folder.parent) == WHOLE
    assert "1 of 2 files from a source" in capsys.readouterr().out


def test_does_nothing_when_all_is_there(folder, fetch, capsys):
    stage.download(folder, EXPECTED)
    before = (folder / "images").stat()
    capsys.readouterr()
    stage.download(folder, EXPECTED)
    assert len(fetch) == 1
    assert (folder / "images").stat().st_ino == before.st_ino
    assert capsys.readouterr().out == f"{folder}: all 2 files were there\n"


def test_removes_what_else_is_there(folder, fetch):
    stage.download(folder, EXPECTED)
    (folder / "images.gz").write_bytes(b"left over")
    stage.download(folder, EXPECTED)
    assert len(fetch) == 1
    assert tree(folder.parent) == WHOLE


@pytest.mark.usefixtures("fetch")
@pytest.mark.parametrize(
    "error", [sources.SourceError("none"), OSError("no space left"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("moment", ["fetching", "writing", "renaming"])
def test_a_failure_at_any_moment_leaves_nothing_half_written(folder, error, moment, monkeypatch):
    def fail(*_):
        raise error

    if moment == "fetching":
        monkeypatch.setattr(stage, "fetch", fail)
    elif moment == "writing":
        write = Path.write_bytes
        monkeypatch.setattr(
            Path, "write_bytes", lambda path, data: fail() if path.name == "labels" else write(path, data)
        )
    else:
        monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(type(error)):
        stage.download(folder, EXPECTED)
    assert [path for path in folder.parent.rglob("*") if path.is_file() or path == folder] == []
    assert list(folder.parent.glob(".*")) == []


def test_an_earlier_download_outlives_a_failure(folder, monkeypatch):
    folder.mkdir(parents=True)
    (folder / "images").write_bytes(b"some images")

    def fail(_):
        raise sources.SourceError("none")

    monkeypatch.setattr(stage, "fetch", fail)
    with pytest.raises(sources.SourceError):
        stage.download(folder, EXPECTED)
    assert tree(folder.parent) == {"raw": None, "raw/images": b"some images"}


# The command


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((Path(__file__).parents[1] / "params.yaml").read_text())
    return tmp_path


@pytest.mark.usefixtures("fetch")
def test_command_downloads_into_the_folder_of_torchvision(checkout, monkeypatch):
    monkeypatch.setattr(stage, "FILES", EXPECTED)
    run(stage.main)
    assert tree(checkout / paths.RAW) == CONTENTS
    assert paths.RAW.as_posix() == "data/raw/MNIST/raw"


def test_a_failure_is_one_message_and_status_1(checkout, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, "ftp://x")
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    monkeypatch.setattr(sys, "executable", "no-python")
    monkeypatch.delitem(sys.modules, stage.__name__)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(stage.__name__, run_name="__main__")
    assert str(end.value).startswith("error: no source could give MNIST\n  MNIST_CNN_MIRROR=ftp://x: ")
    assert "torchvision.datasets" in str(end.value)
    assert "no-python" in str(end.value)
    assert not (checkout / "data").exists()


@pytest.mark.usefixtures("checkout")
def test_a_mistake_in_params_is_found_before_the_network_is_touched(fetch):
    Path("params.yaml").write_text("data: {dataset: CIFAR}\n")
    with pytest.raises(SystemExit, match="dataset"):
        run(stage.main)
    assert fetch == []
