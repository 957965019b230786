"""What the runs are made on: times hold for it alone."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, str]:
    """Returns processor, number of cores, and the versions that results depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "dvc": version("dvc"),
    }


def _processor() -> str:
    """Returns the processor's model name, or the architecture where the system does not tell more."""
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
