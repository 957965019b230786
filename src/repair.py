"""Repairs DVC's own files after a kill; `make repro` runs it first.

DVC writes dvc.lock and .dvc/tmp/rwlock in place, so a kill at that moment leaves them truncated, and DVC
refuses to start. dvc.lock is restored from the last commit, or removed if no commit has it: the stages that
have finished since then are restored from DVC's cache and not run again. A dvc.lock with a merge conflict is
not changed. .dvc/tmp/rwlock lists the running stages, of which there are none, and is removed. So are
unfinished copies in DVC's cache.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException  # type: ignore[import-untyped]
from dvc.lock import LockError, make_lock  # type: ignore[import-untyped]
from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # type: ignore[import-untyped]
from dvc.utils import strictyaml  # type: ignore[import-untyped]

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import write_bytes
from mnist_cnn.core.paths import LOCK

TMP, CACHE = Path(".dvc/tmp"), Path(".dvc/cache")
CONFLICT = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)  # git's markers
UNTOUCHED_SECONDS = 60.0  # the workers of a queue copy as well, without the lock of this repository


def is_truncated(path: Path, read: Callable[[Path], Any]) -> bool:
    """Returns whether a file exists and cannot be read."""
    try:
        if path.exists():
            read(path)
    except (DvcException, ValueError):
        return True
    return False


def repair_rwlock() -> None:
    """Removes .dvc/tmp/rwlock if it is truncated."""
    path = TMP / "rwlock"
    if is_truncated(path, lambda path: json.loads(path.read_bytes())):
        path.unlink()
        print(f"{path} was truncated and has been removed")


def repair_lock() -> None:
    """Restores or removes dvc.lock if it is truncated.

    Raises:
        UserError: It contains a merge conflict.
    """
    if not is_truncated(LOCK, lambda path: strictyaml.load(path, COMPILED_LOCKFILE_SCHEMA)):
        return
    if CONFLICT.search(LOCK.read_bytes()):
        raise UserError(
            f"{LOCK} contains a merge conflict: resolve it, or take one side with "
            f"`git checkout --ours {LOCK}` or `git checkout --theirs {LOCK}`"
        )
    committed = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], capture_output=True, check=False)
    if committed.returncode:
        LOCK.unlink()
        print(f"{LOCK} was truncated and has been removed")
    else:
        write_bytes(LOCK, committed.stdout)
        print(f"{LOCK} was truncated and has been restored from the last commit")


def remove_unfinished_copies() -> None:
    """Removes temporary files from DVC's cache that no process is writing."""
    for copy in CACHE.rglob(".*.tmp"):
        with suppress(FileNotFoundError):  # its process has just finished it
            if copy.stat().st_mtime < time.time() - UNTOUCHED_SECONDS:
                copy.unlink()


def main() -> None:
    """Runs the command."""
    TMP.mkdir(exist_ok=True)
    try:
        with make_lock(str(TMP / "lock")):  # DVC holds it while it writes these files
            repair_rwlock()
            repair_lock()
            remove_unfinished_copies()
    except LockError:
        print("DVC is running: there is nothing to repair")


if __name__ == "__main__":
    run(main)
