"""How many runs a second a Ray cluster on this machine is fed with, and what goes over the wire for them."""

import io
import os
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

import ray
from ray.cluster_utils import Cluster

import mnist_cnn
from mnist_cnn.choices.params import Params
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.paths import PREPARED
from mnist_cnn.stages.train import train
from mnist_cnn.training import cluster
from mnist_cnn.training.parallel import Report, run_all
from mnist_cnn.training.records import FinishedRun

RUNS = (15, 150, 1500)
NODES = 2
SLEEPERS = 20  # on each node: a run that sleeps needs no core
STORE = 200 * 2**20  # bytes, of each node
Runs = Sequence[Callable[[Report], Any]]


@contextmanager
def local_cluster(nodes: int, cpus: int, **head: Any) -> Iterator[Cluster]:
    """Starts a cluster on this machine, and ends its processes however this one ends.

    Args:
        nodes: How many worker nodes; the head, where this process sits, does no runs.
        cpus: How many runs each node does at once.
        head: More settings of the head.
    """
    bare = {"object_store_memory": STORE, "include_log_monitor": False}
    ray_cluster = Cluster(
        initialize_head=True,
        shutdown_at_exit=True,
        head_node_args=bare | {"num_cpus": 0, "include_dashboard": False} | head,
    )
    try:
        for _ in range(nodes):
            ray_cluster.add_node(num_cpus=cpus, **bare)
        yield ray_cluster
    finally:
        ray.shutdown()
        ray_cluster.shutdown()


def sleep(seconds: float, data: TrainingSet, result: FinishedRun, report: Report) -> FinishedRun:
    """Stands for a run: takes the data, sleeps as long as it would train, and has its result."""
    assert data.images.pixels.flags.writeable
    time.sleep(seconds)
    report(1)
    return result


def _timed(runs: Runs, address: str = "") -> tuple[dict[str, float], list[Any]]:
    """Makes runs on a cluster or, with no address, on this machine."""
    os.environ["RAY_ADDRESS"] = address
    wall, processor = time.perf_counter(), time.process_time()
    with redirect_stdout(io.StringIO()):
        results = run_all("runs", runs, lambda _: "")
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"runs": len(runs), "wall_seconds": wall, "sender_seconds": processor}, results


def _code_bytes() -> int:
    """Returns the size of the package as Ray sends it, zipped."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in Path(mnist_cnn.__path__[0]).rglob("*.py"):
            archive.write(path)
    return len(file.getvalue())


def _sizes(runs: Runs, address: str) -> dict[str, int]:
    """Makes runs, and returns the bytes that are sent once, once a node, and with each run."""
    data, tasks = 0, [0]

    def note(*arguments: Any) -> tuple[bytes, list[ray.ObjectRef]]:
        nonlocal data
        task, references = packed(*arguments)
        data = sum(array.nbytes for array, _ in arguments[1].values())
        tasks.append(len(task))
        return task, references

    packed = cluster.packed
    with patch.object(cluster, "packed", note):
        _, results = _timed(runs, address)
    largest = max(len(pickle.dumps(one)) for one in results)
    return {"code": _code_bytes(), "data": data, "task": max(tasks), "result": largest}


def measure(params: Params) -> dict[str, Any]:
    """Makes real runs, one of each network, here and on a cluster; then runs that sleep as long as those.

    Returns:
        Sizes of what is sent; wall seconds, and processor seconds of the sending process, by kind of run.
    """
    data = load_training_set(PREPARED)
    real = [partial(train, network, 0, params.train, data) for network in params.networks()]
    kinds: dict[str, dict[str, float]] = {}
    kinds["real, no cluster"], results = _timed(real)
    seconds = mean(one.cost.training_seconds + one.cost.validation_seconds for one in results)
    with local_cluster(NODES, 1) as started:
        kinds["real, cluster"], again = _timed(real, started.address)
        short = params.train.model_copy(update={"epochs": 0.05})
        sizes = _sizes([partial(train, one, 0, short, data) for one in params.networks()], started.address)
    assert [one.curve for one in again] == [one.curve for one in results]
    print("cluster: real runs are done", flush=True)
    with local_cluster(NODES, SLEEPERS) as started:
        _timed(
            [partial(sleep, 5.0, data, results[0])] * NODES * SLEEPERS, started.address
        )  # starts processes
        for kind, length in (("sleeping", seconds), ("empty", 0.0)):
            for count in RUNS:
                runs = [partial(sleep, length, data, results[0])] * count
                kinds[f"{kind}, {count}"], _ = _timed(runs, started.address)
                print(f"cluster: {count} {kind} runs are done", flush=True)
    return {"slots": NODES * SLEEPERS, "run_seconds": seconds, "bytes": sizes, "kinds": kinds}
