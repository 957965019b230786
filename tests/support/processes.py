"""Processes that a test starts, watches and ends."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil

from mnist_cnn.sources.fetch import MIRROR
from tests.support.repositories import ENVIRONMENT, mnist

STAGE = re.compile(r"Running stage '([^']+)'", re.MULTILINE)
PATIENCE = 20.0  # seconds; a slow machine needs more than the 1.3 that the design allows
WATCHERS = ThreadPoolExecutor()


def wait_until(condition: Callable[[], object], limit: float = PATIENCE) -> bool:
    """Waits for a condition; returns whether it came true within the limit."""
    end = time.monotonic() + limit
    while not (came := bool(condition())) and time.monotonic() < end:
        time.sleep(0.02)
    return came


def alive(process: psutil.Process) -> bool:
    """Returns whether a process runs; a zombie does not, though nobody waited for it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_soon(processes: list[psutil.Process]) -> bool:
    """Returns whether there are processes, and all of them end soon."""
    return bool(processes) and wait_until(lambda: not any(map(alive, processes)))


def heed_interrupts() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and tests may be among that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def last_end(processes: list[psutil.Process], start: float) -> float:
    """Waits until all processes have ended; returns how many seconds that was after `start`."""
    while any(map(alive, processes)):
        time.sleep(0.02)
    return time.monotonic() - start


class Reproduction:
    """A `dvc repro` in the folder `clone` of a folder, started as `make repro` on a terminal does."""

    def __init__(self, work: Path, *targets: str) -> None:
        self.log, folder = work / "log", work / "clone"
        (work / "tmp").mkdir(exist_ok=True)
        environment = ENVIRONMENT | {MIRROR: mnist(), "TMPDIR": str(work / "tmp")}
        with self.log.open("wb") as out:
            where = {"cwd": folder, "env": environment, "stdout": out, "stderr": out}
            subprocess.run([sys.executable, "src/repair.py"], check=True, timeout=60, **where)
            self.process = subprocess.Popen(
                ["dvc", "repro", *targets], start_new_session=True, preexec_fn=heed_interrupts, **where
            )

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stages(self) -> list[str]:
        """Returns the stages that were started, in their order."""
        return STAGE.findall(self.printed())

    def reaches(self, moment: Callable[["Reproduction"], object]) -> bool:
        """Waits for a moment; returns whether it came before the end."""
        while self.process.poll() is None and not moment(self):
            time.sleep(0.02)
        return bool(moment(self))

    def end(self, send: Callable[[int, int], None], number: int) -> "Future[float]":
        """Sends a signal; returns how many seconds later the last process will have ended."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        start = time.monotonic()
        send(self.process.pid, number)
        self.process.wait(timeout=30)
        return WATCHERS.submit(last_end, family, start)
