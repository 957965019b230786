"""Mends what a kill left of DVC's own files; `make repro` does it first.

DVC writes dvc.lock and .dvc/tmp/rwlock in place: a kill at that moment leaves them cut, and DVC refuses to
start. dvc.lock comes back from the last commit, or goes: what was finished since then comes out of DVC's
cache and is not trained again. The other one says only who is at work, which nobody is, and goes. So do
copies in DVC's cache that were not finished.
"""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.lock import LockError, make_lock  # type: ignore[import-untyped]
from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # type: ignore[import-untyped]
from dvc.utils.serialize import ParseError, load_yaml  # type: ignore[import-untyped]
from voluptuous import Invalid

from mnist_cnn.core.command import run
from mnist_cnn.core.files import replacing
from mnist_cnn.core.paths import LOCK

TMP, CACHE = Path(".dvc/tmp"), Path(".dvc/cache")
UNTOUCHED_SECONDS = 60.0  # workers of a queue copy too, without the lock of this folder


def is_cut(path: Path, read: Callable[[Path], Any]) -> bool:
    """Returns whether a file is there and cannot be read."""
    try:
        if path.exists():
            read(path)
    except (ParseError, Invalid, ValueError):
        return True
    return False


def mend() -> None:
    """Replaces what is cut, and says so."""
    rwlock = TMP / "rwlock"
    if is_cut(rwlock, lambda path: json.loads(path.read_bytes())):
        rwlock.unlink()
        print(f"{rwlock} was cut: removed")
    if is_cut(LOCK, lambda path: COMPILED_LOCKFILE_SCHEMA(load_yaml(path))):
        committed = subprocess.run(["git", "show", f"HEAD:{LOCK}"], capture_output=True, check=False)
        if committed.returncode:
            LOCK.unlink()
        else:
            with replacing(LOCK) as part:
                part.write_bytes(committed.stdout)
        print(f"{LOCK} was cut: {'removed' if committed.returncode else 'the committed one is back'}")


def sweep() -> None:
    """Removes unfinished copies, if nobody can be at work on them."""
    for copy in CACHE.rglob(".*.tmp"):
        with suppress(FileNotFoundError):  # finished meanwhile
            if copy.stat().st_mtime < time.time() - UNTOUCHED_SECONDS:
                copy.unlink()


def main() -> None:
    """Runs the command."""
    TMP.mkdir(exist_ok=True)
    try:
        with make_lock(str(TMP / "lock")):  # DVC writes them while it holds this
            mend()
            sweep()
    except LockError:
        print("DVC is at work: nothing to mend")


if __name__ == "__main__":
    run(main)
