"""Fills the cores with independent runs and shows how far they are."""

import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Shares = NDArray[np.float32]
Result = TypeVar("Result")
Report = Callable[[float], None]  # is told the share of a run that is done, 0 to 1
Run = Callable[[Report], Result]

REFRESH_SECONDS = 0.5


def _tracked(run: Run[Result], shares: Shares, place: int) -> tuple[int, Result]:
    """Does one run, which tells the share of it that is done through the shared array."""

    def report(share: float) -> None:
        shares[place] = share

    return place, run(report)


def _watch(progress: Progress, shares: Shares, finished: threading.Event) -> None:
    """Moves the bar until told to stop."""
    (task,) = progress.task_ids
    while not finished.wait(REFRESH_SECONDS):
        progress.update(task, completed=float(shares.sum()))


def progress_bar() -> Progress:
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


def _pool(runs: int, most: int | None) -> Any:
    """Returns what does `runs` runs and hands out results as they come: this machine, or a Ray cluster."""
    address = os.environ.get("RAY_ADDRESS")
    if address:
        from mnist_cnn.training.cluster import connect

        # all runs at once, as a node may join; and with 1 joblib would make a single run here
        return Parallel(
            max(runs, 2), return_as="generator_unordered", pre_dispatch="all", backend=connect(address)
        )
    # "c": arrays are shared, and a worker could write into its own copy, as PyTorch wants it
    return Parallel(min(most or cpu_count(), runs), return_as="generator_unordered", mmap_mode="c")


def run_all(
    title: str,
    runs: Sequence[Run[Result]],
    describe: Callable[[Result], str],
    most: int | None = None,
) -> list[Result]:
    """Does independent runs, one thread each, as many at a time as there are cores.

    With RAY_ADDRESS set, the cores are those of that Ray cluster.

    On a terminal a bar shows how far they are and how long it still takes; otherwise, and beside it, every
    finished run is one line.

    Args:
        title: What is running.
        runs: Functions that can be pickled; each is handed a function to tell the share that is done.
        describe: Makes a finished run's line.
        most: How many at a time; None: as many as there are cores.

    Returns:
        The results in the order of `runs`.
    """
    results: dict[int, Result] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        progress_bar() as progress,
    ):
        progress.add_task(f"{title}, {len(runs)} runs", total=len(runs))
        shares: Shares = np.memmap(Path(folder) / "shares", np.float32, "w+", shape=(len(runs),))
        finished = threading.Event()
        watcher = threading.Thread(target=_watch, args=(progress, shares, finished), daemon=True)
        watcher.start()
        try:
            work = (delayed(_tracked)(run, shares, place) for place, run in enumerate(runs))
            for place, result in _pool(len(runs), most)(work):
                results[place], shares[place] = result, 1  # a cluster tells nothing until the end
                progress.console.print(describe(result), highlight=False, soft_wrap=True)
        finally:
            finished.set()
            watcher.join()
    return [results[place] for place in range(len(runs))]
