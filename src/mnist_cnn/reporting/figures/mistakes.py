"""What the chosen network takes for what, and the images that every network gets wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mnist_cnn.core.mnist import CLASSES
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, FAINT, INK, PAPER, SMALL

COLUMNS, MOST = 8, 24  # images in the gallery
SHORT = 3  # letters of a name that fits below an image at the usual size
SHADES = LinearSegmentedColormap.from_list("mistakes", [PAPER, "#0072B2"])


def _short(classes: Sequence[str]) -> bool:
    return max(map(len, classes)) <= SHORT


def _matrix(axes: Axes, counts: NDArray[np.int64], classes: Sequence[str]) -> None:
    """Draws the mistakes of each class (rows) by what it is taken for (columns), the diagonal left out."""
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
    axes.set(xlim=(-0.5, CLASSES - 0.5), ylim=(CLASSES - 0.5, -0.5))
    axes.set_xticks(range(CLASSES), classes, rotation=0 if _short(classes) else 90)
    axes.set_yticks(range(CLASSES), classes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted", ylabel="True")


def _gallery(axes: Axes, missed: pd.DataFrame, pixels: NDArray[np.uint8], classes: Sequence[str]) -> None:
    """Draws images in rows, with what they are and what they are taken for below each."""
    rows = max(-(-len(missed) // COLUMNS), 1)
    arrow, size = (" → ", None) if _short(classes) else ("\n→ ", 0.9 * SMALL)
    for place, row in enumerate(style.rows(missed)):
        top, left = divmod(place, COLUMNS)
        box = (left + 0.08, left + 0.92, 1.3 * top + 0.84, 1.3 * top)
        ink = np.repeat(255 - pixels[row.image][..., None], 3, axis=2)
        axes.imshow(ink, extent=box, interpolation="none")
        axes.add_patch(Rectangle((box[0], box[3]), 0.84, 0.84, fill=False, edgecolor=FAINT))
        names = f"{classes[row.actual]}{arrow}{classes[row.predicted]}"
        axes.text(left + 0.5, box[2] + 0.06, names, ha="center", va="top", fontsize=size)
    axes.set(xlim=(0, COLUMNS), ylim=(1.3 * rows - 0.1, -0.02), aspect="equal")
    axes.set_axis_off()


@style.house_style()
def draw(
    confusion: pd.DataFrame, missed: pd.DataFrame, pixels: NDArray[np.uint8], facts: dict[str, Any]
) -> Figure:
    """Draws the confusion matrix of the chosen network above a gallery of what every network gets wrong.

    Args:
        confusion: plots/confusion.csv, a row a pair of classes.
        missed: What `mistakes.missed_by_all` lists.
        pixels: The training images, uint8, shape (n, 28, 28), 0 is paper and 255 is ink.
        facts: plots/statements.json: chosen, most_accurate and classes.

    Returns:
        The figure; the images in it are ordered by the class that they are of.
    """
    counts = confusion["images"].to_numpy().reshape(CLASSES, CLASSES)
    shown = missed.head(MOST).sort_values(["actual", "predicted", "image"])
    height = 1.13 * max(-(-len(shown) // COLUMNS), 1)
    figure = style.new_figure(5.6 + height)
    upper, lower = figure.subplots(2, 1, height_ratios=(5, height))
    _matrix(upper, counts, facts["classes"])
    total, wrong = int(counts.sum()), int(counts.sum() - np.trace(counts))
    upper.set_title(f"{facts['chosen'] or facts['most_accurate']}: {wrong:,} of {total:,} wrong")
    _gallery(lower, shown, pixels, facts["classes"])
    cut = f"{len(shown)} of " if len(shown) < len(missed) else ""
    lower.set_title(f"{cut}{len(missed):,} images that all networks get wrong: true → predicted")
    return figure
