"""Runs go to a real Ray cluster of two worker nodes, on this machine, and come back as if made here."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray import cloudpickle
from ray.cluster_utils import Cluster
from ray.experimental import get_object_locations

import mnist_cnn
from benchmarks.cluster import local_cluster
from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, Train
from mnist_cnn.command import UserError
from mnist_cnn.data.dataset import Images, TrainingSet
from mnist_cnn.data.prepared import save_prepared
from mnist_cnn.paths import PREPARED
from mnist_cnn.stages import evaluate, train
from mnist_cnn.training import cluster as under_test
from mnist_cnn.training.parallel import Report, run_all
from mnist_cnn.training.records import DivergedError, FinishedRun
from tests.digits import make_images, make_training_set
from tests.test_stages import run_stage, write_params

FOLDS = 3
# A lost node is noticed after 10 s, not 30.
NOTICED_SOON = {"health_check_period_ms": 1000, "health_check_failure_threshold": 10}

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import the tests


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A cluster whose processes know nothing of this tree; they end with this process, however it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with local_cluster(2, 1, _system_config=NOTICED_SOON) as cluster:
            yield cluster


@pytest.fixture
def on_cluster(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    return nodes


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    """Images that take more than a megabyte, so that they go through the object store."""
    return make_training_set(1500, FOLDS)


def this_node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def visit(data: TrainingSet, report: Report) -> tuple[str, str, int]:
    """Tells where it runs, and writes into the images, which no other run may see."""
    report(0.5)
    total = int(data.images.pixels.sum())
    data.images.pixels[:] = 0
    time.sleep(0.5)
    return this_node(), mnist_cnn.__file__, total


def test_stages_leave_the_same_files(
    nodes: Cluster, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_params([0, 1, 2], large=5)
    save_prepared(PREPARED, data, make_images(300, seed=1))
    left = []
    for address in ("", nodes.address):
        monkeypatch.setenv("RAY_ADDRESS", address)
        for main in (train.main, evaluate.main):
            run_stage(main, "--model", "conv2_linear1", "--kernel", "large")
        files = [path for path in Path("data").rglob("*") if path.is_file()]
        timed = {"cost.json", "inference_time.json"}
        left.append({path: path.read_bytes() for path in files if path.name not in timed})
    assert ray.is_initialized()
    assert len(left[0]) == 6 + FOLDS + 1 + 3  # prepared; weights; curves; evaluation
    assert left[0] == left[1]


def test_data_travel_once_a_node(on_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, labels and folds of MNIST's size."""
    count = 60_000
    pixels = np.ones((count, 28, 28), np.uint8)
    data = TrainingSet(Images(pixels, np.zeros(count, np.uint8)), np.zeros(count, np.uint8), 0.0, 1.0)
    stored: list[ray.ObjectRef] = []
    sent: list[int] = []
    put, packed = ray.put, under_test.packed

    def note_put(item: Any) -> ray.ObjectRef:
        stored.append(put(item))
        return stored[-1]

    def notepacked(*arguments: Any) -> tuple[bytes, list[ray.ObjectRef]]:
        run, references = packed(*arguments)
        sent.append(len(run))
        return run, references

    monkeypatch.setattr(ray, "put", note_put)
    monkeypatch.setattr(under_test, "packed", notepacked)
    visits = run_all("visit", [partial(visit, data)] * 6, str)
    workers = {node.node_id for node in on_cluster.worker_nodes}
    assert {node for node, _, _ in visits} == workers
    assert len(stored) == 3
    for place in get_object_locations(stored).values():
        assert sorted(place["node_ids"]) == sorted(workers | {on_cluster.head_node.node_id})
    assert len(sent) == 6
    assert max(sent) < 5_000
    assert {total for _, _, total in visits} == {pixels.size}


def test_code_travels(on_cluster: Cluster, data: TrainingSet) -> None:
    ((_, file, _),) = run_all("visit", [partial(visit, data)], str)
    assert Path(file) != Path(mnist_cnn.__file__)
    assert on_cluster.head_node.get_session_dir_path() in file


def refuse(report: Report) -> int:
    report(0.1)
    raise DivergedError("fold 3 is broken")


@pytest.mark.usefixtures("on_cluster")
def test_failure_comes_through_in_its_own_words() -> None:
    with pytest.raises(DivergedError, match=r"^fold 3 is broken$"):
        run_all("broken", [refuse, refuse], str)


def crash(report: Report) -> int:
    report(0.1)
    os._exit(1)


