"""Fills the cores of this machine, or of a Ray cluster, with independent runs and shows how far they are."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mnist_cnn.command import UserError
from mnist_cnn.numerics import PINS

Data = TypeVar("Data")
Item = TypeVar("Item")
Result = TypeVar("Result")
Report = Callable[[float], None]  # is told the share of a run that is done, 0 to 1
Work = Callable[[Data, Item, Report], Result]

REFRESH_SECONDS = 0.5
RETRIES = 10  # of a run whose node of a cluster is lost
KNOCK_SECONDS = 5
HTTP2_SETTINGS = b"\x04"  # the type of both sides' first frame (RFC 9113, section 3.4)
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + HTTP2_SETTINGS + bytes(5)

_worker: dict[str, Any] = {}  # what this process works with


class _StoppedError(Exception):
    """Ends a run whose result nobody waits for."""


def run_all(
    title: str,
    work: Work[Data, Item, Result],
    data: Data,
    items: Sequence[Item],
    line: Callable[[Result], str],
) -> list[Result]:
    """Does a run for each item, as many at a time as there are cores; with RAY_ADDRESS set, on that cluster.

    On a terminal a bar shows how far they are and how long it still takes; every finished run is one line.

    Args:
        title: What is running.
        work: Does one run, in a process of its own; a function that can be pickled.
        data: What every run reads; it reaches each process once.
        items: What sets the runs apart.
        line: Makes a finished run's line.

    Returns:
        The results in the order of `items`.
    """
    results: dict[int, Result] = {}
    address = os.environ.get("RAY_ADDRESS")
    with _progress_bar() as progress:
        bar = progress.add_task(f"{title}, {len(items)} runs", total=len(items))
        runs = _on_cluster(address, work, data, items) if address else _here(work, data, items)
        with closing(runs):
            for share, finished in runs:
                progress.update(bar, completed=share)
                for place, result in finished:
                    results[place] = result
                    progress.console.print(line(result), highlight=False, soft_wrap=True)
    return [results[place] for place in range(len(items))]


def _progress_bar() -> Progress:
    """Returns a bar with the share that is done and the time left; on no terminal it shows nothing."""
    console = Console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


Progressed = Generator[tuple[float, list[tuple[int, Result]]], None, None]  # runs done, and those just done


def _here(work: Work[Data, Item, Result], data: Data, items: Sequence[Item]) -> Progressed[Result]:
    """Does the runs on this machine. Forked processes share the data and need not import PyTorch again."""
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    shares = context.Array("d", len(items), lock=False)
    stop = context.Event()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(min(cores, len(items)), context, _enter, (work, data, shares, stop)) as pool:
        try:
            waiting = {pool.submit(_do, place, item): place for place, item in enumerate(items)}
            while waiting:
                done, _ = wait(waiting, REFRESH_SECONDS, FIRST_COMPLETED)
                yield sum(shares), [(waiting.pop(future), future.result()) for future in done]
        except BrokenProcessPool:
            raise UserError(
                "a process was ended from outside, perhaps for want of memory; run it again"
            ) from None
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _enter(*given: Any) -> None:
    """Makes a worker ready: it leaves Ctrl-C to its parent, and ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _worker.update(zip(("work", "data", "shares", "stop"), given, strict=True))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(place: int, item: Any) -> Any:
    def report(share: float) -> None:
        _worker["shares"][place] = share
        if _worker["stop"].is_set():
            raise _StoppedError

    result = _worker["work"](_worker["data"], item, report)
    _worker["shares"][place] = 1
    return result


def _on_cluster(
    address: str, work: Work[Data, Item, Result], data: Data, items: Sequence[Item]
) -> Progressed[Result]:
    """Does the runs on a Ray cluster: the data goes to each node once, lost runs are repeated elsewhere."""
    try:
        import ray

        if address not in ("auto", "local") and os.environ.get("RAY_USE_TLS", "0") == "0":
            _knock(address)
        pins = {name: value for name, value in os.environ.items() if name in PINS}
        code = {"py_modules": [str(Path(__file__).parent)], "env_vars": pins}
        ray.init(address, runtime_env=code, log_to_driver=False, logging_level="ERROR")
    except ModuleNotFoundError:
        raise UserError("RAY_ADDRESS is set, but ray is not installed: pip install '.[ray]'") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"RAY_ADDRESS is {address}: {reason}: see docs/scaling.md, or unset it") from None
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_run_there)
    stored = ray.put(data)
    waiting = {task.remote(work, stored, item): place for place, item in enumerate(items)}
    try:
        while waiting:
            done, _ = ray.wait(list(waiting), timeout=REFRESH_SECONDS)
            yield len(items) - len(waiting), [(waiting.pop(one), ray.get(one)) for one in done]
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise UserError(
            f"the Ray cluster lost a run for good: {str(error).strip().splitlines()[0]}"
        ) from None
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Finds out at once what Ray would try for minutes: its gRPC begins as every HTTP/2 does."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS) as line:
        line.sendall(HTTP2_GREETING)
        if line.recv(9)[3:4] != HTTP2_SETTINGS:
            raise ValueError("what answers there is no Ray cluster")


def _run_there(work: Work[Data, Item, Result], data: Data, item: Item) -> Result:
    return work(data, item, lambda _: None)
