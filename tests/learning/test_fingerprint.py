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

PROCESSORS = ("Haswell", "Skylake-Client", "EPYC-Rome")  # two of Intel, one of AMD
CASES = [*((one, "portable") for one in PROCESSORS), ("Haswell", "native"), ("EPYC-Rome", "native")]
PROGRAM = """
import sys
from mnist_cnn.learning import numerics
numerics.choose(sys.argv[1])
from mnist_cnn.fingerprint import fingerprint
print(fingerprint())
"""
QEMU = shutil.which("qemu-x86_64")
CPUINFO = Path("/proc/cpuinfo")
HERE = platform.machine() in ("x86_64", "AMD64") and (not CPUINFO.exists() or "avx2" in CPUINFO.read_text())

emulated = pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 is not here: apt-get install qemu-user")


@pytest.mark.skipif(not HERE, reason="this processor is no x86-64 with AVX2")
def test_this_processor() -> None:
    assert fingerprint() == EXPECTED


def compute(case: tuple[str, str]) -> str:
    """Returns the fingerprint that an emulated processor computes."""
    processor, numerics = case
    words = [str(QEMU), "-cpu", processor, sys.executable, "-c", PROGRAM, numerics]
    environment = ENVIRONMENT | {"PYTHONPATH": str(TOP / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], str]:
    """The fingerprint in each case, two at a time: an emulated import of PyTorch takes a minute."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CASES, pool.map(compute, CASES), strict=True))


@pytest.mark.slow
@emulated
@pytest.mark.parametrize("processor", PROCESSORS)
def test_emulated_processor(processor: str, found: dict[tuple[str, str], str]) -> None:
    assert found[processor, "portable"] == EXPECTED


@pytest.mark.slow
@emulated
def test_without_the_pins_processors_differ(found: dict[tuple[str, str], str]) -> None:
    """As a control: were it the same anyway, the tests above would prove nothing."""
    assert found["Haswell", "native"] != found["EPYC-Rome", "native"]
