"""Checks all of params.yaml, and downloads the data set.

Reads the network, or what the environment variable MNIST_CNN_MIRROR names; all of params.yaml, so that a
value that is not allowed ends the pipeline before DVC has removed the outputs of any other stage.
Writes data/raw/DATASET/raw, the four IDX files where torchvision has them, and nothing else.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_bytes
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import raw_directory
from mnist_cnn.sources.fetch import SourceError, fetch
from mnist_cnn.sources.idx import FILES, md5

PREFIX = ".download-"  # of the names of temporary directories


def main() -> None:
    """Runs the stage."""
    dataset = load_params().data.dataset
    download(dataset, raw_directory(dataset), FILES[dataset])


def download(dataset: str, directory: Path, files: Mapping[str, str]) -> None:
    """Makes a directory hold exactly the given files; those that are there and unchanged are kept.

    Args:
        dataset: Name of the data set.
        directory: Where the files are written.
        files: MD5 of each file by its name.

    Raises:
        SourceError: A file is missing or changed, and no source has it.
    """
    for leftover in directory.parent.glob(f"{PREFIX}*"):  # of a download that was killed
        shutil.rmtree(leftover)
    present = _unchanged_files(directory, files)
    missing = {name: expected for name, expected in files.items() if name not in present}
    if not missing:
        if {path.name for path in directory.iterdir()} != set(files):
            with _temporary_directory(directory) as temporary:
                _replace_directory(directory, present, temporary)
        print(f"{directory}: all {len(files)} files were there")
        return
    with _temporary_directory(directory) as temporary:
        try:
            fetched = fetch(dataset, missing, temporary)
        except SourceError as error:
            raise SourceError(f"{error}, or put the files into {directory}; their MD5 is checked") from None
        _replace_directory(directory, present | fetched.contents, temporary)
    for failure in fetched.failures:
        print(f"warning: could not download from {failure}", file=sys.stderr)
    print(f"{directory}: {len(missing)} of {len(files)} files from {fetched.source}")


def _unchanged_files(directory: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Returns the content of each file that is in the directory already, with the right MD5."""
    present = {name: (directory / name).read_bytes() for name in files if (directory / name).is_file()}
    return {name: content for name, content in present.items() if md5(content) == files[name]}


@contextmanager
def _temporary_directory(directory: Path) -> Iterator[Path]:
    """Creates a temporary directory next to `directory`, on the same file system."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=PREFIX, dir=directory.parent) as temporary:
        yield Path(temporary)


def _replace_directory(directory: Path, contents: Mapping[str, bytes], temporary: Path) -> None:
    """Replaces the directory as a whole, so that it is never seen half-written."""
    for name, content in contents.items():
        write_bytes(temporary / "new" / name, content)
    if directory.exists():
        directory.rename(temporary / "old")
    (temporary / "new").rename(directory)


if __name__ == "__main__":
    run(main)
