"""What the chosen network takes for what, and the images that every network gets wrong."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mnist_cnn.figures import style
from mnist_cnn.figures.style import BAND, FAINT, INK, PAPER, SMALL
from mnist_cnn.mnist import CLASSES

COLUMNS, MOST = 8, 24  # images in the gallery
SHADES = LinearSegmentedColormap.from_list("mistakes", [PAPER, "#0072B2"])


def _matrix(axes: Axes, counts: NDArray[np.int64]) -> None:
    """Draws the mistakes of each digit (rows) by what it is taken for (columns), the diagonal left out."""
    wrong = counts - np.diag(np.diag(counts))
    most = max(int(wrong.max()), 1)
    for (actual, predicted), number in np.ndenumerate(wrong):
        depth = float(np.sqrt(number / most))  # evenly spaced shades would leave all but the commonest white
        colour = BAND if actual == predicted else SHADES(depth)
        axes.add_patch(Rectangle((predicted - 0.5, actual - 0.5), 1, 1, facecolor=colour, edgecolor=PAPER))
        if number:
            ink = "white" if depth > 0.6 else INK
            style.label(
                axes, f"{number}", (predicted, actual), (0, 0), ha="center", color=ink, fontsize=SMALL
            )
    digits = range(CLASSES)
    axes.set(xlim=(-0.5, CLASSES - 0.5), ylim=(CLASSES - 0.5, -0.5), xticks=digits, yticks=digits)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted", ylabel="True")


def _gallery(axes: Axes, missed: pd.DataFrame, pixels: NDArray[np.uint8]) -> None:
    """Draws images in rows, with what they are and what they are taken for below each."""
    rows = max(-(-len(missed) // COLUMNS), 1)
    for place, row in enumerate(style.rows(missed)):
        top, left = divmod(place, COLUMNS)
        box = (left + 0.08, left + 0.92, 1.3 * top + 0.84, 1.3 * top)
        ink = np.repeat(255 - pixels[row.image][..., None], 3, axis=2)
        axes.imshow(ink, extent=box, interpolation="none")
        axes.add_patch(Rectangle((box[0], box[3]), 0.84, 0.84, fill=False, edgecolor=FAINT))
        axes.text(left + 0.5, box[2] + 0.06, f"{row.actual} → {row.predicted}", ha="center", va="top")
    axes.set(xlim=(0, COLUMNS), ylim=(1.3 * rows - 0.1, -0.02), aspect="equal")
    axes.set_axis_off()


@style.house_style()
def draw(
    confusion: pd.DataFrame, missed: pd.DataFrame, pixels: NDArray[np.uint8], facts: dict[str, Any]
) -> Figure:
    """Draws the confusion matrix of the chosen network above a gallery of what every network gets wrong.

    Args:
        confusion: plots/confusion.csv, a row a pair of digits.
        missed: What `mistakes.missed_by_all` lists.
        pixels: The training images, uint8, shape (n, 28, 28), 0 is paper and 255 is ink.
        facts: plots/statements.json: chosen and most_accurate.

    Returns:
        The figure; the images in it are ordered by the digit that they are.
    """
    counts = confusion.pivot_table("images", "actual", "predicted", "sum").to_numpy()
    shown = missed.head(MOST).sort_values(["actual", "predicted", "image"])
    height = 1.13 * max(-(-len(shown) // COLUMNS), 1)
    figure = style.new_figure(5.6 + height)
    upper, lower = figure.subplots(2, 1, height_ratios=(5, height))
    _matrix(upper, counts)
    total, wrong = int(counts.sum()), int(counts.sum() - np.trace(counts))
    upper.set_title(f"{facts['chosen'] or facts['most_accurate']}: {wrong:,} of {total:,} wrong")
    _gallery(lower, shown, pixels)
    cut = f"{len(shown)} of " if len(shown) < len(missed) else ""
    lower.set_title(f"{cut}{len(missed):,} images that all networks get wrong: true → predicted")
    return figure
