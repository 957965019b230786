"""Repositories of their own for the tests: the sources as they stand, git and DVC."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from mnist_cnn.learning.numerics import PINS
from mnist_cnn.core.paths import raw_directory

TOP = Path(__file__).parent.parent
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
    "COLUMNS": "1000",
}
for name in ("PYTHONPATH", "RAY_ADDRESS", *PINS):  # a script sees to what it needs
    ENVIRONMENT.pop(name, None)
COMPUTED = ("dvc.lock", "metrics", "plots", "report")


def run(folder: Path, command: str, *, fails: bool = False, **environment: str) -> str:
    """Runs a command in a folder and returns what it printed."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}"
    return done.stdout


def copy_sources(folder: Path) -> None:
    """Copies the sources as they stand, and nothing that was computed."""
    listed = run(TOP, "git ls-files -z --cached --others --exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = TOP / name, folder / name
        if source.is_file() and name.split("/")[0] not in COMPUTED:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def commit(folder: Path, message: str) -> None:
    """Commits all that git does not ignore."""
    run(folder, "git add --all")
    run(folder, f"git commit --quiet --allow-empty --message '{message}'")


def stages_run(printed: str) -> set[str]:
    """Finds the stages that DVC says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", printed))


def tree(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file, but for those of git, DVC and Python."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {
        path.as_posix(): (folder / path).read_bytes()
        for path in files
        if path.parts[0] not in (".git", ".dvc") and "__pycache__" not in path.parts
    }


def mnist() -> str:
    """Returns a folder that holds MNIST: the checkout's own, or one that is fetched once."""
    raw = raw_directory("MNIST")
    if (TOP / raw).is_dir():
        return str(TOP / raw)
    cache = TOP / ".pytest_cache/mnist"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(TOP / "params.yaml", cache)
    run(cache, f"python {TOP}/src/download.py")
    return str(cache / raw)
