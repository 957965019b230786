"""Independent runs on a Ray cluster."""

import os
import socket
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from mnist_cnn.core.command import UserError

RETRIES = 10  # of a run whose node is lost
CONNECT_SECONDS = 5
HTTP2_SETTINGS = b"\x04"  # type of the first frame of both sides (RFC 9113, section 3.4)
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + HTTP2_SETTINGS + bytes(5)


def run_on_cluster(
    address: str, work: Callable[..., Any], data: Any, items: Sequence[Any], refresh_seconds: float
) -> Generator[tuple[float, list[tuple[int, Any]]], None, None]:
    """Does the runs on a cluster: each node gets the data once, and lost runs are repeated on other nodes.

    Yields:
        The number of finished runs, and those that finished since the last time: index and result.

    Raises:
        UserError: Ray is not installed, or the cluster cannot be reached or lost a run too often.
    """
    try:
        import ray  # an extra

        if address not in ("auto", "local") and os.environ.get("RAY_USE_TLS", "0") == "0":
            _check_address(address)
        code = {"py_modules": [str(Path(__file__).parents[1])]}
        ray.init(address, runtime_env=code, log_to_driver=False, logging_level="ERROR")
    except ModuleNotFoundError:
        raise UserError("RAY_ADDRESS is set, but ray is not installed: pip install '.[ray]'") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"RAY_ADDRESS is {address}: {reason}: see docs/scaling.md, or unset it") from None
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_run_in_task)
    stored = ray.put(data)
    waiting = {task.remote(work, stored, item): index for index, item in enumerate(items)}
    try:
        while waiting:
            done, _ = ray.wait(list(waiting), timeout=refresh_seconds)
            finished = [(waiting.pop(one), ray.get(one)) for one in done]
            yield len(items) - len(waiting), finished
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise UserError(f"the Ray cluster lost a run: {str(error).strip().splitlines()[0]}") from None
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Fails at once where Ray would try for minutes: its gRPC server answers as every HTTP/2 server does."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as connection:
        connection.sendall(HTTP2_PREFACE)
        if connection.recv(9)[3:4] != HTTP2_SETTINGS:
            raise ValueError("what answers there is not a Ray cluster")


def _run_in_task(work: Callable[..., Any], data: Any, item: Any) -> Any:
    return work(data, item, lambda _: None)
