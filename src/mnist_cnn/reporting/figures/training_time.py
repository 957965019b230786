"""The effects of the kernel and of the layers on training time, and the time of every network."""

import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import GREY, INK, SMALL
from mnist_cnn.reporting.text import between, fixed, phrases, records

ROW, BAR = 0.44, 0.2  # inches


def _draw_effects(figure: SubFigure, effects: pd.DataFrame) -> None:
    """Draws the ratios of training time with their intervals, on a logarithmic axis."""
    axes = figure.subplots()
    for y, row in enumerate(records(effects)):
        interval = row["lower"], row["upper"]
        if None not in interval:
            axes.hlines(y, *interval, color=INK, linewidth=3)
        axes.plot(row["ratio"], y, "o", color=INK, markersize=6)
        style.annotate_right(axes, y, f"×{fixed('en', row['ratio'])}{between('en', interval, 1)}", 10)
    axes.axvline(1, color=GREY, linewidth=1, zorder=1)
    axes.set_xscale("log")
    ends = pd.Series([1.0, *effects["ratio"], *effects["lower"], *effects["upper"]])
    axes.set_xlim(ends.min() / 1.05, ends.max() * 1.05)
    style.log_axis(axes.xaxis, "×{}")
    axes.set_xlabel("ratio of training times")
    style.row_axis(axes, [style.two_lines(phrases().change(row)) for row in style.rows(effects)])


def _draw_networks(figure: SubFigure, networks: pd.DataFrame) -> None:
    """Draws the seconds of the networks as bars: one group per layout, one shade per kernel size."""
    models, kernels = networks["model"].unique().tolist(), style.kernel_styles(networks["kernel_size"])
    axes, thickness = figure.subplots(), 0.84 / len(kernels)
    for index, (size, kernel) in enumerate(kernels.items()):
        of_kernel = networks[networks["kernel_size"] == size]
        shift = (index - (len(kernels) - 1) / 2) * thickness
        heights = [models.index(model) + shift for model in of_kernel["model"]]
        axes.barh(heights, of_kernel["seconds"], 0.86 * thickness, color=kernel.colour)
        for y, seconds in zip(heights, of_kernel["seconds"], strict=True):
            style.annotate(axes, f"{seconds:.1f}", (seconds, y), (4, 0), fontsize=SMALL)
    axes.set_xlim(0, 1.12 * networks["seconds"].max())
    axes.set_xlabel("CPU seconds per run")
    style.row_axis(axes, models)
    entries = [Patch(color=kernel.colour, label=f"{size}×{size}") for size, kernel in kernels.items()]
    style.add_legend(figure, entries, title="Training time by kernel size")


@style.figure_style()
def draw(networks: pd.DataFrame, effects: pd.DataFrame) -> Figure:
    """Draws the ratios of training time above the seconds of the networks.

    Args:
        networks: One row per network: name, model, kernel_size, and seconds, the mean CPU seconds per run.
        effects: One row per effect: factor, high_value, low_value, and ratio with the simultaneous interval
            lower to upper. If it is empty, the upper panel is left out.
    """
    heights = [0.8 + ROW * len(effects)] * (len(effects) > 0)
    heights += [1.1 + BAR * len(networks) + 0.1 * networks["model"].nunique()]
    figure = style.new_figure(0.2 + sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if len(effects):
        _draw_effects(parts[0], effects)
    _draw_networks(parts[-1], networks)
    return figure
