"""Chance is part of a trial: the fast tests pass ten times in a row, with 2 and with 4 workers."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.trial
@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("time", range(5))
def test_fast_tests_pass_again(time: int, workers: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow and not trial", "-n", str(workers)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"time {time}: {done.stdout[-3000:]}"