@pytest.mark.usefixtures("on_cluster")
def test_run_that_kills_every_worker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "RETRIES", 1)
    with pytest.raises(UserError, match=r"^the Ray cluster lost a run for good: .*died.*$"):
        run_all("crash", [crash], str)


@dataclass(frozen=True)
class Visit:
    """Where a run ended, and with what."""

    node: str
    process: int
    finished: FinishedRun


def stop_halfway(mark: Path, run: Callable[[Report], FinishedRun], report: Report) -> Visit:
    """Does a run that, when it is made for the first time, leaves a mark in the middle and stops there."""

    def stop(share: float) -> None:
        report(share)
        if share >= 0.5 and not mark.exists():
            part = mark.with_suffix(".part")
            part.write_text(f"{this_node()} {os.getpid()}", encoding="utf-8")
            part.rename(mark)
            time.sleep(3600)

    return Visit(this_node(), os.getpid(), run(stop))


def lose_in_the_middle(
    folder: Path, data: TrainingSet, section: Train, kill: Callable[[str, int], None]
) -> tuple[str, int, list[Visit]]:
    """Makes a run for each fold; has what the first is on killed in the middle of it."""
    mark, killed = folder / "mark", folder / "killed"
    killed.touch()
    network = Network("conv2_linear1", "small", 3, (4, 4), ())
    section = section.model_copy(update={"batch_size": 8, "curve_images": 50})
    runs = [partial(train.train, network, fold, section, data) for fold in range(FOLDS)]

    def wait_and_kill() -> None:
        while not mark.exists():
            time.sleep(0.05)
        node, process = mark.read_text(encoding="utf-8").split()
        kill(node, int(process))

    killer = threading.Thread(target=wait_and_kill, daemon=True)
    killer.start()
    marks = [mark, *[killed] * (FOLDS - 1)]
    visits = run_all("lost", [partial(stop_halfway, *one) for one in zip(marks, runs, strict=True)], str)
    killer.join()
    for run, visit in zip(runs, visits, strict=True):
        alone = run(lambda _: None)
        assert visit.finished.curve == alone.curve
        assert visit.finished.weights.keys() == alone.weights.keys()
        assert all(
            np.array_equal(visit.finished.weights[name], alone.weights[name]) for name in alone.weights
        )
    node, process = mark.read_text(encoding="utf-8").split()
    return node, int(process), visits


@pytest.mark.usefixtures("on_cluster")
def test_worker_killed_in_the_middle_of_a_run(
    data: TrainingSet,
    params: Params,
    tmp_path: Path,
) -> None:
    _, process, visits = lose_in_the_middle(
        tmp_path, data, params.train, lambda _, process: os.kill(process, signal.SIGKILL)
    )
    assert process not in {visit.process for visit in visits}


def test_node_lost_in_the_middle_of_a_run(
    on_cluster: Cluster, data: TrainingSet, params: Params, tmp_path: Path
) -> None:
    """The last test of the cluster: a node is missing from here on."""

    def remove(node: str, _: int) -> None:
        (lost,) = (one for one in on_cluster.worker_nodes if one.node_id == node)
        on_cluster.remove_node(lost, allow_graceful=False)

    node, _, visits = lose_in_the_middle(tmp_path, data, params.train, remove)
    (left,) = on_cluster.worker_nodes
    assert visits[0].node == left.node_id != node


def test_accelerators_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    train.check_device("cuda")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    train.check_device("cpu")
    with pytest.raises(UserError, match=r"train\.device is cuda: with RAY_ADDRESS set it must be cpu"):
        train.check_device("cuda")


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "mnist_cnn.training.cluster")
    with pytest.raises(
        UserError, match=r"^RAY_ADDRESS is set, but ray is not installed: pip install '\.\[ray\]'.*$"
    ):
        run_all("none", [refuse], str)


def refused(address: str) -> str:
    advice = "start the cluster as docs/scaling.md says, with this machine in it, or unset it"
    return f"^RAY_ADDRESS is {address}: .+: {advice}$"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:10001"])
def test_cluster_that_is_not_there_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=refused(address)):
        run_all("none", [refuse], str)


@pytest.mark.parametrize("answer", [b"-ERR unknown command", b""], ids=["other", "silent"])
def test_what_is_no_cluster_is_named(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "KNOCK_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        lines: list[socket.socket] = []  # kept open

        def reply() -> None:
            lines.append(server.accept()[0])
            lines[0].sendall(answer)

        other = threading.Thread(target=reply, daemon=True)
        other.start()
        with pytest.raises(UserError, match=refused(address)):
            run_all("none", [refuse], str)
        other.join()
        lines[0].close()
