"""The machine on which training times were measured."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from mnist_cnn.core.files import Document


class Machine(Document):
    """What measured times depend on, besides the code."""

    processor: str
    cores: str
    system: str
    python: str
    torch: str


def describe_machine() -> Machine:
    """Describes this machine."""
    return Machine(
        processor=_processor(),
        cores=str(os.cpu_count()),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=version("torch"),
    )


def _processor() -> str:
    """Returns the processor's model name, or the architecture where the system gives no name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
