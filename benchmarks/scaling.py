"""Estimates the wall time of the study on other numbers of cores; writes the table of docs/scaling.md."""

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.reporting.markdown import replace_between
from plan import default_jobs

PAGE, RESULTS = Path("docs/scaling.md"), Path("benchmarks/results.json")
OVERHEAD = "Python, imports, files, DVC, other stages"  # the share of results.json that is no run's
CORES = (2, 8, 16, 64, 180)


def makespan(durations: Iterable[float], workers: int) -> float:
    """Returns when the last task ends; each starts, in this order, on the worker that is free first."""
    ends = [0.0] * workers
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


@dataclass(frozen=True)
class Times:
    """CPU seconds that were measured."""

    training: Sequence[float]  # of a run of each network, with the validation passes of its learning curve
    evaluation: float  # of a run
    overhead: float  # of a stage, beside its runs: imports, files and DVC
    other_stages: int  # besides `train` and `evaluate`


def measured(timing: pd.DataFrame, study: dict[str, Any], networks: int) -> Times:
    """Returns the times of plots/timing.csv, and of the part `study` of results.json."""
    shares, core_seconds = study["shares"], study["wall_seconds"] * int(study["machine"]["cores"])
    other_stages = len(yaml.safe_load(Path("dvc.yaml").read_bytes())["stages"]) - 2
    validation = 1 + shares["validation passes of the learning curves"] / shares["training steps"]
    seconds = timing.loc[timing["kind"] == "network", "seconds"]
    return Times(
        training=[validation * one for one in seconds],
        evaluation=shares["evaluation"] * core_seconds / study["runs"],
        overhead=shares[OVERHEAD] * core_seconds / (2 * networks + other_stages),
        other_stages=other_stages,
    )


def wall_seconds(times: Times, runs: int, cores: int, jobs: int) -> float:
    """Estimates the wall time of a study with `runs` runs per network and `jobs` stages at a time."""
    train, evaluate = (
        makespan([times.overhead + makespan([one] * runs, min(cores, runs)) for one in seconds], jobs)
        for seconds in (sorted(times.training, reverse=True), [times.evaluation] * len(times.training))
    )
    return train + evaluate + times.other_stages * times.overhead


def describe(params: Params, timing: pd.DataFrame, study: dict[str, Any]) -> str:
    """Returns the table of cores, JOBS and minutes, and a comparison with the measured study."""
    networks, runs = len(params.networks()), len(params.train.seeds) * len(params.train.folds)
    times, lines = measured(timing, study, networks), []
    for cores in CORES:
        jobs = default_jobs(cores, params)
        lines.append(f"| {cores} | {jobs} | {wall_seconds(times, runs, cores, jobs) / 60:.1f} |\n")
    cores, wall = int(study["machine"]["cores"]), study["wall_seconds"] / 60
    same = wall_seconds(times, study["runs"] // networks, cores, jobs=1) / 60
    return (
        f"| cores | JOBS | minutes, estimated |\n| --: | --: | --: |\n{''.join(lines)}\n"
        f"In comparison, the measured study of {study['runs']} runs took {wall:.1f} minutes on {cores} cores,"
        f" which\nwere idle or ran other programs for {study['shares']['idle']:.0%} of the time. Its "
        f"estimate is {same:.1f} minutes.\n"
    )


def main() -> None:
    """Estimates, and writes the table."""
    study = json.loads(RESULTS.read_bytes())["study"]
    text = describe(load_params(), read_table(PLOTS / "timing.csv"), study)
    write_text(PAGE, replace_between(PAGE.read_text(encoding="utf-8"), "estimate", text))
    print(text, end="")
