"""The effects of the kernel and of the layers on training time, and the time of every network."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import GREY, INK, SMALL
from mnist_cnn.reporting.text import phrases

ROW, BAR = 0.36, 0.2  # inches


def _draw_effects(axes: Axes, effects: pd.DataFrame) -> None:
    """Draws the ratios of training time with their intervals, on a logarithmic axis."""
    for y, row in enumerate(style.rows(effects)):
        axes.hlines(y, row.lower, row.upper, color=INK, linewidth=3)
        axes.plot(row.ratio, y, "o", color=INK, markersize=9)
        style.annotate_right(axes, y, f"× {row.ratio:.2f}", 10)
    axes.axvline(1, color=GREY, linewidth=1, zorder=1)
    axes.set_xscale("log")
    ends = pd.Series([1.0, *effects["ratio"], *effects["lower"], *effects["upper"]])
    axes.set_xlim(ends.min() / 1.05, ends.max() * 1.05)
    style.log_axis(axes.xaxis, "× {}")
    axes.set_xlabel("Training time, ratio of CPU seconds")
    style.row_axis(axes, [phrases().change(row) for row in style.rows(effects)])


def _draw_networks(axes: Axes, networks: pd.DataFrame) -> None:
    """Draws the seconds of the networks as bars: one group per layout, one colour per kernel."""
    models, kernels = networks["model"].unique().tolist(), style.marker_styles(networks["kernel"].tolist())
    thickness = 0.84 / len(kernels)
    for index, (kernel, marker) in enumerate(kernels.items()):
        of_kernel = networks[networks["kernel"] == kernel]
        shift = (index - (len(kernels) - 1) / 2) * thickness
        heights = [models.index(model) + shift for model in of_kernel["model"]]
        axes.barh(heights, of_kernel["seconds"], 0.86 * thickness, color=marker.colour)
        for y, seconds in zip(heights, of_kernel["seconds"], strict=True):
            style.annotate(axes, f"{seconds:.1f}", (seconds, y), (4, 0), fontsize=SMALL)
    axes.set_xlim(0, 1.1 * networks["seconds"].max())
    axes.set_xlabel("Training time, CPU seconds per run")
    style.row_axis(axes, models)
    entries = [Patch(color=marker.colour, label=f"kernel {kernel}") for kernel, marker in kernels.items()]
    axes.legend(handles=entries, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, **style.LEGEND)


@style.figure_style()
def draw(networks: pd.DataFrame, effects: pd.DataFrame) -> Figure:
    """Draws the ratios of training time above the seconds of the networks.

    Args:
        networks: One row per network: name, model, kernel, and seconds, the mean CPU seconds per run.
        effects: One row per effect: factor, high_value, low_value, and ratio with the simultaneous interval
            lower to upper. If it is empty, the upper panel is left out.
    """
    heights = [0.8 + ROW * len(effects)] * (len(effects) > 0)
    heights += [1.1 + BAR * len(networks) + 0.1 * networks["model"].nunique()]
    figure = style.new_figure(0.2 + sum(heights))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if len(effects):
        _draw_effects(panels[0], effects)
    _draw_networks(panels[-1], networks)
    return figure
