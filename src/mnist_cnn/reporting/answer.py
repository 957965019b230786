"""The content of the answer: which networks its table lists, and which sentences the results allow."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from mnist_cnn.documents import StudySummary

MAX_ROWS = 6  # of the table
Row = Mapping[str, Any]


def pareto_front(networks: pd.DataFrame) -> pd.DataFrame:
    """Returns the networks that are more accurate than all of equal or less cost, the cheapest first."""
    ordered = networks.sort_values(["multiply_accumulates", "accuracy"], ascending=[True, False])
    best_so_far = ordered["accuracy"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["accuracy"] > best_so_far]


def answer_content(networks: Sequence[Row], effects: Sequence[Row], summary: StudySummary) -> dict[str, Any]:
    """Derives what the templates of the answer show.

    Args:
        networks: Rows of plots/networks.csv, None in empty cells.
        effects: Rows of plots/effects.csv.
        summary: plots/study.json.

    Returns:
        chosen (the most accurate network where none is shown to be good enough), best (the most accurate one),
        cheaper (the one with the next fewer MACs than the chosen one, or None), rows of the table, sizes of the
        kernels, kernel_groups, layer_effects.
    """
    by_name = {row["network"]: row for row in networks}
    chosen, best = by_name[summary.chosen or summary.most_accurate], by_name[summary.most_accurate]
    below = [row for row in networks if row["multiply_accumulates"] < chosen["multiply_accumulates"]]
    cheaper = max(below, key=lambda row: row["multiply_accumulates"], default=None)
    if summary.chosen is None:
        cheaper = None
    likely = [by_name[name] for name in summary.likely_choices if name in by_name]
    listed = {row["network"]: row for row in (chosen, best, cheaper, *likely) if row}
    rows = sorted(list(listed.values())[:MAX_ROWS], key=lambda row: -row["multiply_accumulates"])
    return {
        "chosen": chosen,
        "best": best,
        "cheaper": cheaper,
        "rows": rows,
        "kernel_groups": kernel_groups(networks, effects, summary),
        "sizes": sorted({row["kernel_size"] for row in networks}),
        "layer_effects": [row for row in effects if row["factor"] != "kernel"],
    }


def kernel_groups(
    networks: Sequence[Row], effects: Sequence[Row], summary: StudySummary
) -> list[dict[str, Any]]:
    """Summarises what the largest kernel changes against the smallest one.

    Where the effect depends on the layout, layouts are grouped by their number of convolutional layers, and
    neighbouring groups with the same definite verdict are joined. Otherwise there is one group, the mean over
    the layouts.

    Returns:
        One dictionary per group: conv_layers (empty for all layouts), low and high (smallest and largest
        estimate, fractions), verdict (of all layouts in the group, `undecided` if they differ).
    """
    interaction = summary.interaction
    if interaction is None or not interaction.matters:
        rows = [row for row in effects if row["factor"] == "kernel"]
        widest = max(rows, key=lambda row: row["high_value"] - row["low_value"], default=None)
        if widest is None:
            return []
        estimate = widest["estimate"]
        return [{"conv_layers": [], "low": estimate, "high": estimate, "verdict": widest["verdict"]}]
    layers = {row["model"]: row["conv_layers"] for row in networks}
    depths = sorted(interaction.by_layout, key=lambda effect: layers[effect.model])
    groups: list[dict[str, Any]] = []
    for depth, some in groupby(depths, key=lambda effect: layers[effect.model]):
        found = list(some)
        verdicts, estimates = {effect.verdict for effect in found}, [effect.estimate for effect in found]
        verdict = verdicts.pop() if len(verdicts) == 1 else "undecided"
        last = groups[-1] if groups else {"verdict": "undecided"}
        if verdict == last["verdict"] != "undecided":
            last["conv_layers"].append(depth)
            last["low"], last["high"] = min(last["low"], *estimates), max(last["high"], *estimates)
        else:
            groups.append(
                {"conv_layers": [depth], "low": min(estimates), "high": max(estimates), "verdict": verdict}
            )
    return groups
