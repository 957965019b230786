"""Checks all of params.yaml, and downloads the data set.

Reads the network, or what the environment variable MNIST_CNN_MIRROR names; all of params.yaml, so that a
choice that is not allowed ends the pipeline before DVC has removed the outputs of any other stage.
Writes data/raw/DATASET/raw, the four IDX files where torchvision has them, and nothing else.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_cnn.core.command import run
from mnist_cnn.core.files import replacing
from mnist_cnn.core.mnist import DATASETS, md5
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import raw_directory
from mnist_cnn.sources.fetch import SourceError, fetch

SCRATCH = ".download-"  # begins the names of temporary folders


def main() -> None:
    """Runs the stage."""
    dataset = load_params().data.dataset
    download(dataset, raw_directory(dataset), DATASETS[dataset].files)


def download(dataset: str, folder: Path, files: Mapping[str, str]) -> None:
    """Makes a folder hold exactly the files; those that are there and right are kept."""
    for left in folder.parent.glob(f"{SCRATCH}*"):  # by a download that was killed
        shutil.rmtree(left)
    kept = _right(folder, files)
    missing = {name: expected for name, expected in files.items() if name not in kept}
    if not missing:
        if {path.name for path in folder.iterdir()} != set(files):
            with _scratch(folder) as scratch:
                _write(folder, kept, scratch)
        print(f"{folder}: all {len(files)} files were there")
        return
    with _scratch(folder) as scratch:
        try:
            fetched = fetch(dataset, missing, scratch)
        except SourceError as error:
            raise SourceError(f"{error}, or put them into {folder}; they are checked") from None
        _write(folder, kept | fetched.contents, scratch)
    for failure in fetched.failures:
        print(f"tried in vain: {failure}", file=sys.stderr)
    print(f"{folder}: {len(missing)} of {len(files)} files from {fetched.source}")


def _right(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Returns the content of each file that is in the folder already, whole and unchanged."""
    present = {name: (folder / name).read_bytes() for name in files if (folder / name).is_file()}
    return {name: content for name, content in present.items() if md5(content) == files[name]}


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=SCRATCH, dir=folder.parent) as scratch:
        yield Path(scratch)


def _write(folder: Path, contents: Mapping[str, bytes], scratch: Path) -> None:
    """Replaces the folder as a whole, so that it is never seen half-written."""
    new = scratch / "new"
    new.mkdir()
    for name, content in contents.items():
        with replacing(new / name) as part:
            part.write_bytes(content)
    if folder.exists():
        folder.rename(scratch / "old")
    new.rename(folder)


if __name__ == "__main__":
    run(main)
