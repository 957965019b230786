"""The interaction of kernel size and layout: does a larger kernel have the same effect in every layout?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import COLOURS, DASHES, MARKERS

NAME_GAP = 0.065  # between the names of two layouts, as a share of the height of the axes


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
    """Draws accuracy by kernel size, one line per layout.

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
    ends, colours = [], []
    for model in models:
        rows = networks[networks["model"] == model].sort_values("kernel_size")
        linear = linears.index(rows["linear_layers"].iloc[0])
        colours.append(COLOURS[convs.index(rows["conv_layers"].iloc[0]) % len(COLOURS)])
        ends.append(100 * float(rows["accuracy"].iloc[-1]))
        axes.plot(
            [sizes.index(size) for size in rows["kernel_size"]],
            100 * rows["accuracy"],
            color=colours[-1],
            linestyle=DASHES[linear % len(DASHES)],
            marker=MARKERS[linear % len(MARKERS)],
            markersize=8,
            linewidth=2,
        )
    low, high = style.padded_limits(100 * networks["accuracy"])
    axes.set_ylim(low, high)
    style.percent_axis(axes.yaxis)
    for model, y, colour in zip(models, spread(ends, NAME_GAP * (high - low)), colours, strict=True):
        style.annotate_right(axes, y, model, 4, color=colour)
    axes.set_xlim(-0.3, len(sizes) - 0.82)
    axes.set_xticks(range(len(sizes)), [f"{size} × {size}" for size in sizes])
    axes.set_xlabel("Kernel size")
    axes.set_ylabel("Validation accuracy, %")
    return figure
