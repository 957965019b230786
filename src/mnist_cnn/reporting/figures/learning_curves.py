"""How loss and accuracy develop while the networks are trained."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import DASHES, GREY, Look

ROW = 1.4  # inches
LEAST_ERROR = 1e-4  # a stretch without a mistake has no place on a logarithmic axis
ACCURACIES = (50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)  # percent


def _lines(axes: Axes, rows: pd.DataFrame, measure: str, look: Look) -> None:
    """Draws the means of a network: validation solid and marked, training dashed."""
    for part, dash, marker, width in (
        ("validation", DASHES[0], look.marker, 1.6),
        ("train", DASHES[1], "", 1.1),
    ):
        values = rows[f"{part}_{measure}"]
        heights = (1 - values).clip(lower=LEAST_ERROR) if measure == "accuracy" else values
        line = axes.plot(rows["epoch"], heights, marker, color=look.colour, markersize=4)[0]
        line.set(linestyle=dash, linewidth=width)


def _accuracy_axis(axes: Axes) -> None:
    """Makes an axis of errors, on which accuracies near 100 % are told apart, read as accuracies."""
    high, low = axes.get_ylim()
    shown = [accuracy for accuracy in ACCURACIES if low < 1 - accuracy / 100 < high]
    axes.yaxis.set_major_locator(FixedLocator([1 - accuracy / 100 for accuracy in shown]))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{accuracy:g}" for accuracy in shown]))
    axes.yaxis.set_minor_locator(NullLocator())


@style.house_style()
def draw(curves: pd.DataFrame) -> Figure:
    """Draws validation (solid) and training (dashed) means, a row a layout, a colour and marker a kernel.

    Args:
        curves: plots/learning_curves.csv: the means over the runs of a network, a row a point.

    Returns:
        The figure: loss at the left, accuracy at the right, both on logarithmic axes shared by all layouts.
    """
    models = curves["model"].unique().tolist()
    kernels = style.looks(sorted(set(curves["kernel_size"])))
    figure = style.new_figure(1.1 + ROW * len(models))
    panels = figure.subplots(len(models), 2, sharex=True, sharey="col", squeeze=False)
    for model, (left, right) in zip(models, panels, strict=True):
        left.set_title(model)
        for axes, measure in ((left, "loss"), (right, "accuracy")):
            for size, look in kernels.items():
                rows = curves[(curves["model"] == model) & (curves["kernel_size"] == size)]
                _lines(axes, rows, measure, look)
    left, right = panels[0]
    left.set_title("Loss", loc="right")
    right.set_title("Accuracy, %", loc="right")
    left.set_yscale("log")
    right.set_yscale("log")
    for axes, part in ((left, curves["validation_loss"]), (right, 1 - curves["validation_accuracy"])):
        axes.set_ylim(
            top=1.2 * part.max()
        )  # the first training means, of a network that knows nothing, are off
    style.log_axis(left.yaxis)
    right.invert_yaxis()
    _accuracy_axis(right)
    figure.supxlabel("Epoch", fontsize=13)
    keys = [style.key(look, f"{size} × {size}") for size, look in kernels.items()]
    solid, dashed = (Line2D([], [], color=GREY, linestyle=dash) for dash in DASHES[:2])
    solid.set_label("validation")
    dashed.set_label("train")
    style.legend(figure, [*keys, solid, dashed])
    return figure
