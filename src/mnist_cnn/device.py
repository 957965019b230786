"""Where PyTorch computes: on one thread of the processor, to the bit, or on an accelerator."""

import torch

from mnist_cnn.command import UserError


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
    torch.use_deterministic_algorithms(True, warn_only=torch.accelerator.is_available())
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads memory before it is written
