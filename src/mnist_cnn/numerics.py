"""Where the bits come from: settings that make PyTorch compute the same on every x86-64 processor with AVX2.

Libraries choose their loops by the processor, and each choice rounds differently. `choose` pins the choices
that PyTorch, oneDNN and MKL make, so it has to be called before PyTorch is imported.
"""

import ctypes
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Numerics = Literal["portable", "native"]

PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "MKL_CBWR": "COMPATIBLE",  # linear layers; its AVX2 is heeded on Intel alone
}
KEPT_BYTES = 2**30
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def choose(numerics: Numerics) -> None:
    """Pins the loops ("portable"), or leaves them to the libraries ("native"); call it before torch is there.

    On other architectures than x86-64 the pins mean nothing: the bits repeat on the same kind of processor.
    """
    assert "torch" not in sys.modules, "PyTorch has chosen already"
    for name, value in PINS.items():
        if numerics == "portable":
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


def use_one_thread() -> None:
    """Makes PyTorch in this process repeat itself to the bit, however many cores there are."""
    import torch

    torch.set_num_threads(1)
    # not use_deterministic_algorithms, which does the same after a second of imports for torch.compile
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads it
    _leave_out_compiler()
    _keep_freed_memory()


def _leave_out_compiler() -> None:
    """Puts a stand-in where Adam looks for torch.compile, which nothing here uses.

    Its import would take as long as PyTorch's own: more than a CPU second for each network.
    """
    import torch

    if "torch._dynamo" not in sys.modules:
        stand_in: Any = ModuleType("torch._dynamo")
        stand_in.graph_break = lambda: None
        stand_in.disable = lambda function, *_, **__: function
        sys.modules["torch._dynamo"] = torch._dynamo = stand_in


def _keep_freed_memory() -> None:
    """Keeps the memory that a step has freed for the next one, where the C library is glibc.

    Otherwise it goes back to the system and returns page by page: a tenth of a small network's time.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def describe_machine(numerics: Numerics) -> dict[str, str]:
    """Returns what measured times hold for: processor, cores, system, versions and numerics."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "numerics": numerics,
    }


def _processor() -> str:
    """Returns the processor's model name, or the architecture where the system does not tell more."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
