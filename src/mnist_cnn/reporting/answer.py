"""The content of the answer: which networks its table lists, and which sentences the results allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        other_share (of repeats that choose no network of the table), kernel_groups, sizes of the
        kernels, kernels (size by name), layer_effects.
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
    return {
        "chosen": chosen,
        "best": best,
        "cheaper": cheaper,
        "likely": likely,
        "rival": next((row for row in likely if row is not chosen), None),
        "other_share": 1 - sum(row["repeat_share"] or 0 for row in rows),
        "rows": rows,
        "kernel_groups": kernel_groups(networks, effects, summary),
        "sizes": sizes,
        "kernels": {name: size for size in sizes for name in kernels if kernels[name] == size},
        "layer_effects": [row for row in effects if row["factor"] != "kernel"],
    }


@dataclass
class KernelGroup:
    """What the largest kernel changes against the smallest one, in some layouts.

    Attributes:
        conv_layers: Their numbers of convolutional layers; empty for the mean over all layouts.
        changes: Estimate (a fraction), verdict and number of linear layers of each of these layouts, in
            ascending order.
    """

    conv_layers: list[int]
    changes: list[tuple[float, str, int]]

    @property
    def helps(self) -> bool:
        """Whether each change is an improvement that matters."""
        return all(verdict == "more" and estimate > 0 for estimate, verdict, _ in self.changes)

    @property
    def differ_in_linear_layers(self) -> bool:
        """Whether these are two layouts, which the number of linear layers tells apart."""
        linear = {count for _, _, count in self.changes}
        return len(self.conv_layers) == 1 and len(self.changes) == len(linear) == 2


def kernel_groups(
    networks: Sequence[Row], effects: Sequence[Row], summary: StudySummary
) -> list[KernelGroup]:
    """Summarises the effect of the kernel.

    Where it depends on the layout, layouts are grouped by their number of convolutional layers, and
    neighbouring groups with the same definite verdict are joined. Otherwise there is one group, the mean over
    the layouts; none if the grid has one kernel.
    """
    interaction = summary.interaction
    if interaction is None or not interaction.matters:
        rows = [row for row in effects if row["factor"] == "kernel"]
        if not rows:
            return []
        widest = max(rows, key=lambda row: row["high_value"] - row["low_value"])
        return [KernelGroup([], [(widest["estimate"], widest["verdict"], 0)])]
    layers = {row["model"]: (row["conv_layers"], row["linear_layers"]) for row in networks}
    changes: dict[int, list[tuple[float, str, int]]] = {}
    for effect in interaction.by_layout:
        conv, linear = layers[effect.model]
        changes.setdefault(conv, []).append((effect.estimate, effect.verdict, linear))
    groups: list[KernelGroup] = []
    for depth, found in sorted(changes.items()):
        verdicts = {verdict for _, verdict, _ in found + (groups[-1].changes if groups else [])}
        if groups and len(verdicts) == 1 and verdicts != {"undecided"}:
            last = groups.pop()
            groups.append(KernelGroup([*last.conv_layers, depth], sorted(last.changes + found)))
        else:
            groups.append(KernelGroup([depth], sorted(found)))
    return groups
