"""The lead figure: what accuracy costs which training time."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from mnist_cnn.figures import words
from mnist_cnn.figures.grid import pareto
from mnist_cnn.figures.labels import POINT, Mark, dots_along, place_labels, spread_beside
from mnist_cnn.figures.style import (
    BAND,
    GREY,
    INK,
    ReportFigure,
    beside,
    kernel_keys,
    kernel_looks,
    log_axis,
    log_padded,
    new_figure,
    percent_axis,
    settle,
)
from mnist_cnn.figures.tradeoff import (
    caption,
    foremost,
    large_marks,
    limits,
    seen,
    shown_network,
    small_marks,
    with_bars,
)
from mnist_cnn.report.numbers import given
from mnist_cnn.selection import ALL_NAMED_UP_TO
from mnist_cnn.tables import NetworkRow, StudyTables


def _lines(axes: Axes, tables: StudyTables, front: Sequence[NetworkRow]) -> list[Annotation]:
    """Draws the band, the target and the Pareto line; returns the words beside the first two."""
    summary, best = tables.summary, max(100 * row.validation_accuracy for row in tables.networks)
    margin, target = 100 * summary.margin, 100 * summary.target
    axes.axhspan(best - margin, best, color=BAND, zorder=0)
    middle = (max(best - margin, axes.get_ylim()[0]) + best) / 2
    texts = [beside(axes, middle, f"within {given(summary.margin)}\nof the best", 16)]
    if axes.get_ylim()[0] <= target <= axes.get_ylim()[1]:
        axes.axhline(target, color=INK, linewidth=1.1, linestyle=(0, (5, 4)), zorder=1)
        texts.append(beside(axes, target, f"target\n{words.given_percent(summary.target)}", 16))
    axes.step(
        [row.training_seconds for row in front],
        [100 * row.validation_accuracy for row in front],
        where="post",
        color=GREY,
        linewidth=1.3,
        zorder=2,
    )
    return texts


def _points(axes: Axes, tables: StudyTables) -> None:
    """Draws the small marks, faint, and networks with their intervals; rings the recommended one."""
    looks = kernel_looks([row.kernel_size for row in tables.networks])
    intervals = {row.network: (100 * row.lower, 100 * row.upper) for row in with_bars(tables)}
    for size, look in looks.items():
        small = [row for row in small_marks(tables) if row.kernel_size == size]
        x, y = [row.training_seconds for row in small], [100 * row.validation_accuracy for row in small]
        axes.scatter(x, y, s=9, marker=look.marker, color=look.colour, alpha=0.28, linewidths=0, zorder=1.5)
        rows = [row for row in large_marks(tables) if row.kernel_size == size]
        bars = [(row.training_seconds, *intervals[row.network]) for row in rows if row.network in intervals]
        if bars:
            axes.vlines(*zip(*bars, strict=True), color=look.colour, linewidth=1.2, zorder=3)
        x, y = [row.training_seconds for row in rows], [100 * row.validation_accuracy for row in rows]
        axes.scatter(
            x, y, s=46, marker=look.marker, color=look.colour, edgecolors="white", linewidths=0.7, zorder=4
        )
    if tables.summary.reason is not None:
        shown = shown_network(tables)
        place = shown.training_seconds, 100 * shown.validation_accuracy
        axes.scatter(*place, s=230, facecolors="none", edgecolors=INK, linewidths=1.8, zorder=5)


def _label(axes: Axes, tables: StudyTables, front: Sequence[NetworkRow]) -> None:
    """Writes the names beside the points, the important ones first."""
    rows = foremost(tables)
    if len(tables.networks) <= ALL_NAMED_UP_TO:
        others = (row for row in tables.networks if row not in rows)
        rows += sorted(others, key=lambda row: row.training_seconds)
    marks = [
        Mark(
            row.training_seconds,
            100 * row.validation_accuracy,
            words.network_name(row),
            row.network == tables.summary.shown_network and tables.summary.reason is not None,
        )
        for row in rows
    ]
    place_labels(axes, marks, _blocked(axes, tables), _disliked(axes, tables, front))


def _blocked(axes: Axes, tables: StudyTables) -> list[Bbox]:
    """Returns the boxes of the markers and of the ring, in pixels."""
    boxes = []
    for row in large_marks(tables):
        x, y = axes.transData.transform((row.training_seconds, 100 * row.validation_accuracy))
        ringed = row.network == tables.summary.shown_network and tables.summary.reason is not None
        half = (9 if ringed else 5) * POINT
        boxes.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    return boxes


def _disliked(axes: Axes, tables: StudyTables, front: Sequence[NetworkRow]) -> list[tuple[float, float]]:
    """Returns points in pixels that names had better not cover: small marks, and dots along all lines."""
    small = [(row.training_seconds, 100 * row.validation_accuracy) for row in small_marks(tables)]
    median = {row.network: row.training_seconds for row in tables.networks}
    lines = [[(median[row.network], 100 * y) for y in (row.lower, row.upper)] for row in with_bars(tables)]
    for left, right in pairwise(front):
        low, high = 100 * left.validation_accuracy, 100 * right.validation_accuracy
        start, end = left.training_seconds, right.training_seconds
        lines += [[(start, low), (end, low)], [(end, low), (end, high)]]
    lines += [[(x, 100 * tables.summary.target) for x in axes.get_xlim()]]
    dots = [dot for line in lines for dot in dots_along(*axes.transData.transform(line))]
    return dots + [(float(x), float(y)) for x, y in axes.transData.transform(small)]


def draw_accuracy_time(tables: StudyTables) -> ReportFigure:
    """Draws accuracy against training time."""
    figure = new_figure(5.6)
    axes = figure.subplots()
    front = pareto(tables.networks)
    percent_axis(axes, "y", limits(tables))
    log_axis(axes, "x", log_padded([row.training_seconds for row in small_marks(tables)]), "{} s")
    axes.set_xlabel("Training time, CPU (log scale)")
    axes.set_ylabel("Validation accuracy, %")
    texts = _lines(axes, tables, front)
    _points(axes, tables)
    keys = kernel_keys(kernel_looks([row.kernel_size for row in tables.networks]))
    figure.legend(handles=keys, loc="outside upper left", ncols=len(keys), title=None, handletextpad=0.1)
    settle(figure)
    spread_beside(axes, texts)
    _label(axes, tables, front)
    return ReportFigure(
        "accuracy_time", "Accuracy against training time", caption(tables), seen(tables, front), figure
    )
