"""A study of two networks on two folds, for trials that disturb it."""

import re
import subprocess
import time
from collections.abc import Callable
from hashlib import md5
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from mnist_cnn.sources.fetch import MIRROR
from tests.support.processes import STAGE
from tests.support.repositories import ENVIRONMENT, mnist, recorded_hashes, run

MEASURED = re.compile(r"(^|[/ ])timing[^/]*$|data/timing/|^dvc\.lock$|report/index\.html$")


class Outcome(NamedTuple):
    """What became of one fault."""

    fault: str
    survived: bool
    next_start: float  # seconds until DVC was at work again
    last_process: float = 0.0  # seconds until no process of the run was left


Record = Callable[[Outcome], None]


class Study(NamedTuple):
    """A small study that was reproduced: its repository, and how long it took."""

    folder: Path
    seconds: dict[str, float]  # of each stage, with what DVC does after it


def clone(sources: Path, folder: Path) -> None:
    """Makes another repository of the same sources."""
    run(sources, f"git clone --quiet . '{folder}'")


def reproduce(folder: Path, *targets: str) -> dict[str, float]:
    """Runs `dvc repro` to its end, undisturbed; returns how many seconds each stage took."""
    words, environment = ["dvc", "repro", *targets], ENVIRONMENT | {MIRROR: mnist()}
    starts = {}
    with subprocess.Popen(words, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            print(line, end="")
            if found := STAGE.match(line):
                starts[found[1]] = time.monotonic()
    assert process.returncode == 0
    moments = [*starts.values(), time.monotonic()]
    return {stage: after - start for stage, (start, after) in zip(starts, pairwise(moments), strict=True)}


def files(folder: Path) -> dict[str, str]:
    """Returns a hash of every file but for measured times; folders are there too, and what was left over."""
    found = {}
    for path in folder.rglob("*"):
        place = path.relative_to(folder)
        if not {".git", ".dvc", "__pycache__"} & set(place.parts):
            found[place.as_posix()] = md5(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return {name: "measured" if MEASURED.search(name) else value for name, value in found.items()}


def bits(folder: Path) -> dict[str, str]:
    """Returns a hash of every file and of all that dvc.lock records, but for measured times."""
    recorded = recorded_hashes((folder / "dvc.lock").read_text(encoding="utf-8"))
    return files(folder) | {
        f"{stage}: {path}": value for (stage, path), value in recorded.items() if not MEASURED.search(path)
    }


def leftovers(temporary: Path) -> list[Path]:
    """Lists what is left in the directory for temporary files, but for sockets of Python's multiprocessing.

    If a process is ended by SIGKILL, nobody removes its directory pymp-*.
    """
    return [path for path in temporary.iterdir() if not path.name.startswith("pymp-")]
