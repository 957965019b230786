"""Runs fill the cores, or a cluster; they keep their order, failures their words; nothing is left running."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mnist_cnn.learning import parallel
from mnist_cnn.core.command import UserError
from mnist_cnn.learning.parallel import Report, run_all
from mnist_cnn.core.params import Params
from tests.support.digits import write_study
from tests.support.processes import end_soon, heed_interrupts
from tests.support.repositories import ENVIRONMENT, TOP, tree

TRAIN = [sys.executable, TOP / "src/train.py", "--model", "conv2_linear1", "--kernel", "small"]


def power(exponent: int, number: int, report: Report) -> tuple[int, int]:
    report(0.5)
    time.sleep(0.2 if number == 0 else 0)
    report(1.0)
    return number**exponent, os.getpid()


def refuse(what: str, fold: int, report: Report) -> int:
    report(0.1)
    if fold == 3:
        raise UserError(f"fold {fold} is {what}")
    while True:
        time.sleep(0.05)
        report(0.2)


def test_results_keep_the_order_of_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    results = run_all("powers", power, 2, range(5), lambda one: f"got {one[0]}")
    assert [number for number, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}
    assert sorted(re.findall(r"got (\d+)", capsys.readouterr().out)) == sorted(str(one) for one, _ in results)


def test_failure_comes_through_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    with pytest.raises(UserError, match=r"^fold 3 is broken$"):
        run_all("broken", refuse, "broken", [0, 3, 1, 2], str)


# The script `train` in the middle of long runs


@pytest.fixture
def training(tmp_path: Path, params: Params) -> Iterator[subprocess.Popen[str]]:
    """The script, as a terminal would start it, with its workers at work."""
    write_study(tmp_path, params, epochs=1000.0)
    with subprocess.Popen(
        TRAIN, cwd=tmp_path, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=heed_interrupts,
    ) as process:  # fmt: skip
        workers = psutil.Process(process.pid).children
        for _ in range(600):
            if any(one.cpu_times().user > 0.5 for one in workers()):
                break
            time.sleep(0.1)
        yield process


def test_interruption_ends_everything(training: subprocess.Popen[str]) -> None:
    workers = psutil.Process(training.pid).children()
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does
    _, said = training.communicate(timeout=10)
    assert (training.returncode, said) == (1, "interrupted\n")
    assert end_soon(workers)


def test_workers_end_with_their_parent(training: subprocess.Popen[str]) -> None:
    workers = psutil.Process(training.pid).children()
    training.kill()
    assert end_soon(workers)


# A Ray cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster on this machine, whose processes end with this one."""
    pytest.importorskip("ray", reason="ray is an extra")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100 * 2**20}
        nodes = Cluster(initialize_head=True, shutdown_at_exit=True, head_node_args=head)
        yield nodes.address
        nodes.shutdown()


@pytest.mark.slow
def test_cluster_gives_the_same_bits(cluster: str, tmp_path: Path, params: Params) -> None:
    left = []
    write_study(tmp_path, params)
    for place in ({}, {"RAY_ADDRESS": cluster}):
        subprocess.run(TRAIN, cwd=tmp_path, env=ENVIRONMENT | place, check=True)
        left.append(
            {name: data for name, data in tree(tmp_path).items() if not name.startswith("data/timing")}
        )
        for path in tmp_path.glob("data/weights/*/*/*"):
            path.unlink()
    assert len([name for name in left[0] if name.endswith(".safetensors")]) == 3
    assert left[0] == left[1]


@pytest.mark.slow
def test_failure_on_a_cluster_comes_through(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import the tests
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    with pytest.raises(UserError, match=r"^fold 3 is broken$"):
        run_all("broken", refuse, "broken", [3], str)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_cluster_that_is_not_there_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is an extra")
    monkeypatch.setenv("RAY_ADDRESS", address)
    start = time.monotonic()
    with pytest.raises(UserError, match=f"^RAY_ADDRESS is {address}: .+: see docs/scaling.md, or unset it$"):
        run_all("none", power, 2, [1], str)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("answer", [b"-ERR unknown command", b""], ids=["other", "silent"])
def test_what_is_no_cluster_is_one_line(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is an extra")
    monkeypatch.setattr(parallel, "KNOCK_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        lines: list[socket.socket] = []  # kept open

        def reply() -> None:
            lines.append(server.accept()[0])
            lines[0].sendall(answer)

        other = threading.Thread(target=reply, daemon=True)
        other.start()
        with pytest.raises(
            UserError, match=r"^RAY_ADDRESS is .*: (timed out|what answers there is no Ray cluster): "
        ):
            run_all("none", power, 2, [1], str)
        other.join()
        lines[0].close()


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"^RAY_ADDRESS is set, but ray is not installed: pip install"):
        run_all("none", power, 2, [1], str)
