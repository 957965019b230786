"""What the recommended network takes for what."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from mnist_cnn.data.mnist import CLASSES
from mnist_cnn.figures import words
from mnist_cnn.figures.style import BAND, GREY, INK, SMALL, ReportFigure, new_figure, settle
from mnist_cnn.report.numbers import counted, listed
from mnist_cnn.tables import ConfusionRow, StudyTables

IN_WORDS = 5  # of the commonest confusions


def commonest(rows: Sequence[ConfusionRow]) -> list[ConfusionRow]:
    """Returns the most frequent confusions, the most frequent first."""
    wrong = [row for row in rows if row.actual != row.predicted and row.images]
    return sorted(wrong, key=lambda row: (-row.images, row.actual, row.predicted))[:IN_WORDS]


def _counts(rows: Sequence[ConfusionRow]) -> NDArray[np.int64]:
    """Returns the images of each digit (rows) by what they were taken for (columns)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for row in rows:
        counts[row.actual, row.predicted] += row.images
    return counts


def _matrix(axes: Axes, counts: NDArray[np.int64]) -> None:
    """Draws the shares of each row without the diagonal, with the counts on them."""
    images = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = np.ma.masked_array(counts / images, np.eye(CLASSES, dtype=bool))
    most = float(shares.max()) or 1.0
    norm = PowerNorm(0.6, 0, most)  # a linear scale would leave all but the commonest white
    axes.set_facecolor(BAND)
    axes.pcolormesh(shares, cmap="Blues", norm=norm, edgecolors="white", linewidth=1)
    for (actual, predicted), number in np.ndenumerate(counts):
        wrong = actual != predicted
        dark = wrong and norm(float(shares[actual, predicted])) > 0.55
        text = "·" if not number and wrong else f"{number}" if wrong else ""
        place = predicted + 0.5, actual + 0.5
        axes.text(*place, text, ha="center", va="center", fontsize=SMALL, color="white" if dark else INK)
    for digit, share in enumerate((np.diag(counts) / images[:, 0]).tolist()):
        axes.text(CLASSES + 0.15, digit + 0.5, words.percent(share), va="center", fontsize=SMALL)
    axes.text(CLASSES + 0.15, -0.1, "recognised", fontsize=SMALL, color=GREY)
    axes.set_ylim(CLASSES, 0)
    axes.set_aspect("equal")
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(np.arange(CLASSES) + 0.5, [str(digit) for digit in range(CLASSES)])
    axes.tick_params(length=0)
    axes.set_xlabel("Taken for")
    axes.set_ylabel("Digit")


def draw_confusion(tables: StudyTables) -> ReportFigure:
    """Draws the confusion matrix of the network that is shown, and names the commonest confusions."""
    counts, top = _counts(tables.confusion), commonest(tables.confusion)
    figure = new_figure(5.4)
    matrix, margin = figure.subplots(1, 2, width_ratios=(3.1, 1))
    _matrix(matrix, counts)
    margin.set_axis_off()
    lines = [
        f"{row.actual} taken for {row.predicted}:\n{row.images:,} of {counts[row.actual].sum():,}"
        for row in top
    ]
    text = "\n\n".join(["The commonest\nconfusions", *lines])
    margin.text(0, 0.98, text, transform=margin.transAxes, va="top", fontsize=10, linespacing=1.3)
    settle(figure)
    shown = next(row for row in tables.networks if row.network == tables.summary.shown_network)
    name, total, wrong = words.network_name(shown), int(counts.sum()), int(counts.sum() - np.trace(counts))
    role = (
        "the recommended network"
        if tables.summary.reason is not None
        else "the network with the highest mean"
    )
    caption = (
        f"Mistakes of {name}, {role}, on {total:,} validation images, each judged by the run that did not "
        "train on it. Numbers are images; colour is their share of the digit's row; the diagonal is left "
        f"out, and its share stands at the right. {words.folds(tables.summary)}"
    )
    pairs = [f"{row.actual} taken for {row.predicted} ({counted(row.images, 'image')})" for row in top]
    told = f" The commonest confusions: {listed(pairs)}." if pairs else ""
    seen = f"Confusion matrix of {name}: {wrong:,} of {total:,} images are taken for another digit.{told}"
    return ReportFigure("confusion", "What is taken for what", caption, seen, figure)
