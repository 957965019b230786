"""Estimates what the kernel and the layers do to training time, on the machine that trained.

Reads data/timing; of params.yaml `models`, `kernels`, `train` and `compare`.
Writes metrics/timing.json, plots/timing.csv, report/timing.md, report/timing.ru.md and report/timing.svg:
every measured value of the study stands there, and nothing but the page reads them.
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
from mnist_cnn.reporting.figures import style, timing
from mnist_cnn.reporting.text import SUFFIXES, render_timing
from mnist_cnn.statistics.runs import load_timing, remove_other_networks
from mnist_cnn.statistics.study import effects_on_time


def tabulate(times: pd.DataFrame, networks: Sequence[Network], confidence: float) -> pd.DataFrame:
    """Puts the networks' mean CPU seconds a run above the effects, which are ratios of CPU seconds.

    Args:
        times: One row a run, with training_seconds.
        networks: The grid.
        confidence: Probability that the intervals of all ratios hold together.

    Returns:
        Columns kind (network or effect), name, model, kernel, seconds, ratio, lower, upper; a cell that says
        nothing is empty, and so are the intervals if there is one fold.
    """
    means = times.groupby("network")["training_seconds"].mean()
    rows = [(one.name, one.model, one.kernel, means[one.name]) for one in networks]
    spent = pd.DataFrame(rows, columns=["name", "model", "kernel", "seconds"])
    effects = effects_on_time(times, networks, confidence)
    ends = {"ratio": "estimate", "lower": "lower", "upper": "upper"}
    ratios = {name: np.exp(effects[column]) for name, column in ends.items()}
    compared = pd.DataFrame({"name": effects["effect"], **ratios})
    table = pd.concat([spent.assign(kind="network"), compared.assign(kind="effect")], ignore_index=True)
    return table[["kind", *spent.columns, *ratios]]


def main() -> None:
    """Runs the stage."""
    params = load_params()
    remove_other_networks(TIMING, params.networks())
    times, machine = load_timing(params)
    table = tabulate(times, params.networks(), params.compare.confidence)
    spent = table[table["kind"] == "network"].set_index("name")["seconds"]
    write_table(PLOTS / "timing.csv", table)
    write_json(METRICS / "timing.json", {"cpu_seconds": spent.to_dict()})
    style.save(timing.draw(table), REPORT / "timing.svg")
    for language, suffix in SUFFIXES.items():
        write_text(REPORT / f"timing{suffix}", render_timing(table, machine, language))
    print(f"timing: {len(times)} runs; {REPORT}/timing.md")


if __name__ == "__main__":
    run(main)
