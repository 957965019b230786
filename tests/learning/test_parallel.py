"""Parallel runs on the cores or on a cluster: their order, their errors, and the end of their processes."""

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

from mnist_cnn.core.command import UserError
from mnist_cnn.core.params import Params
from mnist_cnn.learning import cluster as ray_cluster
from mnist_cnn.learning.parallel import run_all
from mnist_cnn.learning.results import ReportProgress
from tests.support.digits import write_study
from tests.support.processes import end_soon, heed_interrupts, wait_until
from tests.support.repositories import ENVIRONMENT, TOP, tree

TRAIN = [sys.executable, TOP / "src/train.py", "--model", "conv2_linear1", "--kernel", "small"]
MODULE = "mnist_cnn.learning.training"  # as the stage: the tests share one fork server
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and sends signals to a group")


def power(exponent: int, number: int, report_progress: ReportProgress) -> tuple[int, int]:
    report_progress(0.5)
    time.sleep(0.2 if number == 0 else 0)
    report_progress(1.0)
    return number**exponent, os.getpid()


def refuse(reason: str, fold: int, report_progress: ReportProgress) -> int:
    report_progress(0.1)
    if fold == 3:
        raise UserError(f"fold {fold} is {reason}")
    while True:
        time.sleep(0.05)
        report_progress(0.2)


def end_process(exit_status: int, _: int, report_progress: ReportProgress) -> None:
    report_progress(0.1)
    os._exit(exit_status)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, and no change of the environment that lasts."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


def test_results_keep_the_order_of_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    results = run_all("powers", power, MODULE, 2, range(5), lambda result: f"got {result[0]}")
    assert [number for number, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}
    printed = re.findall(r"got (\d+)", capsys.readouterr().out)
    assert sorted(printed) == sorted(str(number) for number, _ in results)


def test_failure_comes_through_and_ends_the_others() -> None:
    with pytest.raises(UserError, match=r"^fold 3 is broken$"):
        run_all("broken", refuse, MODULE, "broken", [0, 3, 1, 2], str)


def test_worker_that_is_killed_is_one_line_and_the_next_call_works() -> None:
    with pytest.raises(UserError, match=r"^a process was killed, perhaps for lack of memory; run it again$"):
        run_all("killed", end_process, MODULE, 1, [0, 1, 2], str)
    assert run_all("powers", power, MODULE, 2, [3], str)[0][0] == 9


# The script `train`, as a terminal starts it


@pytest.fixture
def training(tmp_path: Path, params: Params) -> Iterator[subprocess.Popen[str]]:
    """The script with long runs; it is killed in the end."""
    write_study(tmp_path, params, epochs=1000.0)
    with subprocess.Popen(
        TRAIN, cwd=tmp_path, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=heed_interrupts,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def find_fork_server(process: subprocess.Popen[str]) -> psutil.Process | None:
    """Returns the process from which the workers are forked, once it is there."""
    children = psutil.Process(process.pid).children()
    return next((one for one in children if "multiprocessing.forkserver" in " ".join(one.cmdline())), None)


def imports(fork_server: psutil.Process | None) -> bool:
    """Returns whether a process is importing PyTorch, or has imported it."""
    return fork_server is not None and fork_server.memory_info().rss > 100 * 2**20


def working(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Waits until a worker trains; returns all processes that the script has started."""

    def trains() -> bool:
        fork_server = find_fork_server(process)
        return fork_server is not None and any(one.cpu_times().user > 0.5 for one in fork_server.children())

    assert wait_until(trains, limit=60)
    return psutil.Process(process.pid).children(recursive=True)


@linux
def test_workers_are_forked_from_a_process_with_one_thread(training: subprocess.Popen[str]) -> None:
    """A fork of a process with threads may deadlock. The stage itself does not import PyTorch."""
    working(training)
    fork_server = find_fork_server(training)
    assert fork_server is not None
    assert fork_server.num_threads() == 1
    libraries = {pid: Path(f"/proc/{pid}/maps").read_text() for pid in (training.pid, fork_server.pid)}
    assert ["libtorch" in text for text in libraries.values()] == [False, True]


@linux
@pytest.mark.parametrize("moment", ["import", "training"])
def test_interruption_ends_everything(training: subprocess.Popen[str], moment: str) -> None:
    if moment == "training":
        started = working(training)
    else:
        assert wait_until(lambda: imports(find_fork_server(training)), limit=60)
        started = psutil.Process(training.pid).children(recursive=True)
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does
    _, printed = training.communicate(timeout=60)
    assert (training.returncode, printed) == (1, "interrupted\n")
    assert end_soon(started)


@linux
def test_workers_end_with_their_parent(training: subprocess.Popen[str]) -> None:
    started = working(training)
    training.kill()
    assert end_soon(started)


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
    written = []
    write_study(tmp_path, params)
    for address in ({}, {"RAY_ADDRESS": cluster}):
        subprocess.run(TRAIN, cwd=tmp_path, env=ENVIRONMENT | address, check=True, timeout=300)
        files = tree(tmp_path).items()
        written.append({name: data for name, data in files if not name.startswith("data/timing")})
        for path in tmp_path.glob("data/weights/*/*/*"):
            path.unlink()
    assert len([name for name in written[0] if name.startswith("data/weights")]) == 6
    assert written[0] == written[1]


@pytest.mark.slow
def test_failure_on_a_cluster_comes_through(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import the tests
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    with pytest.raises(UserError, match=r"^fold 3 is broken$"):
        run_all("broken", refuse, MODULE, "broken", [3], str)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_cluster_that_is_not_there_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before Ray tries to connect, which would take minutes."""
    ray = pytest.importorskip("ray", reason="ray is an extra")
    monkeypatch.setattr(ray, "init", None)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"^RAY_ADDRESS is {address}: .+: see docs/scaling.md, or unset it$"):
        run_all("none", power, MODULE, 2, [1], str)


@pytest.mark.parametrize("answer", [b"-ERR unknown command", b""], ids=["other", "silent"])
def test_what_is_no_cluster_is_one_line(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is an extra")
    monkeypatch.setattr(ray_cluster, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        connections: list[socket.socket] = []  # kept open

        def reply() -> None:
            connections.append(server.accept()[0])
            connections[0].sendall(answer)

        other = threading.Thread(target=reply, daemon=True)
        other.start()
        reason = "timed out|what answers there is not a Ray cluster"
        with pytest.raises(UserError, match=f"^RAY_ADDRESS is .*: ({reason}): "):
            run_all("none", power, MODULE, 2, [1], str)
        other.join(10)
        connections[0].close()


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"^RAY_ADDRESS is set, but ray is not installed: pip install"):
        run_all("none", power, MODULE, 2, [1], str)
