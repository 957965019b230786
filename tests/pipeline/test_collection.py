"""Tests are the same ones whenever they are collected, which workers side by side depend on."""

import subprocess
import sys

import pytest

from tests.support.repositories import ENVIRONMENT, TOP


def collected(hash_seed: str) -> list[str]:
    """Lists the ids of all tests, as a process of its own finds them."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--numprocesses", "0", "-m", ""]
    done = subprocess.run(
        [*words, "-p", "no:cacheprovider"],
        cwd=TOP,
        env=ENVIRONMENT | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.slow
def test_ids_depend_on_no_clock_and_no_chance() -> None:
    first, again = collected("1"), collected("2")
    assert first == again
    assert len(set(first)) == len(first) > 100
    assert [name for name in first if not name.isprintable() or "\\x" in name or len(name) > 250] == []
