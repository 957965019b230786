"""What one step in kernel size or number of layers does: the forest plot."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mnist_cnn.figures import words
from mnist_cnn.figures.style import (
    BAND,
    FAINT,
    GREY,
    INK,
    ReportFigure,
    beside,
    log_axis,
    log_padded,
    new_figure,
    padded,
    settle,
)
from mnist_cnn.report.numbers import counted, given, points_interval, ratio_interval
from mnist_cnn.statistics.contrasts import Factor
from mnist_cnn.statistics.effects import Direction
from mnist_cnn.tables import ALL_LAYOUTS, EffectRow, Response, StudyTables

MOST_ROWS = 40  # with more, the effects in each layout are dots
Spread = Sequence[EffectRow]  # one step of the kernel, in every layout


def step_name(row: EffectRow) -> str:
    """Returns `kernel 3×3 → 5×5`, `conv. layers 1 → 2`, and the layout that it holds for."""
    if row.factor is Factor.KERNEL:
        step = f"{words.kernel_name(row.low)} → {words.kernel_name(row.high)}"
        return f"kernel {step}" if row.scope == ALL_LAYOUTS else f"{row.scope}: {step}"
    kind = "conv." if row.factor is Factor.CONV else "linear"
    return f"{kind} layers {row.low} → {row.high}"


def _chosen(tables: StudyTables, response: Response) -> list[EffectRow | Spread]:
    """Returns averages over layouts; of the kernel, if its effect depends on the layout, those in each.

    If there are too many for a row each, the effects of a step in all layouts share one.
    """
    rows = [row for row in tables.effects if row.response == response]
    averages = [row for row in rows if row.scope == ALL_LAYOUTS]
    if not tables.summary.kernel_depends_on_layout:
        return [*averages]
    each = [row for row in rows if row.scope != ALL_LAYOUTS]
    steps = dict.fromkeys((row.low, row.high) for row in each)
    spreads = [[row for row in each if (row.low, row.high) == step] for step in steps]
    kernel: Sequence[EffectRow | Spread] = each if len(rows) <= MOST_ROWS else spreads
    return [*kernel, *(row for row in averages if row.factor is not Factor.KERNEL)]


def _name(row: EffectRow | Spread) -> str:
    if isinstance(row, EffectRow):
        return step_name(row)
    return f"kernel {words.kernel_name(row[0].low)} → {words.kernel_name(row[0].high)}\nin each layout"


def _dots(axes: Axes, place: int, rows: Spread, scale: float) -> None:
    """Draws the effects of one step in all layouts; dark where a direction is shown."""
    ordered = sorted(rows, key=lambda row: row.estimate)
    aside = np.linspace(-0.3, 0.3, 7)[np.arange(len(rows)) * 3 % 7]  # neighbours do not hide each other
    colours = [FAINT if row.direction is Direction.NONE else INK for row in ordered]
    estimates = [scale * row.estimate for row in ordered]
    axes.scatter(estimates, place + aside, s=12, color=colours, alpha=0.6, linewidths=0, zorder=3)


def _bars(axes: Axes, rows: Sequence[EffectRow | Spread], scale: float) -> None:
    """Draws estimates with intervals; filled where a direction is shown."""
    for place, row in enumerate(rows):
        if not isinstance(row, EffectRow):
            _dots(axes, place, row, scale)
            continue
        axes.hlines(place, scale * row.lower, scale * row.upper, color=INK, linewidth=2.0, zorder=3)
        face = "white" if row.direction is Direction.NONE else INK
        axes.scatter(scale * row.estimate, place, s=44, color=INK, facecolors=face, linewidths=1.5, zorder=4)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _verdict(row: EffectRow | Spread) -> str:
    """Returns estimate and verdict on two lines; a star if another analysis changes it."""
    if not isinstance(row, EffectRow):
        low, high = (limit(one.estimate for one in row) for limit in (min, max))
        return f"{words.signed_points(low)} to {words.signed_points(high)}\nin {counted(len(row), 'layout')}"
    words_ = f"{words.signed_points(row.estimate)}: {row.verdict}".split()
    split = (len(words_) + 1) // 2
    star = " *" if row.root_changes or row.overlap_changes else ""
    return " ".join(words_[:split]) + "\n" + " ".join(words_[split:]) + star


def _accuracy_panel(axes: Axes, rows: Sequence[EffectRow | Spread], margin: float) -> None:
    axes.axvspan(-100 * margin, 100 * margin, color=BAND, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1.0, zorder=1)
    _bars(axes, rows, 100)
    values = [100 * value for row in rows for value in _extent(row)]
    axes.set_xlim(*padded([*values, -100 * margin, 100 * margin]))
    axes.set_xlabel("Change in accuracy,\npercentage points")
    for place, row in enumerate(rows):
        beside(axes, place, _verdict(row), 8)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])


def _extent(row: EffectRow | Spread) -> list[float]:
    """Returns what has to be inside the axes: an interval, or the estimates."""
    return [row.lower, row.upper] if isinstance(row, EffectRow) else [one.estimate for one in row]


def _ratio(row: EffectRow | Spread) -> str:
    if isinstance(row, EffectRow):
        return words.ratio(row.estimate)
    low, high = (limit(one.estimate for one in row) for limit in (min, max))
    return f"{words.ratio(low)} to\n{words.ratio(high)}"


def _time_panel(axes: Axes, rows: Sequence[EffectRow | Spread]) -> None:
    axes.axvline(1, color=GREY, linewidth=1.0, zorder=1)
    _bars(axes, rows, 1)
    log_axis(axes, "x", log_padded([1, *(value for row in rows for value in _extent(row))]), "×{}")
    axes.set_xlabel("Training time, times as long\n(log scale)")
    for place, row in enumerate(rows):
        beside(axes, place, _ratio(row), 8)
    axes.set_yticks([])


def draw_effects(tables: StudyTables) -> ReportFigure | None:
    """Draws the effects; None where the grid or the folds allow none."""
    accuracy = _chosen(tables, "validation_accuracy")
    time = _chosen(tables, "training_seconds")
    if not accuracy:
        return None
    figure = new_figure(1.3 + 0.42 * len(accuracy))
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _accuracy_panel(left, accuracy, tables.summary.margin)
    _time_panel(right, time)
    settle(figure)
    return ReportFigure(
        "effects",
        "What kernel size and layers do",
        _caption(tables, accuracy),
        _seen(accuracy, time, tables.summary.margin),
        figure,
    )


def _caption(tables: StudyTables, rows: Sequence[EffectRow | Spread]) -> str:
    summary = tables.summary
    starred = any("*" in _verdict(row) for row in rows)
    star = "* Another analysis of the same runs changes this verdict. " if starred else ""
    return (
        "Each row is a step from the left to the right level, averaged over matched layouts and over all "
        f"that is not varied. Bars: {words.confidence(summary)} intervals that hold for all these rows of "
        f"a panel together (Bonferroni). Grey band: ±{given(summary.margin)} percentage points; "
        "less does not matter. Filled mark: a direction is shown. "
        f"{_each(tables, rows)}{star}{words.folds(summary)} Times are CPU seconds of one thread on this "
        "machine."
    )


def _each(tables: StudyTables, rows: Sequence[EffectRow | Spread]) -> str:
    """Says what becomes of the kernel's effect in each layout, where it is not the same in all."""
    if not tables.summary.kernel_depends_on_layout:
        return ""
    if not isinstance(rows[0], EffectRow):
        return (
            f"The kernel's effect depends on the layout: small dots are its estimates in each of the "
            f"{counted(len(rows[0]), 'layout')}, dark where a direction is shown. "
        )
    return (
        "The kernel's effect depends on the layout: rows that name a layout hold for it alone, and their "
        "intervals together. "
    )


def _seen(accuracy: Sequence[EffectRow | Spread], time: Sequence[EffectRow | Spread], margin: float) -> str:
    sentences = []
    for row, cost in zip(accuracy, time, strict=True):
        if not isinstance(row, EffectRow) or not isinstance(cost, EffectRow):
            told = [text.replace("\n", " ") for text in (_name(row), _verdict(row), _ratio(cost))]
            sentences.append("{}: {}; time {}.".format(*told))
        elif row.scope == ALL_LAYOUTS:
            change = points_interval(row.estimate, row.lower, row.upper, margin, signed=True)
            ratio = ratio_interval(cost.estimate, cost.lower, cost.upper)
            sentences.append(
                f"{step_name(row)}: {change.estimate} points ({change.bounds}), {row.verdict}; "
                f"time ×{ratio.estimate} ({ratio.bounds})."
            )
    return "Forest plot. " + " ".join(sentences)
