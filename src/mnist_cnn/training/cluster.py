"""Sends runs to the Ray cluster that RAY_ADDRESS names, through joblib; import it only where that is set.

What a run needs travels once a node: large arrays go into Ray's object store, and runs get references.
"""

import io
import os
import pickle
import socket
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.command import UserError

KNOCK_SECONDS = 5
HTTP2_SETTINGS = b"\x04"  # the type of both sides' first frame (RFC 9113, section 3.4)
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + HTTP2_SETTINGS + bytes(5)
STORED_BYTES = 2**14  # arrays from this size on are sent once a node; labels and folds have 60,000
RETRIES = 10  # nodes come and go; but a run that kills every worker that it meets must end


class ClusterError(UserError):
    """A cluster that cannot be worked with, or that lost a run for good."""


try:
    import ray
    from ray.cloudpickle import CloudPickler
    from ray.util.joblib.ray_backend import RayBackend
except ModuleNotFoundError as missing:
    raise ClusterError(
        f"RAY_ADDRESS is set, but {missing.name} is not installed: pip install '.[ray]', or unset it"
    ) from None


Stored = dict[int, tuple[NDArray[Any], ray.ObjectRef]]  # by the array's id, which is its own while it is kept


class _Pickler(CloudPickler):  # type: ignore[misc]  # Ray is read without its types
    """Pickles a run; large arrays go into the object store, and their places in `references` into the run."""

    def __init__(self, file: io.BytesIO, stored: Stored) -> None:
        super().__init__(file)
        self.stored = stored
        self.references: list[ray.ObjectRef] = []

    def persistent_id(self, item: object) -> int | None:
        if type(item) is not np.ndarray or item.nbytes < STORED_BYTES:
            return None
        if id(item) not in self.stored:
            self.stored[id(item)] = item, ray.put(item)
        self.references.append(self.stored[id(item)][1])
        return len(self.references) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, run: bytes, arrays: tuple[NDArray[Any], ...]) -> None:
        super().__init__(io.BytesIO(run))
        self.arrays = arrays

    def persistent_load(self, place: int) -> NDArray[Any]:
        """Returns a copy: what the runs of a node share is read-only, and PyTorch wants to be able to write.

        It takes some 10 ms of a run for MNIST.
        """
        return self.arrays[place].copy()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def packed(run: Callable[[], Any], stored: Stored) -> tuple[bytes, list[ray.ObjectRef]]:
    """Returns what is sent for a run, and the references that go with it."""
    file = io.BytesIO()
    pickler = _Pickler(file, stored)
    pickler.dump(run)
    return file.getvalue(), pickler.references


def _do(run: bytes, *arrays: NDArray[Any]) -> Any:
    """Does a run, on a node; Ray has fetched the arrays into the node's memory."""
    return _Unpickler(run, arrays).load()()


class TaskBackend(RayBackend):  # type: ignore[misc]
    """joblib's Ray backend, with a Ray task for each run in place of its pool of actors.

    The pool hands runs to its actors in turn, free or not, and tells of all results at the end; an actor
    of a lost node waits for a processor that no other actor holds. Tasks go where a processor is free,
    also on nodes that join later, and those that are lost are repeated elsewhere.
    """

    supports_return_generator = True

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Makes ready for one call of joblib."""
        self.parallel = parallel
        self.stored: Stored = {}
        self.tasks: list[ray.ObjectRef] = []
        self.remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
        return n_jobs

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Lets joblib hand over as many runs at once as it is told: Ray knows what is free."""
        return n_jobs

    def compute_batch_size(self) -> int:
        """Sends every run on its own, however short."""
        return 1

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None]) -> Future[Any]:
        """Sends a run; `callback` gets its future when it is done."""
        run, references = packed(func, self.stored)
        self.tasks.append(self.remote.remote(run, *references))
        future: Future[Any] = self.tasks[-1].future()
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Returns a run's result, or raises what it raised there.

        Raises:
            ClusterError: The run was lost, and so were its repetitions.
        """
        try:
            return out.result()
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the Ray cluster lost a run for good: {_first_line(error)}") from error

    def terminate(self) -> None:
        """Frees what this call of joblib stored."""
        self.stored, self.tasks = {}, []

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Stops all runs."""
        for task in self.tasks:
            ray.cancel(task, force=True)
        self.terminate()
        if ensure_ready:
            self.configure(parallel=self.parallel)


def _knock(address: str) -> None:
    """Finds out at once what Ray would try for two minutes: its gRPC begins as every HTTP/2 does.

    Raises:
        OSError: Nobody answers at the address.
        ValueError: The address is none, or something else answers, such as Ray's dashboard.
    """
    if address in ("auto", "local") or os.environ.get("RAY_USE_TLS", "0") != "0":
        return
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS) as line:
        line.sendall(HTTP2_GREETING)
        if line.recv(9)[3:4] != HTTP2_SETTINGS:
            raise ValueError("what answers there is no Ray cluster")


def connect(address: str) -> TaskBackend:
    """Connects to the cluster, takes this tree's code along, and returns what joblib sends runs through.

    Raises:
        ClusterError: There is no such cluster, or this machine or this Python does not belong to it.
    """
    code = {"py_modules": [str(Path(__file__).parents[1])]}
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        _knock(address)
        ray.init(address, runtime_env=code, ignore_reinit_error=True, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        line = f"RAY_ADDRESS is {address}: {_first_line(error)}: start the cluster as docs/scaling.md says"
        raise ClusterError(f"{line}, with this machine in it, or unset it") from error
    if not ray.cluster_resources().get("CPU"):
        raise ClusterError(f"RAY_ADDRESS is {address}: the cluster has no processors: add a worker to it")
    return TaskBackend()
