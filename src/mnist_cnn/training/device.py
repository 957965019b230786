"""Where PyTorch computes: on one thread of the processor, to the bit, or on an accelerator."""

import ctypes

import torch

from mnist_cnn.command import UserError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30


class DeviceError(UserError):
    """An accelerator that is not here."""


def pick_device(choice: str) -> torch.device:
    """Returns the device that `train.device` of params.yaml names; "auto" is an accelerator if there is one.

    Raises:
        DeviceError: PyTorch finds no such device.
    """
    accelerators = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "auto":
        return torch.device(next((name for name, found in accelerators.items() if found), "cpu"))
    if not accelerators.get(choice, True):
        raise DeviceError(f"params.yaml: train.device is {choice}: PyTorch finds none here, take cpu or auto")
    return torch.device(choice)


def use_one_thread() -> None:
    """Makes PyTorch in this process repeat itself to the bit, however many cores there are.

    On an accelerator some operations, such as the backward pass of pooling, cannot: PyTorch warns then.
    """
    torch.set_num_threads(1)
    # not use_deterministic_algorithms, which does the same after a second of imports for torch.compile
    torch.set_deterministic_debug_mode("warn" if torch.accelerator.is_available() else "error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads memory before it is written
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Keeps the memory that a step has freed for the next one.

    Otherwise glibc hands it back to the system when it likes, and the steps of a small network wait for it to
    come back, page by page. Other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
