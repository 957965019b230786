"""Effects on accuracy with their intervals: of the kernel and the layers, and of the kernel by layout."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mnist_cnn.documents import Interaction, StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, GREY, VERDICTS
from mnist_cnn.reporting.text import phrases, records

ROW = 0.5  # inches


def _draw_rows(axes: Axes, effects: pd.DataFrame, summary: StudySummary) -> None:
    """Draws one interval per row, with its numbers and its verdict at its right."""
    margin = 100 * summary.margin
    axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    for y, row in enumerate(records(effects)):
        verdict = VERDICTS[row["verdict"]]
        if row["lower"] is not None:
            axes.hlines(y, 100 * row["lower"], 100 * row["upper"], color=verdict.colour, linewidth=3)
        axes.plot(100 * row["estimate"], y, marker=verdict.marker, color=verdict.colour, markersize=9)
        style.annotate_right(axes, y, phrases().points(row), 8, 8)
        text = phrases().verdict(row)
        style.annotate_right(axes, y, text, 8, -8, color=verdict.beside, fontweight="bold")
    edges = margin * np.sign(effects["estimate"])
    ends = pd.concat([100 * effects[["estimate", "lower", "upper"]].stack(), edges, pd.Series([0.0])])
    axes.set_xlim(*style.padded_limits(ends))
    style.percent_axis(axes.xaxis)
    axes.set_xlabel("percentage points")


def _draw(effects: pd.DataFrame, names: Sequence[str], title: str, summary: StudySummary) -> Figure:
    figure = style.new_figure(1.4 + ROW * max(len(effects), 1))
    axes = figure.subplots()
    _draw_rows(axes, effects, summary)
    style.row_axis(axes, names)
    label = f"within the margin of {phrases().margin(summary)}"
    style.add_legend(figure, [Patch(color=BAND, label=label)], title=title)
    return figure


@style.figure_style()
def draw_effects(effects: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws the planned effects on accuracy with their simultaneous intervals, in percentage points.

    Args:
        effects: plots/effects.csv, at most eight rows.
        summary: The margin.

    Returns:
        The figure. The band is the margin on both sides of no effect.
    """
    names = [style.two_lines(phrases().change(row)) for row in style.rows(effects)]
    figure = _draw(effects, names, "Change of accuracy", summary)
    factors = effects["factor"].tolist()
    for y in (i for i in range(1, len(factors)) if factors[i] != factors[i - 1]):
        figure.axes[0].axhline(y - 0.5, color=style.FAINT, linewidth=0.8)
    return figure


@style.figure_style()
def draw_interaction(interaction: Interaction, networks: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws what the largest kernel changes against the smallest one, in each layout.

    Args:
        interaction: The effects by layout, with simultaneous intervals.
        networks: plots/networks.csv, for the kernel sizes and the order of the layouts.
        summary: The margin.

    Returns:
        The figure, in which layouts with fewer convolutional layers come first.
    """
    layers = networks.groupby("model")["conv_layers"].first()
    effects = pd.DataFrame([effect.model_dump() for effect in interaction.by_layout])
    effects = effects.sort_values("model", key=lambda models: models.map(layers), kind="stable")
    small, large = networks["kernel_size"].min(), networks["kernel_size"].max()
    title = f"Change of accuracy with {large}×{large} instead of {small}×{small} kernels"
    return _draw(effects, effects["model"].tolist(), title, summary)
