"""The interaction of kernel size and layout: does a larger kernel have the same effect in every layout?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import COLOURS, DASHES, MARKERS

NAME_GAP = 0.065  # between the names of two layouts, as a share of the height of the axes
DODGE = 0.14  # from the first layout to the last, so that their intervals do not hide each other


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves heights apart until neighbours differ by `gap`, and keeps their order."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, dtype=float)[order]
    for _ in range(500):
        overlap = np.maximum(gap - np.diff(moved), 0) / 2
        moved[:-1] -= overlap
        moved[1:] += overlap
    return [float(moved[i]) for i in np.argsort(order, kind="stable")]


@style.figure_style()
def draw(networks: pd.DataFrame) -> Figure:
    """Draws accuracy by kernel size, one line per layout, with comparison intervals.

    Args:
        networks: plots/networks.csv.

    Returns:
        The figure. The colour is the number of convolutional layers, dash and marker are the number of linear
        layers; the name of a layout stands at the end of its line.
    """
    networks = networks.dropna(subset="accuracy")  # NaN where every run collapsed
    sizes = sorted(set(networks["kernel_size"]))
    models = networks["model"].unique().tolist()
    figure = style.new_figure(max(4.4, 0.9 + 0.28 * len(models)))
    axes = figure.subplots()
    convs, linears = (sorted(set(networks[name])) for name in ("conv_layers", "linear_layers"))
    shifts = np.linspace(-DODGE / 2, DODGE / 2, len(models)) if len(models) > 1 else [0.0]
    ends, colours = [], []
    for model, shift in zip(models, shifts, strict=True):
        rows = networks[networks["model"] == model].sort_values("kernel_size")
        linear = linears.index(rows["linear_layers"].iloc[0])
        colours.append(COLOURS[convs.index(rows["conv_layers"].iloc[0]) % len(COLOURS)])
        ends.append(100 * float(rows["accuracy"].iloc[-1]))
        axes.errorbar(
            [sizes.index(size) + shift for size in rows["kernel_size"]],
            100 * rows["accuracy"],
            100 * rows["comparison_half_width"],
            color=colours[-1],
            linestyle=DASHES[linear % len(DASHES)],
            marker=MARKERS[linear % len(MARKERS)],
            markersize=8,
            linewidth=2,
            elinewidth=1,
        )
    percent, half = 100 * networks["accuracy"], 100 * networks["comparison_half_width"].fillna(0)
    low, high = style.padded_limits(pd.concat([percent - half, percent + half]), 0.04)
    axes.set_ylim(low, high)
    style.percent_axis(axes.yaxis)
    for model, y, colour in zip(models, spread(ends, NAME_GAP * (high - low)), colours, strict=True):
        style.annotate_right(axes, y, model, 4, color=colour)
    axes.set_xlim(-0.3, len(sizes) - 0.82)
    axes.set_xticks(range(len(sizes)), [f"{size} × {size}" for size in sizes])
    axes.set_xlabel("Kernel size")
    axes.set_ylabel("Validation accuracy, %")
    return figure
