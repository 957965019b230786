"""The networks by falling accuracy, with intervals that may be compared."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, INK, TIERS

ROW = 0.29  # inches


@style.house_style()
def draw(networks: pd.DataFrame, facts: dict[str, Any]) -> Figure:
    """Draws a row a network: its accuracy with its comparison interval, the most accurate first.

    Args:
        networks: plots/networks.csv, a row a network.
        facts: plots/statements.json: margin and target.

    Returns:
        The figure: networks whose bars do not overlap differ; colour and shape are the tier; ring and bold
        type are the choice.
    """
    rows = networks.sort_values("accuracy", ascending=False, kind="stable")
    figure = style.new_figure(1.15 + ROW * len(rows))
    axes = figure.subplots()
    percent, half = 100 * rows["accuracy"], 100 * rows["comparison_half_width"].fillna(0)
    axes.set_xlim(*style.padded(pd.concat([percent - half, percent + half]), 0.04))
    style.percent_axis(axes.xaxis)
    style.margin_and_target(axes, networks, facts, "x")
    for place, row in enumerate(style.rows(rows)):
        look, value = TIERS[row.tier], 100 * row.accuracy
        width = 100 * row.comparison_half_width  # NaN draws nothing
        axes.hlines(place, value - width, value + width, color=look.colour, linewidth=6, alpha=0.4, zorder=2)
        axes.plot(value, place, marker=look.marker, color=look.colour, markersize=9, zorder=3)
        if row.chosen:
            axes.plot(value, place, "o", color=INK, fillstyle="none", markersize=15, markeredgewidth=2)
        weight = "bold" if row.chosen else "normal"
        text = f"{value:.2f}" if value > 0 else "–"  # NaN where every run collapsed
        style.beside(axes, place, text, 10, fontsize=12, fontweight=weight)
    axes.set_yticks(range(len(rows)), rows["network"].tolist())
    for label, chosen in zip(axes.get_yticklabels(), rows["chosen"], strict=True):
        label.set_fontweight("bold" if chosen else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Validation accuracy, %")
    band = Patch(color=BAND, label=f"within {style.points(facts['margin'])} of best")
    style.legend(figure, [*style.tier_keys(rows["tier"].tolist(), facts["margin"]), band])
    return figure
