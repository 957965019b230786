"""Killed at random moments of all stages: nothing is lost, nobody is left, and the next start is at once.

pytest -m trial --numprocesses 0 tests/trials/test_kills.py     prints the table of docs/reliability.md
"""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
import yaml

from tests.support.processes import Reproduction
from tests.trials.small_study import Outcome, Record, Study, bits, clone, leftovers

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
        reproduction = Reproduction(work, *targets)
        if draw.random() < EARLY:
            time.sleep(draw.uniform(0, EARLY_SECONDS))
        elif not reproduction.reaches(lambda one: AT_WORK.search(one.printed())):
            refused += 1
            print(reproduction.printed())
            assert refused < PATIENCE, reproduction.printed()
            continue
        else:
            start = time.monotonic() - killed
            reproduction.reaches(lambda one: left[["", *one.stages()][-1]] > 0)
            outcomes += [Outcome(how, not refused, start, end.result()) for end in ends]
            ends, refused = [], 0
            if reproduction.process.poll() is not None:
                assert reproduction.process.returncode == 0, reproduction.printed()
                return outcomes
            stage = reproduction.stages()[-1]
            left[stage] -= 1
            time.sleep(draw.uniform(0, stages[stage]))
        if reproduction.process.poll() is None:
            killed = time.monotonic()
            ends.append(reproduction.end(send, number))
        again = finished.intersection(reproduction.stages())
        assert not [stage for stage in again if stage.startswith("train@")], reproduction.printed()
        finished |= recorded(work / "clone")


@pytest.mark.trial
@pytest.mark.parametrize("how", HOW)
def test_nothing_is_lost_wherever_it_is_killed(
    how: str, sources: Path, study: Study, tmp_path: Path, record: Record
) -> None:
    clone(sources, tmp_path / "clone")
    outcomes = disturb(how, HOW[how][2], study.seconds, tmp_path)
    whole = bits(tmp_path / "clone") == bits(study.folder) and not leftovers(tmp_path / "tmp")
    for one in outcomes:
        record(one._replace(survived=one.survived and whole))
    assert whole
    assert all(one.survived for one in outcomes)
