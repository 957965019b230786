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
    padded,
    percent_axis,
    settle,
)
from mnist_cnn.report.numbers import counted, given, listed
from mnist_cnn.tables import NetworkRow, StudyTables

ALL_LABELLED_UP_TO = 20  # networks; of more, only those on the Pareto line and the recommended one


def _limits(tables: StudyTables) -> tuple[float, float]:
    """Returns the limits of the accuracies, in percent; the target is inside if it is not far away."""
    values = [100 * run.validation_accuracy for run in tables.runs]
    values += [100 * bound for row in tables.ranking for bound in (row.lower, row.upper)]
    low, high = padded(values)
    target = 100 * tables.summary.target
    near = low - (high - low) <= target <= high + (high - low)
    return padded([*values, target]) if near else (low, high)


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
    """Draws the runs, faint, and each network with its interval; rings the recommended one."""
    looks = kernel_looks([row.kernel_size for row in tables.networks])
    intervals = {row.network: (100 * row.lower, 100 * row.upper) for row in tables.ranking}
    for size, look in looks.items():
        runs = [run for run in tables.runs if run.kernel_size == size]
        x, y = [run.training_seconds for run in runs], [100 * run.validation_accuracy for run in runs]
        axes.scatter(x, y, s=9, marker=look.marker, color=look.colour, alpha=0.28, linewidths=0, zorder=1.5)
        rows = [row for row in tables.networks if row.kernel_size == size]
        bars = [(row.training_seconds, *intervals[row.network]) for row in rows if row.network in intervals]
        if bars:
            axes.vlines(*zip(*bars, strict=True), color=look.colour, linewidth=1.2, zorder=3)
        x, y = [row.training_seconds for row in rows], [100 * row.validation_accuracy for row in rows]
        axes.scatter(
            x, y, s=46, marker=look.marker, color=look.colour, edgecolors="white", linewidths=0.7, zorder=4
        )
    if tables.summary.reason is not None:
        shown = _shown(tables)
        place = shown.training_seconds, 100 * shown.validation_accuracy
        axes.scatter(*place, s=230, facecolors="none", edgecolors=INK, linewidths=1.8, zorder=5)


def _shown(tables: StudyTables) -> NetworkRow:
    return next(row for row in tables.networks if row.network == tables.summary.shown_network)


def _label(axes: Axes, tables: StudyTables, front: Sequence[NetworkRow]) -> None:
    """Writes the names beside the points, the important ones first."""
    first = [row for row in tables.networks if row.network == tables.summary.shown_network]
    first += [row for row in front if row not in first]
    others = sorted(
        (row for row in tables.networks if row not in first), key=lambda row: row.training_seconds
    )
    rows = first + others if len(tables.networks) <= ALL_LABELLED_UP_TO else first
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
    for row in tables.networks:
        x, y = axes.transData.transform((row.training_seconds, 100 * row.validation_accuracy))
        ringed = row.network == tables.summary.shown_network and tables.summary.reason is not None
        half = (9 if ringed else 5) * POINT
        boxes.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    return boxes


def _disliked(axes: Axes, tables: StudyTables, front: Sequence[NetworkRow]) -> list[tuple[float, float]]:
    """Returns points in pixels that names had better not cover: runs, and dots along all lines."""
    runs = [(run.training_seconds, 100 * run.validation_accuracy) for run in tables.runs]
    median = {row.network: row.training_seconds for row in tables.networks}
    lines = [[(median[row.network], 100 * y) for y in (row.lower, row.upper)] for row in tables.ranking]
    for left, right in pairwise(front):
        low, high = 100 * left.validation_accuracy, 100 * right.validation_accuracy
        start, end = left.training_seconds, right.training_seconds
        lines += [[(start, low), (end, low)], [(end, low), (end, high)]]
    lines += [[(x, 100 * tables.summary.target) for x in axes.get_xlim()]]
    dots = [dot for line in lines for dot in dots_along(*axes.transData.transform(line))]
    return dots + [(float(x), float(y)) for x, y in axes.transData.transform(runs)]


def draw_accuracy_time(tables: StudyTables) -> ReportFigure:
    """Draws accuracy against training time."""
    figure = new_figure(5.6)
    axes = figure.subplots()
    front = pareto(tables.networks)
    percent_axis(axes, "y", _limits(tables))
    log_axis(axes, "x", log_padded([run.training_seconds for run in tables.runs]), "{} s")
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
        "accuracy_time", "Accuracy against training time", _caption(tables), _seen(tables, front), figure
    )


def _caption(tables: StudyTables) -> str:
    summary = tables.summary
    bars = (
        f"bar: {words.confidence(summary)} t interval of that mean, each network by itself (to compare "
        "networks, see the ranking). "
        if tables.ranking
        else "one fold gives no interval. "
    )
    ring = "Ringed and bold: the recommended network. " if summary.reason is not None else ""
    named = "" if len(tables.networks) <= ALL_LABELLED_UP_TO else "Only networks on that line are named. "
    outside = 100 * summary.target
    low, high = _limits(tables)
    where = "below" if outside < low else "above"
    beyond = (
        ""
        if low <= outside <= high
        else f"The target of {words.given_percent(summary.target)} is {where} it. "
    )
    return (
        f"Each large mark is a network: mean validation accuracy and median training time; {bars}"
        f"Small marks are the single runs. Stepped line: no other network is both faster and more accurate. "
        f"Grey band: within {given(summary.margin)} percentage points of the highest mean. "
        f"{beyond}{ring}{named}{words.folds(summary)} Seconds are CPU seconds "
        "of one thread on this machine."
    )


def _seen(tables: StudyTables, front: Sequence[NetworkRow]) -> str:
    rows, summary, shown = tables.networks, tables.summary, _shown(tables)
    best = next(row for row in rows if row.network == summary.most_accurate)
    fastest = min(rows, key=lambda row: row.training_seconds)
    role = "Recommended" if summary.reason is not None else "Highest mean"
    return (
        f"Scatter plot of {counted(len(rows), 'network')}. Fastest: {_numbers(fastest)}. "
        f"Most accurate: {_numbers(best)}. {role}: {_numbers(shown)}. "
        f"Mean at or above the target of {words.given_percent(summary.target)}: {summary.meeting_target} of "
        f"{counted(len(rows), 'network')}. "
        f"On the line of the best trade-offs: {listed([words.network_name(row) for row in front])}."
    )


def _numbers(row: NetworkRow) -> str:
    return (
        f"{words.network_name(row)} with {words.percent(row.validation_accuracy)} "
        f"in {words.seconds(row.training_seconds)}"
    )
