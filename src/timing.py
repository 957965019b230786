"""Estimates the effects of the kernel and of the layers on training time, on the machine that trained.

Reads data/timing; of params.yaml `models`, `kernels`, `train.seeds`, `train.folds` and `compare.confidence`.
Writes metrics/timing.json, plots/timing.csv, report/timing.md, report/timing.ru.md and report/timing.svg.
These files contain all measured values of the study, and only `page` reads them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_json, write_text
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import METRICS, PLOTS, REPORT, TIMING
from mnist_cnn.core.tables import write_table
from mnist_cnn.reporting.figures import style, training_time
from mnist_cnn.reporting.markdown import render_timing
from mnist_cnn.reporting.text import SUFFIXES
from mnist_cnn.statistics.runs import load_timing, remove_other_networks
from mnist_cnn.statistics.study import effects_on_time


def mean_seconds(times: pd.DataFrame, networks: Sequence[Network]) -> pd.DataFrame:
    """Returns one row per network: name, layout, kernel, and the mean CPU seconds of its runs."""
    means = times.groupby("network")["training_seconds"].mean()
    columns = ["name", "model", "kernel", "kernel_size"]
    rows = [[getattr(network, column) for column in columns] for network in networks]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(seconds=means[table["name"]].to_numpy())


def time_ratios(times: pd.DataFrame, networks: Sequence[Network], confidence: float) -> pd.DataFrame:
    """Returns one row per planned effect, as a ratio of CPU seconds.

    Args:
        times: One row per run, with training_seconds.
        networks: The grid.
        confidence: Of the intervals of all ratios together.

    Returns:
        Columns name, factor, high_value, low_value, ratio, lower, upper; the interval is NaN with one fold.
    """
    effects = effects_on_time(times, networks, confidence)
    logs = {"ratio": "estimate", "lower": "lower", "upper": "upper"}
    ratios = {ratio: np.exp(effects[log]) for ratio, log in logs.items()}
    return effects[["factor", "high_value", "low_value"]].assign(name=effects["effect"], **ratios)


def main() -> None:
    """Runs the stage."""
    params = load_params()
    remove_other_networks(TIMING, params.networks())
    times, machine = load_timing(params)
    seconds = mean_seconds(times, params.networks())
    ratios = time_ratios(times, params.networks(), params.compare.confidence)
    both = [seconds.assign(kind="network"), ratios.drop(columns="factor").assign(kind="effect")]
    table = pd.concat(both, ignore_index=True)
    write_table(PLOTS / "timing.csv", table[["kind", *table.columns.drop("kind")]])
    write_json(METRICS / "timing.json", {"cpu_seconds": seconds.set_index("name")["seconds"].to_dict()})
    style.save(training_time.draw(seconds, ratios), REPORT / "timing.svg")
    for language, suffix in SUFFIXES.items():
        text = render_timing(seconds, ratios, machine, params.compare.confidence, language)
        write_text(REPORT / f"timing{suffix}", text)
    print(f"timing: {len(times)} runs; {REPORT}/timing.md")


if __name__ == "__main__":
    run(main)
