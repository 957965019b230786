"""Runs fill the cores; results keep their order; failures keep their words."""

import os
import re
import time
from functools import partial

import pytest

from mnist_cnn.command import UserError
from mnist_cnn.training.parallel import Report, run_all


def square(number: int, report: Report) -> int:
    report(0.5)
    time.sleep(0.2 if number == 0 else 0)
    report(1.0)
    return number**2


def refuse(report: Report) -> int:
    report(0.1)
    raise UserError("fold 3 is broken")


def test_results_keep_the_order_of_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    results = run_all("squares", [partial(square, number) for number in range(5)], lambda one: f"got {one}")
    assert results == [0, 1, 4, 9, 16]
    assert sorted(re.findall(r"got (\d+)", capsys.readouterr().out)) == sorted(map(str, results))


def process(report: Report) -> int:
    report(1.0)
    return os.getpid()


def test_one_at_a_time_is_this_process_and_several_are_others() -> None:
    assert run_all("alone", [process] * 3, str, most=1) == [os.getpid()] * 3
    assert os.getpid() not in run_all("several", [process] * 3, str, most=2)


def test_failure_comes_through() -> None:
    with pytest.raises(UserError, match="fold 3 is broken"):
        run_all("broken", [refuse], str)
