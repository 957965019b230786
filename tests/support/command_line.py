"""The command `mnist-cnn`, as people start it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.repositories import TOP

SCRIPT = """
import sys
from mnist_cnn.app.cli import main
try:
    main()
finally:
    assert not {"torch", "pandas", "matplotlib"} & set(sys.modules)
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": str(TOP / "src")}


def mnist_cnn(
    *words: object, folder: Path | None = None, content: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in a folder; it fails if it imports a library that takes long to load."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        cwd=folder,
        input=content,
        capture_output=True,
        check=False,
        env=ENVIRONMENT | environment,
        timeout=60,
    )
