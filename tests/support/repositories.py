"""Repositories for tests: a copy of the sources, with git and DVC, and no settings of the user."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import networkx
import yaml
from dvc.repo import Repo
from filelock import FileLock

from mnist_cnn import PINS
from mnist_cnn.core.paths import raw_directory

TOP = Path(__file__).parents[2]
ISOLATION = {  # from the configuration of git and DVC that the user and the system have
    "GIT_CONFIG_GLOBAL": str(TOP / "tests/support/git.config"),
    "GIT_CONFIG_NOSYSTEM": "1",
    "DVC_GLOBAL_CONFIG_DIR": str(TOP / ".pytest_cache/no_dvc_config"),
    "DVC_SYSTEM_CONFIG_DIR": str(TOP / ".pytest_cache/no_dvc_config"),
}
ENVIRONMENT = os.environ | {
    **ISOLATION,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "COLUMNS": "1000",
}
for name in ("PYTHONPATH", "RAY_ADDRESS", *PINS):  # a script finds its modules and sets its pins itself
    ENVIRONMENT.pop(name, None)
COMPUTED = ("dvc.lock", "metrics", "plots", "report")
LIMIT = 900.0  # seconds of a command, which even a very busy machine does not need


def run(folder: Path, command: str, *, fails: bool = False, limit: float = LIMIT, **environment: str) -> str:
    """Runs a command in a folder and returns what it printed; `fails` is whether it has to fail."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=limit,
    )
    assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}"
    return done.stdout


def run_python(folder: Path, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python in a folder; returns the exit status and what was printed."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT | environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )


def copy_sources(folder: Path) -> None:
    """Copies the sources as they stand, and nothing that was computed."""
    listed = run(TOP, "git ls-files -z --cached --others --exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = TOP / name, folder / name
        if source.is_file() and name.split("/")[0] not in COMPUTED:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def write_placeholders(folder: Path) -> None:
    """Writes a small file for every output of a pipeline that is missing, and has DVC record all outputs."""
    for out in Repo(folder).index.outs:
        path = Path(out.fs_path)
        if not path.exists():
            file = path if path.suffix else path / "file"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"placeholder of {path.relative_to(folder).as_posix()}", encoding="utf-8")
    run(folder, "dvc commit --force --quiet")


def commit(folder: Path, message: str) -> None:
    """Commits all that git does not ignore."""
    run(folder, "git add --all")
    run(folder, f"git commit --quiet --allow-empty --message '{message}'")


def stages_run(printed: str) -> set[str]:
    """Finds the stages that DVC ran, or would run (`--dry`), in what it printed."""
    return set(re.findall(r"Running stage '([^']+)'", printed))


def changed_stages(folder: Path) -> dict[str, set[str]]:
    """Returns the stages that `dvc repro` would run because of a change, each with all that follow it.

    `dvc repro --dry` names the same stages, but fails at the first one whose data do not exist yet.
    """
    with chdir(folder), Repo() as repo:
        graph = networkx.DiGraph((one.addressing, other.addressing) for one, other in repo.index.graph.edges)
        return {name: networkx.ancestors(graph, name) for name in repo.status()}


def recorded_hashes(lock: str) -> dict[tuple[str, str], str]:
    """Returns the hashes in the text of a dvc.lock, by stage and path."""
    entries: dict[str, Any] = yaml.safe_load(lock)["stages"]
    return {
        (stage, one["path"]): one["md5"]
        for stage, entry in entries.items()
        for one in (*entry.get("deps", ()), *entry["outs"])
    }


def tree(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file, but for those of git, DVC and Python."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {
        path.as_posix(): (folder / path).read_bytes()
        for path in files
        if path.parts[0] not in (".git", ".dvc") and "__pycache__" not in path.parts
    }


def mnist() -> str:
    """Returns a folder that holds MNIST: the checkout's own, or one that is downloaded once for all tests."""
    raw = raw_directory("MNIST")
    if (TOP / raw).is_dir():
        return str(TOP / raw)
    cache = TOP / ".pytest_cache/mnist"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):  # several processes test at once
        shutil.copy(TOP / "params.yaml", cache)
        run(cache, f"python '{TOP}/src/download.py'")
    return str(cache / raw)
