"""What a larger grid costs: DVC's own time, and time and memory of `compare` and `report`."""

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from benchmarks.skeleton import PIPELINE, make_repository
from benchmarks.study import run_watched
from benchmarks.synthetic import write_grid, write_results
from mnist_cnn.choices.params import load_params
from mnist_cnn.paths import PARAMS

DVC_NETWORKS = (15, 60, 200)
STAGES_NETWORKS = (15, 150, 1000)
COMMANDS = {"first repro": "repro", "repro again": "repro", "status": "status", "exp show": "exp show"}


def _time_dvc(networks: int) -> dict[str, float]:
    """Returns the wall seconds of DVC's commands over a pipeline in which no stage has any work."""
    seconds = {}
    with TemporaryDirectory() as temporary:
        make_repository(Path(temporary), networks)
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(["dvc", *command.split()], cwd=temporary, stdout=subprocess.DEVNULL, check=True)
            seconds[name] = time.perf_counter() - start
            print(f"growth: dvc {name}, {networks} networks: {seconds[name]:.1f} s", flush=True)
    return seconds


def _watch_stages(networks: int) -> dict[str, dict[str, float]]:
    """Returns wall seconds and the largest memory of `compare` and `report`, run as DVC runs them."""
    stages = yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"]
    results = {}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_grid(folder / PARAMS, networks)
        write_results(folder, load_params(folder / PARAMS))
        (folder / "src").symlink_to(Path("src").resolve())
        for stage in ("compare", "report"):
            watch, seconds = run_watched(stages[stage]["cmd"].split(), folder)
            results[stage] = {"seconds": seconds, "bytes": watch.memory[stage]}
            print(f"growth: {stage}, {networks} networks: {seconds:.1f} s", flush=True)
    return results


def measure() -> dict[str, Any]:
    """Measures all sizes; the keys are numbers of networks."""
    return {
        "stages": {str(networks): _watch_stages(networks) for networks in STAGES_NETWORKS},
        "dvc": {str(networks): _time_dvc(networks) for networks in DVC_NETWORKS},
    }
