"""Fresh processes, each with numerics of its own: those are chosen before PyTorch is imported."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from mnist_cnn.learning.numerics import Numerics, choose

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(numerics: Numerics, processes: int = 1) -> ProcessPoolExecutor:
    """Starts processes that stay until the pool is left; they share nothing with this one."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, spawn, initializer=choose, initargs=(numerics,))


def on_all_cores(pool: ProcessPoolExecutor, work: Callable[..., float], *arguments: Any) -> list[float]:
    """Does the same work on all cores at the same time, as the pipeline does."""
    return [one.result() for one in [pool.submit(work, *arguments) for _ in range(CORES)]]
