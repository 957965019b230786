"""Checks all of params.yaml, and downloads MNIST.

Reads the network, or what the environment variable MNIST_CNN_MIRROR names; all of params.yaml, so that a
choice that is not allowed ends the pipeline before DVC has removed the outputs of any other stage.
Writes data/raw/MNIST/raw, the four IDX files as torchvision reads them, and nothing else.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_cnn.command import run
from mnist_cnn.mnist import FILES, Fingerprint, fingerprint
from mnist_cnn.params import load_params
from mnist_cnn.paths import RAW
from mnist_cnn.sources import fetch


def main() -> None:
    """Runs the stage."""
    load_params()
    download(RAW, FILES)


def download(folder: Path, files: Mapping[str, Fingerprint]) -> None:
    """Makes a folder hold exactly the files; those that are there and right are kept."""
    kept = _right(folder, files)
    missing = {name: expected for name, expected in files.items() if name not in kept}
    if not missing:
        if {path.name for path in folder.iterdir()} != set(files):
            _write(folder, kept)
        print(f"{folder}: all {len(files)} files were there")
        return
    fetched = fetch(missing)
    _write(folder, kept | fetched.contents)
    for failure in fetched.failures:
        print(f"tried in vain: {failure}", file=sys.stderr)
    print(f"{folder}: {len(missing)} of {len(files)} files from {fetched.source}")


def _right(folder: Path, files: Mapping[str, Fingerprint]) -> dict[str, bytes]:
    """Returns the content of each file that is in the folder already, whole and unchanged."""
    present = {name: (folder / name).read_bytes() for name in files if (folder / name).is_file()}
    return {name: content for name, content in present.items() if fingerprint(content) == files[name]}


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces the folder as a whole, so that it is never seen half-written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=folder.parent) as scratch:
        new = Path(scratch, "new")
        new.mkdir()
        for name, content in contents.items():
            (new / name).write_bytes(content)
        if folder.exists():
            folder.rename(Path(scratch, "old"))
        new.rename(folder)


if __name__ == "__main__":
    run(main)
