"""The benchmarks: operations, shares of time, processes and tables; times are not tested."""

import io
import json
import os
import re

import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as command
from benchmarks import scaling
from benchmarks.plain_loop import official_network, plain_network
from benchmarks.processes import CORES, NATIVE, Processes
from benchmarks.throughput import flops_per_image
from benchmarks.wall_time import shares
from mnist_cnn import PINS
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import load_params
from mnist_cnn.learning.network import build_network
from tests.support.repositories import TOP, run

NETWORKS = load_params(TOP / "params.yaml").networks()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_plain_loop_trains_the_same_network(network: Network) -> None:
    plain = plain_network(network)
    assert plain(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert sum(one.numel() for one in plain.parameters()) == network.parameters


def test_official_network_has_its_size() -> None:
    assert sum(one.numel() for one in official_network().parameters()) == 1_199_882


@pytest.mark.parametrize("network", NETWORKS[::4], ids=lambda network: network.name)
def test_operations_are_those_that_pytorch_counts(network: Network) -> None:
    model = build_network(network, torch.Generator())
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(model(torch.zeros(2, 1, 28, 28)).sum())
    assert counter.get_total_flops() == 2 * flops_per_image(network)


def test_shares_add_up() -> None:
    used = {"training": 40 * CORES, "validation": 2 * CORES, "evaluation": 8 * CORES}
    found = shares(wall=100, used=90 * CORES, **used)
    assert sum(found.values()) == pytest.approx(1)
    assert list(found.values()) == pytest.approx([0.4, 0.02, 0.08, 0.4, 0.1])


@pytest.mark.parametrize("native", [False, True], ids=["pinned", "native"])
def test_processes_have_the_numerics_that_were_asked_for(native: bool) -> None:
    """The package sets its pins when it is imported, if it does."""
    program = "__import__('mnist_cnn') and dict(__import__('os').environ)"
    with Processes(options=NATIVE if native else ()) as processes:
        [environment] = processes.call(eval, program)
    assert {name: environment.get(name) for name in PINS} == (dict.fromkeys(PINS) if native else PINS)


def test_processes_work_at_the_same_time_and_pass_errors_on() -> None:
    program = "[(clock := __import__('time')).monotonic(), clock.sleep(3), clock.monotonic()]"
    with Processes(2) as processes:
        assert len(set(processes.call(os.getpid))) == 2
        starts, _, ends = zip(*processes.call(eval, program), strict=True)
        assert max(starts) < min(ends)
        with pytest.raises(ValueError, match="invalid literal"):
            processes.call(int, "x")
        assert processes.call(int, "7") == [7, 7]


def test_page_shows_the_results() -> None:
    """Each table is the one that results.json gives, and the text around it stays."""
    page, results = command.PAGE.read_text(encoding="utf-8"), json.loads(command.RESULTS.read_bytes())
    assert set(results) == set(command.MEASURED)
    assert command.with_tables(page, results) == page
    results["study"]["wall_seconds"] = 98765
    changed = command.with_tables(page, results)
    assert "98765" in changed
    assert changed.count("\n") == page.count("\n")


def test_makespan_is_that_of_list_scheduling() -> None:
    assert scaling.makespan([3, 2, 2, 1], workers=2) == 4
    assert scaling.makespan([5] * 12, workers=8) == 10
    assert scaling.makespan([1, 7], workers=3) == 7


def test_wall_time_is_a_hand_value() -> None:
    """Two stages at a time: 3 + 10, then 3 + 4 beside 3 + 6; evaluation 3 + 1 twice; two other stages."""
    times = scaling.Times(training=[4, 10, 6], evaluation=1, overhead=3, other_stages=2)
    assert scaling.wall_seconds(times, runs=2, cores=4, jobs=2) == 16 + 8 + 6
    assert scaling.wall_seconds(times, runs=2, cores=1, jobs=1) == 49 + 15 + 6


def test_estimates_of_the_page_are_about_those_of_the_committed_times() -> None:
    timing = pd.read_csv(io.StringIO(run(TOP, "git show HEAD:plots/timing.csv")))
    study = json.loads(command.RESULTS.read_bytes())["study"]
    text = scaling.describe(load_params(TOP / "params.yaml"), timing, study)
    page = (TOP / scaling.PAGE).read_text(encoding="utf-8")
    (cores, jobs, minutes), (page_cores, page_jobs, page_minutes) = (
        zip(*re.findall(r"^\| (\d+) \| (\d+) \| ([\d.]+) \|$", one, re.MULTILINE), strict=True)
        for one in (text, page)
    )
    assert (cores, jobs) == (page_cores, page_jobs)
    assert [*map(float, page_minutes)] == pytest.approx([*map(float, minutes)], rel=0.25)
