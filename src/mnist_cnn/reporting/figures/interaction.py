"""Does a larger kernel do the same in every layout?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import COLOURS, DASHES, MARKERS

GAP = 0.065  # of the height of the axes: from name to name
DODGE = 0.14  # from the first layout to the last, so that their intervals do not hide each other


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves heights apart until neighbours are `gap` from each other, and keeps their order."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)[order]
    for _ in range(500):
        short = np.maximum(gap - np.diff(placed), 0) / 2
        placed[:-1] -= short
        placed[1:] += short
    return [float(placed[i]) for i in np.argsort(order, kind="stable")]


@style.house_style()
def draw(networks: pd.DataFrame) -> Figure:
    """Draws accuracy by kernel size, a line a layout, with comparison intervals.

    Args:
        networks: plots/networks.csv, a row a network.

    Returns:
        The figure: colour is the number of convolutional layers, dash and marker that of linear ones; the
        names stand at the ends of the lines.
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
        look = linears.index(rows["linear_layers"].iloc[0])
        colours.append(COLOURS[convs.index(rows["conv_layers"].iloc[0]) % len(COLOURS)])
        ends.append(100 * float(rows["accuracy"].iloc[-1]))
        axes.errorbar(
            [sizes.index(size) + shift for size in rows["kernel_size"]],
            100 * rows["accuracy"],
            100 * rows["comparison_half_width"],
            color=colours[-1],
            linestyle=DASHES[look % len(DASHES)],
            marker=MARKERS[look % len(MARKERS)],
            markersize=8,
            linewidth=2,
            elinewidth=1,
        )
    percent, half = 100 * networks["accuracy"], 100 * networks["comparison_half_width"].fillna(0)
    low, high = style.padded(pd.concat([percent - half, percent + half]), 0.04)
    axes.set_ylim(low, high)
    style.percent_axis(axes.yaxis)
    for model, end, colour in zip(models, spread(ends, GAP * (high - low)), colours, strict=True):
        style.beside(axes, end, model, 4, color=colour)
    axes.set_xlim(-0.3, len(sizes) - 0.82)
    axes.set_xticks(range(len(sizes)), [f"{size} × {size}" for size in sizes])
    axes.set_xlabel("Kernel size")
    axes.set_ylabel("Validation accuracy, %")
    return figure
