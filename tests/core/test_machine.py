"""The machine on which times were measured, as the system describes it."""

import os
import platform
from pathlib import Path

import pytest
import torch

from mnist_cnn.core.machine import Machine, describe_machine


def test_machine_is_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = describe_machine()
    machine.write(tmp_path / "machine.json")
    assert Machine.read(tmp_path / "machine.json") == machine
    assert machine.cores == str(os.cpu_count())
    assert machine.system.split() == [platform.system(), platform.machine()]
    assert machine.python == platform.python_version()
    assert machine.torch.partition("+")[0] == torch.__version__.partition("+")[0]
    path = Path("/proc/cpuinfo")
    assert not path.exists() or f"model name\t: {machine.processor}\n" in path.read_text(encoding="utf-8")
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert describe_machine().processor in (platform.processor(), platform.machine())
