"""Settings of PyTorch in a process that trains or evaluates; the pins of `mnist_cnn` choose its kernels."""

import ctypes
import platform

import torch

KEPT_BYTES = 2**30
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def use_one_thread() -> None:
    """Makes PyTorch deterministic in this process, whatever the number of cores."""
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import torch.compile
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads it
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Keeps the memory that a step has freed for the next step, where the C library is glibc.

    Otherwise it is returned to the system, page by page: a tenth of the time of a small network.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
