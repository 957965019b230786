"""The whole default study in a fresh clone: wall time, memory, and where the processor's time goes."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from joblib import cpu_count

from benchmarks.watch import INTERVAL, Watch
from mnist_cnn.choices.params import Params
from mnist_cnn.files import read_csv, read_json
from mnist_cnn.paths import EVALUATION, TRAINING


def run_watched(command: list[str], folder: Path) -> tuple[Watch, float]:
    """Runs a command to its end, and returns what it used and its wall seconds."""
    watch, start = Watch(), time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            watch.look()
            time.sleep(INTERVAL)
    if process.returncode:
        sys.exit(f"error: {' '.join(command)} ended with status {process.returncode}")
    return watch, time.perf_counter() - start


def _costs(folder: Path, params: Params) -> list[dict[str, Any]]:
    """Reads what every run took."""
    files = (folder / TRAINING / network.place / "cost.json" for network in params.networks())
    return [run for file in files for run in read_json(file)["runs"]]


def _evaluation_seconds(folder: Path, params: Params) -> float:
    """Reads what all evaluations took."""
    files = (folder / EVALUATION / network.place / "inference_time.json" for network in params.networks())
    return float(sum(read_json(file)["evaluation_seconds"] for file in files))


def _shares(watch: Watch, wall: float, runs: list[dict[str, Any]], evaluation: float) -> dict[str, float]:
    """Divides wall time × cores among what it was spent on; the shares add up to 1."""
    training = sum(run["training_seconds"] for run in runs)
    validation = sum(run["validation_seconds"] for run in runs)
    start = watch.seconds_of("train", "evaluate") - training - validation - evaluation
    seconds = {
        "training steps": training,
        "validation passes of the learning curves": validation,
        "evaluation": evaluation,
        "the rest of these stages: Python, imports, loading, writing": start,
        "DVC, make, git": watch.seconds_of("dvc", "other"),
        "download and prepare": watch.seconds_of("download", "prepare"),
        "compare and report": watch.seconds_of("compare", "report"),
    }
    capacity = wall * cpu_count()
    idle = capacity - sum(seconds.values())
    return {name: value / capacity for name, value in (seconds | {"idle": idle}).items()}


def _to_target(folder: Path, params: Params) -> dict[str, dict[str, float]]:
    """Returns for each network how many runs reached the target, and their median CPU seconds until then.

    That is the time of the first point of the learning curve whose validation accuracy is at the target.
    """
    found = {}
    for network in params.networks():
        curves = read_csv(folder / TRAINING / network.place / "curves.csv")
        runs = read_json(folder / TRAINING / network.place / "cost.json")["runs"]
        times = []
        for run in runs:
            points = [row for row in curves if int(row["fold"]) == run["fold"]]
            epochs = [float(row["epoch"]) for row in points if _at_target(row, params)]
            times += [epochs[0] / float(points[-1]["epoch"]) * run["training_seconds"]] if epochs else []
        found[network.name] = {"runs": len(runs), "reached": len(times), "seconds": median(times or [0.0])}
    return found


def _at_target(row: dict[str, str], params: Params) -> bool:
    return float(row["validation_accuracy"]) >= params.compare.target_accuracy


def _outcome(watch: Watch, wall: float, runs: list[dict[str, Any]], evaluation: float) -> dict[str, Any]:
    shares = _shares(watch, wall, runs, evaluation)
    judging = ("training steps", "validation passes of the learning curves", "evaluation")
    seconds, busy = watch.training
    return {
        "wall_seconds": wall,
        "shares": shares,
        "share_outside_training_and_evaluation": 1 - sum(shares[name] for name in judging),
        "cores_busy_while_training": busy / seconds,
        "largest_process_bytes": max(watch.memory.values()),
        "largest_process_by_stage_bytes": dict(watch.memory),
        "all_processes_bytes": watch.total_memory,
    }


def measure(params: Params, keep: Path | None) -> dict[str, Any]:
    """Runs `make repro` from nothing, stage after stage and side by side, each in a clone of the last commit.

    Args:
        params: Of that commit.
        keep: Where the last clone is left to be looked at; None leaves nothing.
    """
    results: dict[str, Any] = {}
    for jobs in (1, cpu_count()):
        with TemporaryDirectory() as temporary:
            folder = (keep or Path(temporary)) / f"jobs{jobs}"
            subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
            watch, wall = run_watched(["make", "repro", f"VENV={sys.prefix}", f"JOBS={jobs}"], folder)
            results[f"JOBS={jobs}"] = _outcome(
                watch, wall, _costs(folder, params), _evaluation_seconds(folder, params)
            )
            results["time_to_target"] = _to_target(folder, params)
            print(f"study: JOBS={jobs} took {wall:.0f} s", flush=True)
    return results
