"""The loss and the accuracy of the networks during training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import DASHES, GREY, MarkerStyle

ROW = 1.4  # inches
MIN_ERROR = 1e-4  # an error of 0 has no position on a logarithmic axis
ACCURACIES = (50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)  # percent


def _draw_curves(axes: Axes, rows: pd.DataFrame, measure: str, marker: MarkerStyle) -> None:
    """Draws the means of one network: validation solid and with markers, training dashed."""
    parts = (("validation", DASHES[0], marker.marker, 1.6), ("train", DASHES[1], "", 1.1))
    for part, dash, symbol, width in parts:
        values = rows[f"{part}_{measure}"]
        heights = (1 - values).clip(lower=MIN_ERROR) if measure == "accuracy" else values
        line = axes.plot(rows["epoch"], heights, symbol, color=marker.colour, markersize=4)[0]
        line.set(linestyle=dash, linewidth=width)


@style.figure_style()
def draw(curves: pd.DataFrame) -> Figure:
    """Draws validation and training means: one row per layout, one colour and marker per kernel size.

    Args:
        curves: plots/learning_curves.csv, means over the runs of a network, one row per point.

    Returns:
        The figure: loss at the left, accuracy at the right, on logarithmic axes that all layouts share.
    """
    models = curves["model"].unique().tolist()
    kernels = style.marker_styles(sorted(set(curves["kernel_size"])))
    figure = style.new_figure(1.1 + ROW * len(models))
    panels = figure.subplots(len(models), 2, sharex=True, sharey="col", squeeze=False)
    for model, (left, right) in zip(models, panels, strict=True):
        left.set_title(model)
        for axes, measure in ((left, "loss"), (right, "accuracy")):
            for size, marker in kernels.items():
                rows = curves[(curves["model"] == model) & (curves["kernel_size"] == size)]
                _draw_curves(axes, rows, measure, marker)
    left, right = panels[0]
    left.set_title("Loss", loc="right")
    right.set_title("Accuracy, %", loc="right")
    for axes, values in ((left, curves["validation_loss"]), (right, 1 - curves["validation_accuracy"])):
        axes.set_yscale("log")
        axes.set_ylim(
            top=1.2 * values[np.isfinite(values)].max()
        )  # cuts off the training means of the first steps
    style.log_axis(left.yaxis)
    right.invert_yaxis()  # the axis is of errors, so that accuracies near 100 % can be told apart
    high, low = right.get_ylim()
    labels = {1 - accuracy / 100: f"{accuracy:g}" for accuracy in ACCURACIES}
    style.fixed_ticks(right.yaxis, {error: label for error, label in labels.items() if low < error < high})
    figure.supxlabel("Epoch", fontsize=13)
    entries = [style.legend_entry(marker, f"{size} × {size}") for size, marker in kernels.items()]
    for dash, label in zip(DASHES, ("validation", "train"), strict=False):
        entries.append(Line2D([], [], color=GREY, linestyle=dash, label=label))
    style.add_legend(figure, entries)
    return figure
