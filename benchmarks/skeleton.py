"""The pipeline of dvc.yaml with other commands: every stage writes its outs, and does nothing else."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from benchmarks.synthetic import write_grid
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.files import write_json, write_text
from mnist_cnn.paths import PARAMS
from mnist_cnn.summaries import METRICS

PIPELINE = Path("dvc.yaml")
METRICS_FILE = Path("metrics.json")  # what every file that a stage writes is a copy of
FILES = 6  # in every folder that a stage writes: train leaves one for each fold


def _outs(stage: dict[str, Any]) -> list[str]:
    """Lists what a stage writes, with the names of the matrix still open."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [name for entry in entries for name in ([entry] if isinstance(entry, str) else entry)]


def _command(stage: dict[str, Any]) -> str:
    """Writes the outs: a file is a copy of METRICS_FILE, a folder gets small files with a text of its own."""
    lines = []
    for out in _outs(stage):
        if Path(out).suffix:
            lines.append(f"mkdir -p {Path(out).parent} && cp {METRICS_FILE} {out}")
        else:
            files = " ".join(f"{out}/{i}" for i in range(FILES))
            lines.append(f"mkdir -p {out} && echo {out} | tee {files} > /dev/null")
    return " && ".join(lines)


def with_trivial_work(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Exchanges the command of every stage; its name, matrix, deps, params and outs stay."""
    stages = {name: stage | {"cmd": _command(stage)} for name, stage in pipeline["stages"].items()}
    return pipeline | {"stages": stages}


def _metrics(params: Params) -> dict[str, Any]:
    """Makes numbers for every network, as many as metrics/networks.json has."""
    return {
        model: {kernel: dict.fromkeys(METRICS, 0.5) for kernel in params.kernels} for model in params.models
    }


def make_repository(folder: Path, networks: int) -> None:
    """Makes a committed repository with the skeleton of the pipeline over a grid of `networks` cells."""
    pipeline = yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))
    write_text(folder / PIPELINE, yaml.safe_dump(with_trivial_work(pipeline), sort_keys=False))
    write_grid(folder / PARAMS, networks)
    write_json(folder / METRICS_FILE, _metrics(load_params(folder / PARAMS)))
    write_text(folder / ".gitignore", "/data/\n__pycache__/\n")
    for name in (".dvc/config", ".dvc/.gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(name, folder / name)
    for name in (".dvc/plots", "src"):
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for command in ("init --quiet", "add .", "-c user.name=benchmark -c user.email=@ commit --quiet -m grid"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
