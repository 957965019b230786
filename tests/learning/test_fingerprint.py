"""The same bits on other processors: the fingerprint here, and on some that are emulated."""

import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mnist_cnn.fingerprint import EXPECTED, fingerprint
from tests.support.repositories import ENVIRONMENT, TOP

PROGRAM = "from mnist_cnn.fingerprint import fingerprint; print(fingerprint())"
QEMU = shutil.which("qemu-x86_64")
CPUINFO = Path("/proc/cpuinfo")
AVX2 = platform.machine() in ("x86_64", "AMD64") and (not CPUINFO.exists() or "avx2" in CPUINFO.read_text())

emulated = pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 is not installed: apt-get install qemu-user")


@pytest.mark.skipif(not AVX2, reason="this processor is not an x86-64 with AVX2")
def test_this_processor() -> None:
    assert fingerprint() == EXPECTED


def emulate(*cases: tuple[str, ...]) -> list[str]:
    """Returns the fingerprint of each processor, with options of Python; each takes about a minute."""

    def compute(case: tuple[str, ...]) -> str:
        processor, *options = case
        command = [str(QEMU), "-cpu", processor, sys.executable, *options, "-c", PROGRAM]
        environment = ENVIRONMENT | {"PYTHONPATH": str(TOP / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compute, cases))


@pytest.mark.slow
@emulated
def test_emulated_intel_and_amd() -> None:
    assert emulate(("Haswell",), ("EPYC-Rome",)) == [EXPECTED] * 2


@pytest.mark.trial
@emulated
def test_without_the_pins_processors_differ() -> None:
    """As a control: if they agreed anyway, the test above would prove nothing."""
    native = "-X", "native_numerics"
    skylake, haswell, rome = emulate(("Skylake-Client",), ("Haswell", *native), ("EPYC-Rome", *native))
    assert skylake == EXPECTED
    assert haswell != rome
