"""Killed at random moments of all stages: nothing is lost, nobody is left, and the next start is at once.

pytest -m trial --numprocesses 0 tests/trials/test_kills.py     prints the table of docs/reliability.md
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import yaml

from mnist_cnn.sources.fetch import MIRROR
from tests.support.scratch import ENVIRONMENT, mnist
from tests.test_parallel import alive, heed_interrupts
from tests.trials.small_study import STAGE, Outcome, Record, Study, bits, clone, reproduce

HOW: dict[str, tuple[Callable[[int, int], None], int, int]] = {  # with the number of kills in each stage
    "SIGKILL to the process group": (os.killpg, signal.SIGKILL, 3),
    "SIGKILL to `dvc` alone": (os.kill, signal.SIGKILL, 3),
    "Ctrl-C": (os.killpg, signal.SIGINT, 1),
    "SIGTERM to the process group": (os.killpg, signal.SIGTERM, 1),
    "SIGTERM to `dvc` alone": (os.kill, signal.SIGTERM, 1),
}
AT_WORK = re.compile("Running stage|didn't change|is cached|up to date")
EARLY, EARLY_SECONDS = 0.2, 1.5  # this share is killed while DVC looks at what there is to do
PATIENCE = 10  # starts in a row that are refused
WATCHERS = ThreadPoolExecutor()


class Life:
    """A `dvc repro` in work/clone, from its start, as `make repro` and a terminal make it, to its end."""

    def __init__(self, work: Path, *targets: str) -> None:
        self.log, place = work / "log", work / "clone"
        (work / "tmp").mkdir(exist_ok=True)
        surroundings = ENVIRONMENT | {MIRROR: mnist(), "TMPDIR": str(work / "tmp")}
        with self.log.open("wb") as out:
            mend = [sys.executable, "src/mend.py"]
            subprocess.run(mend, cwd=place, env=surroundings, stdout=out, stderr=out, check=True)
            self.process = subprocess.Popen(
                ["dvc", "repro", *targets], cwd=place, env=surroundings, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=heed_interrupts,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stages(self) -> list[str]:
        return STAGE.findall(self.said())

    def reaches(self, moment: Callable[["Life"], object]) -> bool:
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


def last_end(processes: list[psutil.Process], start: float) -> float:
    """Waits for processes to end, and returns for how long, from `start`; a zombie has ended."""
    while any(map(alive, processes)):
        time.sleep(0.02)
    return time.monotonic() - start


def recorded(folder: Path) -> set[str]:
    """Returns the stages that dvc.lock records; none while it is cut."""
    try:
        return set(yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"])
    except (OSError, TypeError, KeyError, yaml.YAMLError):
        return set()


def disturb(how: str, times: int, stages: dict[str, float], work: Path, *targets: str) -> list[Outcome]:
    """Reproduces to the end, and ends each stage some times on the way, with a new start at once.

    A kill is survived if that start was not refused, as by a DVC that says "busy".
    """
    send, number, _ = HOW[how]
    left, draw = Counter(dict.fromkeys(stages, times)), random.Random(how)
    outcomes: list[Outcome] = []
    ends: list[Future[float]] = []  # of the runs that were killed since DVC was last at work
    finished: set[str] = set()
    killed, refused = 0.0, 0
    while True:
        life = Life(work, *targets)
        if draw.random() < EARLY:
            time.sleep(draw.uniform(0, EARLY_SECONDS))
        elif not life.reaches(lambda life: AT_WORK.search(life.said())):
            refused += 1
            print(life.said())
            assert refused < PATIENCE, life.said()
            continue
        else:
            start = time.monotonic() - killed
            life.reaches(lambda life: left[["", *life.stages()][-1]] > 0)
            outcomes += [Outcome(how, not refused, start, end.result()) for end in ends]
            ends, refused = [], 0
            if life.process.poll() is not None:
                assert life.process.returncode == 0, life.said()
                return outcomes
            stage = life.stages()[-1]
            left[stage] -= 1
            time.sleep(draw.uniform(0, stages[stage]))
        if life.process.poll() is None:
            killed = time.monotonic()
            ends.append(life.end(send, number))
        again = finished.intersection(life.stages())
        assert not [stage for stage in again if stage.startswith("train@")], life.said()
        finished |= recorded(work / "clone")


@pytest.mark.trial
@pytest.mark.parametrize("how", HOW)
def test_nothing_is_lost_wherever_it_is_killed(
    how: str, sources: Path, study: Study, tmp_path: Path, record: Record
) -> None:
    clone(sources, tmp_path / "clone")
    outcomes = disturb(how, HOW[how][2], study.seconds, tmp_path)
    whole = bits(tmp_path / "clone") == bits(study.folder) and not list((tmp_path / "tmp").iterdir())
    for one in outcomes:
        record(one._replace(survived=one.survived and whole))
    assert whole
    assert all(one.survived for one in outcomes)


@pytest.mark.slow
def test_training_that_is_killed_is_done_again_with_the_same_bits(sources: Path, tmp_path: Path) -> None:
    targets = ("train@conv1_linear1-small", "train@conv2_linear2-small")
    for name in ("undisturbed", "clone"):
        clone(sources, tmp_path / name)
    seconds = reproduce(tmp_path / "undisturbed", *targets)
    for how, target in zip(HOW, targets, strict=False):
        assert disturb(how, 1, {target: seconds[target]}, tmp_path, target)
    assert bits(tmp_path / "clone") == bits(tmp_path / "undisturbed")
    assert list((tmp_path / "tmp").iterdir()) == []
