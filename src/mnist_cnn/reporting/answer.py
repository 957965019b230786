"""The content of the answer: which networks its table lists, and which sentences the results allow."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mnist_cnn.documents import StudySummary

MAX_ROWS = 6  # of the table
Row = Mapping[str, Any]


def pareto_front(networks: pd.DataFrame) -> pd.DataFrame:
    """Returns the networks that are more accurate than all of equal or less cost, the cheapest first.

    Networks with a collapsed run are left out, as in all comparisons.
    """
    ordered = networks.dropna(subset="gap").sort_values(
        ["multiply_accumulates", "accuracy"], ascending=[True, False]
    )
    best_so_far = ordered["accuracy"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["accuracy"] > best_so_far]


def answer_content(networks: Sequence[Row], effects: Sequence[Row], summary: StudySummary) -> dict[str, Any]:
    """Derives what the templates of the answer show.

    Args:
        networks: Rows of plots/networks.csv, None in empty cells.
        effects: Rows of plots/effects.csv.
        summary: plots/study.json.

    Returns:
        chosen (the most accurate network where none is shown to be good enough), best (the most accurate),
        cheaper (the most accurate one with fewer MACs than the chosen one, or None), likely (choices of
        repeats), rival (the likeliest of them but for the chosen one, or None), rows of the table,
        other_share (of repeats that choose no network of the table), kernel_changes and helped
        (see `kernel_changes`), sizes of the kernels, kernels (size by name), layer_effects.
    """
    by_name = {row["network"]: row for row in networks}
    chosen, best = by_name[summary.chosen or summary.most_accurate], by_name[summary.most_accurate]
    likely = [by_name[name] for name in summary.likely_choices if name in by_name]
    cheaper = None
    if summary.chosen:
        costs = [row for row in networks if row["gap"] is not None]
        below = [row for row in costs if row["multiply_accumulates"] < chosen["multiply_accumulates"]]
        cheaper = max(below, key=lambda row: row["accuracy"], default=None)
    listed = {row["network"]: row for row in (chosen, best, cheaper, *likely) if row}
    rows = sorted(list(listed.values())[:MAX_ROWS], key=lambda row: -row["multiply_accumulates"])
    kernels = {row["kernel"]: row["kernel_size"] for row in networks}
    sizes = sorted(kernels.values())
    changes, helped = kernel_changes(networks, effects, summary)
    return {
        "chosen": chosen,
        "best": best,
        "cheaper": cheaper,
        "likely": likely,
        "rival": next((row for row in likely if row is not chosen), None),
        "other_share": 1 - sum(row["repeat_share"] or 0 for row in rows),
        "rows": rows,
        "kernel_changes": changes,
        "helped": helped,
        "sizes": sizes,
        "kernels": {name: size for size in sizes for name in kernels if kernels[name] == size},
        "layer_effects": [row for row in effects if row["factor"] != "kernel"],
    }


def kernel_changes(
    networks: Sequence[Row], effects: Sequence[Row], summary: StudySummary
) -> tuple[list[Row], list[int]]:
    """Lists what the largest kernel changes against the smallest one.

    Returns:
        Estimate and verdict for each layout (model) if the effect depends on the layout; otherwise for the
        mean over the layouts (without a model), or nothing if the grid has one kernel. And the numbers of
        convolutional layers with which each change is an improvement that matters.
    """
    interaction = summary.interaction
    if interaction is None or not interaction.matters:
        rows = [row for row in effects if row["factor"] == "kernel"]
        return sorted(rows, key=lambda row: float(row["low_value"] - row["high_value"]))[:1], []
    depths = {row["model"]: row["conv_layers"] for row in networks}
    helped: dict[int, bool] = {}
    for effect in interaction.by_layout:
        helps = effect.verdict == "more" and effect.estimate > 0
        helped[depths[effect.model]] = helps and helped.get(depths[effect.model], True)
    changes: list[Row] = [effect.model_dump() for effect in interaction.by_layout]
    return changes, sorted(depth for depth, helps in helped.items() if helps)
