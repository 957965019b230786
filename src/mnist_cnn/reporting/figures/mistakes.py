"""The confusion matrix of the chosen network, and the images that every network misclassifies."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mnist_cnn.core.mnist import CLASSES
from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, FAINT, INK, PAPER, SMALL

MAX_IMAGES = 24  # in the gallery
MAX_SHORT_NAME = 3  # letters of a class name that fits below an image at the usual font size
SHADES = LinearSegmentedColormap.from_list("mistakes", [PAPER, "#4d4d4d"])  # grey stands for no verdict


def _are_short(classes: Sequence[str]) -> bool:
    return max(map(len, classes)) <= MAX_SHORT_NAME


def _columns(classes: Sequence[str]) -> int:
    """Returns the number of images in a row of the gallery."""
    return 8 if _are_short(classes) else 6


def _draw_matrix(axes: Axes, counts: NDArray[np.int64], classes: Sequence[str]) -> None:
    """Draws the number of mistakes by true class (rows) and predicted class (columns)."""
    wrong = counts - np.diag(np.diag(counts))
    maximum = max(int(wrong.max()), 1)
    for (actual, predicted), number in np.ndenumerate(wrong):
        depth = float(np.sqrt(number / maximum))  # linear shades would leave almost all cells white
        colour = BAND if actual == predicted else SHADES(depth)
        axes.add_patch(Rectangle((predicted - 0.5, actual - 0.5), 1, 1, facecolor=colour, edgecolor=PAPER))
        if number:
            font = {"color": "white" if depth > 0.72 else INK, "fontsize": SMALL}
            style.annotate(axes, f"{number}", (predicted, actual), (0, 0), ha="center", **font)
    axes.set(xlim=(-0.5, CLASSES - 0.5), ylim=(CLASSES - 0.5, -0.5))
    axes.set_xticks(range(CLASSES), classes, rotation=0 if _are_short(classes) else 90)
    axes.set_yticks(range(CLASSES), classes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class")


def _draw_gallery(
    axes: Axes, missed: pd.DataFrame, pixels: NDArray[np.uint8], classes: Sequence[str]
) -> None:
    """Draws images in rows, with the true and the predicted class below each."""
    columns = _columns(classes)
    rows = max(-(-len(missed) // columns), 1)
    arrow, size = (" → ", None) if _are_short(classes) else ("\n→ ", 0.9 * SMALL)
    for index, row in enumerate(style.rows(missed)):
        top, left = divmod(index, columns)
        box = (left + 0.08, left + 0.92, 1.3 * top + 0.84, 1.3 * top)
        dark_on_light = np.repeat(255 - pixels[row.image][..., None], 3, axis=2)
        axes.imshow(dark_on_light, extent=box, interpolation="none")
        axes.add_patch(Rectangle((box[0], box[3]), 0.84, 0.84, fill=False, edgecolor=FAINT))
        names = f"{classes[row.actual]}{arrow}{classes[row.predicted]}"
        axes.text(left + 0.5, box[2] + 0.06, names, ha="center", va="top", fontsize=size)
    axes.set(xlim=(0, columns), ylim=(1.3 * rows - 0.1, -0.02), aspect="equal")
    axes.set_axis_off()


@style.figure_style()
def draw(
    confusion: pd.DataFrame, missed: pd.DataFrame, pixels: NDArray[np.uint8], summary: StudySummary
) -> Figure:
    """Draws the confusion matrix of the chosen network above the images that every network misclassifies.

    Args:
        confusion: plots/confusion.csv.
        missed: plots/missed_images.csv; the first `MAX_IMAGES` are drawn, ordered by their classes.
        pixels: The training images, uint8, shape (60000, 28, 28), 0 is the background and 255 is ink.
        summary: The names of the network and of the classes.
    """
    counts = confusion["images"].to_numpy().reshape(CLASSES, CLASSES)
    drawn = missed.head(MAX_IMAGES).sort_values(["actual", "predicted", "image"])
    columns = _columns(summary.classes)
    height = 8.3 / columns * max(-(-len(drawn) // columns), 1)
    figure = style.new_figure(5.6 + height)
    upper, lower = figure.subplots(2, 1, height_ratios=(5, height))
    _draw_matrix(upper, counts, summary.classes)
    total, wrong = int(counts.sum()), int(counts.sum() - np.trace(counts))
    upper.set_title(f"{summary.chosen or summary.most_accurate}: {wrong:,} of {total:,} predictions wrong")
    _draw_gallery(lower, drawn, pixels, summary.classes)
    part = f"{len(drawn)} of " if len(drawn) < len(missed) else ""
    lower.set_title(f"{part}{len(missed):,} images that all networks get wrong: true → predicted")
    return figure
