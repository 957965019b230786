"""Which device a choice means here and on machines with an accelerator, which are pretended."""

import sys
from collections.abc import Iterator

import pytest
import torch

from mnist_cnn.stages.train import most_workers
from mnist_cnn.training.device import DeviceError, pick_device, use_one_thread


@pytest.fixture(params=["", "cuda", "mps"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Makes PyTorch say that it finds one accelerator, or none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: request.param == "mps")
    return request.param


def test_auto_takes_what_there_is(accelerator: str) -> None:
    assert pick_device("auto").type == (accelerator or "cpu")
    assert most_workers("auto") == (1 if accelerator else None)


@pytest.mark.usefixtures("accelerator")
def test_cpu_is_the_processor_whatever_there_is() -> None:
    assert pick_device("cpu").type == "cpu"
    assert most_workers("cpu") is None


@pytest.mark.parametrize("choice", ["cuda", "mps"])
def test_missing_accelerator_is_one_line(accelerator: str, choice: str) -> None:
    if choice == accelerator:
        assert pick_device(choice).type == choice
        assert most_workers(choice) == 1
    else:
        line = rf"^params\.yaml: train\.device is {choice}: PyTorch finds none here, take cpu or auto$"
        with pytest.raises(DeviceError, match=line):
            pick_device(choice)


def test_processor_needs_no_pytorch_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mnist_cnn.training.device", None)  # an import fails
    assert most_workers("cpu") is None
    with pytest.raises(ImportError):
        most_workers("auto")


def test_one_thread_and_nothing_that_varies() -> None:
    use_one_thread()
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
