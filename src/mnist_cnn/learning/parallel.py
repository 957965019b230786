"""Fills the cores of this machine, or of a Ray cluster, with independent runs, and shows their progress."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text

from mnist_cnn.core.command import UserError
from mnist_cnn.learning.cluster import run_on_cluster
from mnist_cnn.learning.results import ReportProgress

Data = TypeVar("Data")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Data, Item, ReportProgress], Result]
Progressed = Generator[
    tuple[float, list[tuple[int, Result]]], None, None
]  # runs done, results since the last

REFRESH_SECONDS = 0.5
SOURCE_DIRECTORY = Path(__file__).parents[2]
# One thread per run; and a process without threads can be forked safely.
ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_worker: dict[str, Any] = {}  # what this process works with


class _StoppedError(Exception):
    """Ends a run whose result is no longer wanted."""


def run_all(
    title: str,
    work: Work[Data, Item, Result],
    module: str,
    data: Data,
    items: Sequence[Item],
    describe: Callable[[Result], str],
    workload: float = 1.0,
) -> list[Result]:
    """Does a run for each item, as many at a time as there are cores; with RAY_ADDRESS set, on that cluster.

    A terminal shows a bar with the time left; every finished run prints one line.

    Args:
        title: What is running.
        work: Does one run, in a process of its own; a function that can be pickled.
        module: The module that `work` imports; each machine imports it once, for all of its processes.
        data: What every run reads; each process gets it once.
        items: What distinguishes the runs.
        describe: Returns the line of a finished run.
        workload: The work of this call and of those that follow it, relative to this call's.

    Returns:
        The results in the order of `items`.

    Raises:
        UserError: A process was killed, or the cluster cannot be used.
    """
    results: dict[int, Result] = {}
    address = os.environ.get("RAY_ADDRESS")
    with _progress_bar() as progress:
        bar = progress.add_task(f"{title}: {len(items)} runs", total=len(items), workload=workload)
        if address:
            runs = run_on_cluster(address, work, data, items, REFRESH_SECONDS)
        else:
            runs = _run_here(work, module, data, items)
        with closing(runs):
            for done, finished in runs:
                progress.update(bar, completed=done)
                for index, result in finished:
                    results[index] = result
                    progress.console.print(describe(result), highlight=False, soft_wrap=True)
    return [results[index] for index in range(len(items))]


class _TimeLeftColumn(ProgressColumn):
    """Estimates the time until this call, and those that follow it, have finished."""

    def render(self, task: Task) -> Text:
        """Returns nothing until the progress of the task allows an estimate."""
        left, elapsed = task.time_remaining, task.elapsed
        if left is None or elapsed is None:
            return Text()
        workload = task.fields["workload"]
        everything = left + (workload - 1) * (elapsed + left)
        following = f", {_duration(everything)} for all networks" if workload > 1 else ""
        return Text(f"about {_duration(left)} left{following}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _progress_bar() -> Progress:
    """Returns a bar with the fraction that is done and the time left; hidden where there is no terminal."""
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _TimeLeftColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _run_here(
    work: Work[Data, Item, Result], module: str, data: Data, items: Sequence[Item]
) -> Progressed[Result]:
    """Does the runs on this machine; on Linux the processes share one import of PyTorch."""
    os.environ.update(ENVIRONMENT)
    # Before Python 3.11.10 a fork server has the initial sys.path and would import an installed package.
    others = filter(None, [os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE_DIRECTORY), *others])
    context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    context.set_forkserver_preload(["mnist_cnn.learning.fork_server", __name__, module])
    fractions = context.Array("d", len(items), lock=False)
    stop = context.Event()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    start = (work, data, fractions, stop)
    with ProcessPoolExecutor(min(cores, len(items)), context, _start_worker, start) as pool:
        try:
            waiting = {pool.submit(_run_in_worker, index, item): index for index, item in enumerate(items)}
            while waiting:
                done, _ = wait(waiting, REFRESH_SECONDS, FIRST_COMPLETED)
                yield sum(fractions), [(waiting.pop(future), future.result()) for future in done]
        except (BrokenProcessPool, ConnectionError, EOFError):  # the last two while a process starts
            stop.set()
            raise UserError("a process was killed, perhaps for lack of memory; run it again") from None
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker(*start: Any) -> None:
    """Prepares a worker, which leaves Ctrl-C to its parent and ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker.update(zip(("work", "data", "fractions", "stop"), start, strict=True))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_in_worker(index: int, item: Any) -> Any:
    def report_progress(fraction: float) -> None:
        _worker["fractions"][index] = fraction
        if _worker["stop"].is_set():
            raise _StoppedError

    result = _worker["work"](_worker["data"], item, report_progress)
    _worker["fractions"][index] = 1
    return result
