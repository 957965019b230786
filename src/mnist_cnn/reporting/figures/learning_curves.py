"""The accuracy of the networks during training."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import DASHES, GREY, MarkerStyle

PANELS = 3  # in a row
MIN_ERROR = 1e-4  # an error of 0 has no position on a logarithmic axis
ACCURACIES = (50, 80, 90, 95, 97, 98, 99, 99.5, 99.8, 99.9)  # percent
PARTS = {"validation": DASHES[0], "training": DASHES[1]}


def _draw_kernel(axes: Axes, rows: pd.DataFrame, kernel: MarkerStyle) -> None:
    """Draws the errors of one kernel size: validation solid and with markers, training dashed."""
    errors = 1 - rows[["validation_accuracy", "train_accuracy"]].clip(upper=1 - MIN_ERROR)
    axes.plot(rows["epoch"], errors["validation_accuracy"], kernel.marker, ls="-", color=kernel.colour, ms=5)
    axes.plot(rows["epoch"], errors["train_accuracy"], ls=PARTS["training"], color=kernel.colour)


@style.figure_style()
def draw(curves: pd.DataFrame, networks: pd.DataFrame) -> Figure:
    """Draws validation and training accuracy: one panel per number of convolutional layers.

    Args:
        curves: plots/learning_curves.csv, means over the runs of a network, one row per point.
        networks: plots/networks.csv, for the numbers of convolutional layers.

    Returns:
        The figure: means over the layouts with so many convolutional layers, one shade and marker per kernel
        size, on a logarithmic axis of errors that all panels share.
    """
    layers = curves["network"].map(networks.set_index("network")["conv_layers"]).rename("conv_layers")
    accuracies = ["validation_accuracy", "train_accuracy"]
    means = curves.groupby([layers, "kernel_size", "epoch"])[accuracies].mean().reset_index()
    depths, kernels = sorted(set(layers)), style.kernel_styles(curves["kernel_size"])
    columns = min(len(depths), PANELS)
    lines = -(-len(depths) // columns)
    figure = style.new_figure(0.9 + 3.0 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for axes in panels[len(depths) :]:
        axes.set_visible(False)
    for axes, depth in zip(panels, depths, strict=False):
        axes.set_title(f"{depth} convolutional\nlayer{'s' * (depth != 1)}")
        for size, kernel in kernels.items():
            of_kernel = means[(means["conv_layers"] == depth) & (means["kernel_size"] == size)]
            _draw_kernel(axes, of_kernel, kernel)
    axes = panels[0]
    axes.set_yscale("log")
    axes.set_ylim(top=1.2 * (1 - means["validation_accuracy"].min()))  # cuts off the first training means
    axes.invert_yaxis()  # the axis is of errors, so that accuracies near 100 % can be told apart
    high, low = axes.get_ylim()
    labels = {1 - accuracy / 100: f"{accuracy:g}" for accuracy in ACCURACIES}
    style.fixed_ticks(axes.yaxis, {error: label for error, label in labels.items() if low < error < high})
    figure.supxlabel("epochs trained", fontsize=13)
    figure.supylabel("accuracy, %", fontsize=13)
    entries = [style.legend_entry(kernel, f"{size}×{size}") for size, kernel in kernels.items()]
    entries += [Line2D([], [], color=GREY, ls=dash, label=part) for part, dash in PARTS.items()]
    style.add_legend(figure, entries)
    return figure
