"""Learning curves, a column a layout."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from mnist_cnn.figures import words
from mnist_cnn.figures.style import (
    INK,
    KernelLook,
    ReportFigure,
    kernel_looks,
    log_axis,
    log_padded,
    new_figure,
    settle,
)
from mnist_cnn.report.numbers import counted
from mnist_cnn.selection import layout_cut, leading_layouts
from mnist_cnn.tables import CurveRow, StudyTables

Value = Callable[[CurveRow], float]
MOST_COLUMNS = 5  # panels beside each other
MOST_LAYOUTS = 10
FOLDS_UP_TO = 20  # networks; of more, the folds' own lines would be a haze
LEAST_ERROR = 1e-4  # a stretch without an error has no place on a log axis
ACCURACIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)


def _error(accuracy: float) -> float:
    return max(1 - accuracy, LEAST_ERROR)


LOSSES: tuple[tuple[Value, str], ...] = (
    (lambda row: row.train_loss, "--"),
    (lambda row: row.validation_loss, "-"),
)
ERRORS: tuple[tuple[Value, str], ...] = (
    (lambda row: _error(row.train_accuracy), "--"),
    (lambda row: _error(row.validation_accuracy), "-"),
)


def _columns(count: int) -> int:
    """Returns how many panels stand beside each other, so that the rows are equally full."""
    rows = -(-count // MOST_COLUMNS)
    return -(-count // rows)


def _folds(rows: Sequence[CurveRow], value: Value) -> list[list[tuple[float, float]]]:
    """Returns a line of (epoch, value) for each fold."""
    ordered = sorted(rows, key=lambda row: (row.fold, row.epoch))
    return [[(row.epoch, value(row)) for row in one] for _, one in groupby(ordered, lambda row: row.fold)]


def _mean_curve(
    axes: Axes, folds: Sequence[Sequence[tuple[float, float]]], look: KernelLook, dash: str
) -> None:
    """Draws the mean of the folds' lines; the end of a solid one has the kernel's marker."""
    at: dict[float, list[float]] = defaultdict(list)
    for epoch, height in chain.from_iterable(folds):
        at[epoch].append(height)
    whole = [epoch for epoch in sorted(at) if len(at[epoch]) == len(folds)]
    means = [float(np.mean(at[epoch])) for epoch in whole]
    axes.plot(whole, means, color=look.colour, linestyle=dash, linewidth=1.4, zorder=3)
    if dash == "-":
        axes.plot(whole[-1:], means[-1:], color=look.colour, marker=look.marker, markersize=5, zorder=4)


def _accuracy_axis(axes: Axes, errors: Sequence[float]) -> None:
    """Makes an axis of accuracies in which their errors stand on a log scale, so that 99 % is seen apart."""
    low, high = log_padded(errors, 0.04)
    axes.set_yscale("log")
    axes.set_ylim(high, low)
    ticks = [1 - accuracy for accuracy in ACCURACIES if low <= 1 - accuracy <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{100 * (1 - tick):.2f}" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())


def draw_learning_curves(tables: StudyTables) -> ReportFigure:
    """Draws loss and accuracy against epochs, in training and validation."""
    names = leading_layouts(tables, MOST_LAYOUTS)
    curves = [row for row in tables.learning_curves if row.model in names]
    looks = kernel_looks([row.kernel_size for row in tables.networks])
    columns = _columns(len(names))
    bands = -(-len(names) // columns)
    figure = new_figure(0.8 + 4.4 * bands)
    grid = figure.subplots(2 * bands, columns, squeeze=False, sharex=True)
    for axes in grid[-2:, len(names) - columns * (bands - 1) :].flat:
        axes.set_axis_off()
    for place, name in enumerate(names):
        pair = [grid[2 * (place // columns) + i, place % columns] for i in (0, 1)]
        pair[0].set_title(name, fontsize=9.5)
        here = [row for row in curves if row.model == name]
        for axes, kinds in zip(pair, (LOSSES, ERRORS), strict=True):
            for size, look in looks.items():
                for value, dash in kinds:
                    folds = _folds([row for row in here if row.kernel_size == size], value)
                    _mean_curve(axes, folds, look, dash)
                    if len(tables.networks) <= FOLDS_UP_TO:
                        thin: dict[str, Any] = {
                            "colors": look.colour,
                            "linewidths": 0.5,
                            "alpha": 0.25,
                            "linestyles": dash,
                        }
                        axes.add_collection(LineCollection(folds, **thin), autolim=False)
        _shared_axes(pair, curves, first=place % columns == 0, last=place + columns >= len(names))
    keys = [Line2D([], [], color=INK, linestyle="--", label="training")]
    keys += [Line2D([], [], color=INK, label="validation")]
    keys += [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=5, label=words.kernel_name(size))
        for size, look in looks.items()
    ]
    figure.legend(handles=keys, loc="outside upper left", ncols=7, columnspacing=1.2, handlelength=2.2)
    settle(figure)
    return ReportFigure(
        "learning_curves", "Learning curves", _caption(tables, names), _seen(tables, curves), figure
    )


def _shared_axes(pair: Sequence[Axes], curves: Sequence[CurveRow], *, first: bool, last: bool) -> None:
    """Gives every panel the same limits, and labels those at the edge."""
    loss, accuracy = pair
    log_axis(loss, "y", log_padded([value(row) for row in curves for value, _ in LOSSES], 0.04))
    _accuracy_axis(accuracy, [value(row) for row in curves for value, _ in ERRORS])
    loss.set_xlim(0, 1.04 * max(row.epoch for row in curves))
    loss.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    loss.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for axes, label in ((loss, "Loss, nats (log scale)"), (accuracy, "Accuracy, %")):
        axes.grid(axis="y", color="#ececec", linewidth=0.7)
        axes.tick_params(labelleft=first, labelbottom=last and axes is accuracy)
        if first:
            axes.set_ylabel(label)
    if last:
        accuracy.set_xlabel("Epochs")


def _caption(tables: StudyTables, shown: Sequence[str]) -> str:
    thin = (
        "Thick: the mean over the folds; thin: the single folds. "
        if len(tables.networks) <= FOLDS_UP_TO
        else "Lines are means over the folds. "
    )
    return (
        f"{layout_cut(tables, shown)}Dashed: on the images trained on since the point before; solid: on "
        f"validation images. {thin}Accuracy stands on a log scale of its error: equal steps are equal "
        "ratios of errors. The curves are measured on a part of the validation images. "
        f"{words.folds(tables.summary)}"
    )


def _seen(tables: StudyTables, curves: Sequence[CurveRow]) -> str:
    last = {(row.model, row.kernel_size, row.fold): row for row in sorted(curves, key=lambda row: row.epoch)}
    ends = list(last.values())
    low, high = min(ends, key=_validation_loss), max(ends, key=_validation_loss)
    layouts_ = counted(len({row.model for row in curves}), "layout")
    return (
        f"Small multiples of loss and accuracy over {tables.summary.epochs:g} epochs, for {layouts_}. At "
        f"the end the runs' validation losses lie between {low.validation_loss:.3f} ({low.model} "
        f"{words.kernel_name(low.kernel_size)}) and {high.validation_loss:.3f} nats ({high.model} "
        f"{words.kernel_name(high.kernel_size)}), and their validation accuracies between "
        f"{words.percent(min(row.validation_accuracy for row in ends))} and "
        f"{words.percent(max(row.validation_accuracy for row in ends))}."
    )


def _validation_loss(row: CurveRow) -> float:
    return row.validation_loss
