"""Does the kernel do the same in all layouts?"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from mnist_cnn.figures import words
from mnist_cnn.figures.grid import accuracy, kernel_sizes, seconds
from mnist_cnn.figures.labels import spread_beside
from mnist_cnn.figures.style import (
    GREY,
    ReportFigure,
    beside,
    kernel_looks,
    log_axis,
    log_padded,
    new_figure,
    padded,
    percent_axis,
    settle,
)
from mnist_cnn.selection import layout_cut, leading_layouts
from mnist_cnn.tables import NetworkRow, RunRow, StudyTables

Value = Callable[[NetworkRow | RunRow], float]
LONG_TICKS_UP_TO = 5  # kernels; the names of more would run into each other
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 3)), (0, (3, 1, 1, 1, 1, 1)))


def _dodge(count: int) -> list[float]:
    """Returns by how much the layouts stand aside of their kernel's place, to be told apart."""
    return [float(shift) for shift in np.linspace(-0.22, 0.22, count)] if count > 1 else [0.0]


def _panel(axes: Axes, tables: StudyTables, names: Sequence[str], value: Value) -> None:
    """Draws a line a layout, each a little beside the others, and its runs."""
    sizes = kernel_sizes(tables)
    aside = dict(zip(names, _dodge(len(names)), strict=True))

    def place(row: NetworkRow | RunRow) -> float:
        return sizes.index(row.kernel_size) + aside[row.model]

    for turn, name in enumerate(names):
        rows = sorted((row for row in tables.networks if row.model == name), key=place)
        look: dict[str, Any] = {"color": GREY, "linestyle": DASHES[turn % len(DASHES)], "linewidth": 1.3}
        axes.plot([place(row) for row in rows], [value(row) for row in rows], zorder=2, **look)
    for size, kernel in kernel_looks(sizes).items():
        for table, big in ((tables.runs, False), (tables.networks, True)):
            cells = [row for row in table if row.kernel_size == size and row.model in aside]
            x, y = [place(row) for row in cells], [value(row) for row in cells]
            look = {"marker": kernel.marker, "color": kernel.colour, "linewidths": 0}
            look |= {"s": 40, "zorder": 3} if big else {"s": 9, "alpha": 0.35, "zorder": 1.5}
            axes.scatter(x, y, **look)
    long = len(sizes) <= LONG_TICKS_UP_TO
    axes.set_xticks(range(len(sizes)), [words.kernel_name(size) if long else str(size) for size in sizes])
    axes.set_xlim(-0.4, len(sizes) - 0.6)
    axes.set_xlabel("Kernel" if long else "Kernel size, pixels")


def _name_ends(axes: Axes, tables: StudyTables, names: Sequence[str], value: Value) -> list[Annotation]:
    """Writes each layout's name beside the axes, at the height where its line ends."""
    last = max(kernel_sizes(tables))
    ends = {row.model: value(row) for row in tables.networks if row.kernel_size == last}
    return [beside(axes, ends[name], name, 18) for name in names]


def draw_interaction(tables: StudyTables) -> ReportFigure:
    """Draws accuracy and training time against the kernel, a line a layout."""
    names = leading_layouts(tables)
    shown = [run for run in tables.runs if run.model in names]
    figure = new_figure(max(4.2, 1.6 + 0.26 * len(names)))
    left, right = figure.subplots(1, 2)
    percent_axis(left, "y", padded([accuracy(run) for run in shown]))
    log_axis(right, "y", log_padded([seconds(run) for run in shown]), "{} s")
    left.set_title("Validation accuracy, %", loc="left")
    right.set_title("Training time, CPU (log scale)", loc="left")
    texts = []
    for axes, value in ((left, accuracy), (right, seconds)):
        _panel(axes, tables, names, value)
        texts.append(_name_ends(axes, tables, names, value))
    settle(figure)
    starts = [len(kernel_sizes(tables)) - 1 + shift for shift in _dodge(len(names))]
    spread_beside(left, texts[0], starts)
    spread_beside(right, texts[1], starts)
    caption = (
        f"{layout_cut(tables, names)}Large marks: mean accuracy and median time of a network; small "
        "marks: its single runs (CPU seconds of one thread). Parallel lines mean that the kernel does the "
        f"same in every layout. {_depends(tables)}{words.folds(tables.summary)} Layouts stand a little "
        "beside each other to be told apart."
    )
    return ReportFigure("interaction", "Kernel and layout together", caption, _seen(tables, names), figure)


def _depends(tables: StudyTables) -> str:
    """Says whether there is one kernel effect to speak of, where the grid can tell."""
    depends = tables.summary.kernel_depends_on_layout
    if depends is None or len(leading_layouts(tables)) < 2 or len(kernel_sizes(tables)) < 2:
        return ""
    shown = "is shown" if depends else "is not shown"
    return f"The kernel's effect on accuracy {shown} to depend on the layout. "


def _seen(tables: StudyTables, names: Sequence[str]) -> str:
    """Says what each line does from the smallest to the largest kernel."""
    sentences = []
    for name in names:
        rows = sorted((row for row in tables.networks if row.model == name), key=lambda row: row.kernel_size)
        first, last = rows[0], rows[-1]
        if first is last:
            sentences.append(f"{name}: {words.percent(first.validation_accuracy)}.")
            continue
        sentences.append(
            f"{name}: {words.percent(first.validation_accuracy)} in {words.seconds(first.training_seconds)} "
            f"with {words.kernel_name(first.kernel_size)}, {words.percent(last.validation_accuracy)} in "
            f"{words.seconds(last.training_seconds)} with {words.kernel_name(last.kernel_size)}."
        )
    return "Lines of accuracy and of training time against the kernel. " + " ".join(sentences)
