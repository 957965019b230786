"""Accuracy and time of every cell of the grid, as numbers on colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mnist_cnn.figures import words
from mnist_cnn.figures.grid import accuracy, kernel_sizes, seconds
from mnist_cnn.figures.style import INK, SMALL, ReportFigure, new_figure, settle
from mnist_cnn.selection import layout_cut, leading_layouts
from mnist_cnn.tables import NetworkRow, StudyTables

SIDE_BY_SIDE_UP_TO = 6  # kernels; the cells of more would be narrower than their numbers
FRAME = "#D55E00"
Cells = Sequence[Sequence[NetworkRow]]  # rows are layouts, columns kernels


def _heat_map(axes: Axes, values: NDArray[np.float64], norm: Normalize, texts: Sequence[str]) -> None:
    """Draws a table of numbers on colours; light type on dark cells."""
    mesh = axes.pcolormesh(values, cmap="cividis", norm=norm, edgecolors="white", linewidth=1.5)
    for ((row, column), value), text in zip(np.ndenumerate(values), texts, strict=True):
        red, green, blue, _ = mesh.cmap(float(norm(value)))
        colour = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 1.1}
        axes.text(column + 0.5, row + 0.5, text, color=colour, **look)
    axes.set_ylim(len(values), 0)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _with_spread(row: NetworkRow) -> str:
    mean, std = f"{accuracy(row):.2f}", row.validation_accuracy_std
    return mean if std is None else f"{mean}\n±{words.points(std)}"


def _label(axes: Axes, title: str, kernels: Sequence[int], names: Sequence[str]) -> None:
    axes.set_title(title)
    axes.set_xticks(np.arange(len(kernels)) + 0.5, [words.kernel_name(size) for size in kernels])
    axes.set_yticks(np.arange(len(names)) + 0.5, names)


def draw_heat_maps(tables: StudyTables) -> ReportFigure:
    """Draws accuracy and time as tables of layouts and kernels on colours."""
    names, kernels = leading_layouts(tables), kernel_sizes(tables)
    by_place = {(row.model, row.kernel_size): row for row in tables.networks}
    cells = [[by_place[name, size] for size in kernels] for name in names]
    side_by_side, height = len(kernels) <= SIDE_BY_SIDE_UP_TO, 0.44 * len(names)
    figure = new_figure(0.9 + height if side_by_side else 1.6 + 2 * height)
    left, right = figure.subplots(*((1, 2) if side_by_side else (2, 1)))
    flat = [row for line in cells for row in line]
    percents = np.array([[accuracy(row) for row in line] for line in cells])
    times = np.array([[seconds(row) for row in line] for line in cells])
    _heat_map(left, percents, _norm(percents, Normalize), [_with_spread(row) for row in flat])
    _heat_map(right, times, _norm(times, LogNorm), [words.seconds(seconds(row)) for row in flat])
    _label(left, "Validation accuracy, %", kernels, names)
    _label(right, "Training time, CPU seconds", kernels, [""] * len(names) if side_by_side else names)
    for axes in (left, right):
        _frame(axes, tables, cells)
    settle(figure)
    title = "The whole grid in numbers"
    return ReportFigure("heat_maps", title, _caption(tables, names), _seen(tables), figure)


def _norm(values: NDArray[np.float64], kind: type[Normalize]) -> Normalize:
    """Maps values to colours; equal values to one colour."""
    low, high = float(values.min()), float(values.max())
    return kind(low, high if high > low else low * 1.01)


def _frame(axes: Axes, tables: StudyTables, cells: Cells) -> None:
    """Frames the recommended network, if there is one and it is shown."""
    look: dict[str, Any] = {"fill": False, "edgecolor": FRAME, "linewidth": 3, "clip_on": False, "zorder": 5}
    for place, line in enumerate(cells):
        for column, row in enumerate(line):
            if row.network == tables.summary.shown_network and tables.summary.reason is not None:
                axes.add_patch(Rectangle((column, place), 1, 1, **look))


def _caption(tables: StudyTables, shown: Sequence[str]) -> str:
    summary = tables.summary
    several = len(summary.folds) > 1
    spread = (
        "mean validation accuracy ± standard deviation over the folds"
        if several
        else "validation accuracy of the one fold"
    )
    frame = "Framed: the recommended network. " if summary.reason is not None else ""
    apart = "Which of them differ is seen in the ranking, not here. " if tables.ranking else ""
    return (
        f"{layout_cut(tables, shown)}In percent: {spread}; in seconds: the median training time (CPU "
        "seconds of one thread on this machine; colours on a log scale). "
        f"{frame}{apart}{words.folds(summary)}"
    )


def _seen(tables: StudyTables) -> str:
    by_accuracy = sorted(tables.networks, key=accuracy)
    by_time = sorted(tables.networks, key=seconds)
    (low, high), (fast, slow) = (by_accuracy[0], by_accuracy[-1]), (by_time[0], by_time[-1])
    return (
        f"Two tables with coloured cells. Accuracy from {words.percent(low.validation_accuracy)} "
        f"({words.network_name(low)}) to {words.percent(high.validation_accuracy)} "
        f"({words.network_name(high)}); time from {words.seconds(fast.training_seconds)} "
        f"({words.network_name(fast)}) to {words.seconds(slow.training_seconds)} "
        f"({words.network_name(slow)})."
    )
