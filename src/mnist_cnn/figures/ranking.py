"""The networks by falling accuracy, with intervals that may be compared."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mnist_cnn.figures import words
from mnist_cnn.figures.style import (
    BAND,
    COLOURS,
    FAINT,
    GREY,
    INK,
    SMALL,
    ReportFigure,
    beside,
    new_figure,
    padded,
    percent_axis,
    settle,
)
from mnist_cnn.report.numbers import counted, given, listed
from mnist_cnn.selection import leading_names, leading_networks, network_cut
from mnist_cnn.tables import RankingRow, StudyTables

PURPLE, ORANGE = COLOURS[3], COLOURS[5]  # the first three are the kernels'


def _standing(row: RankingRow, margin: str) -> tuple[str, dict[str, Any]]:
    """Returns what is shown of a network, in words and as a look."""
    match row.may_be_best, row.within_margin:
        case True, True:
            return f"may be the best; within {margin} of it", {"marker": "D", "color": INK}
        case True, False:
            return f"may be the best; not shown within {margin}", {"marker": "d", "color": GREY}
        case False, True:
            return f"not the best, but within {margin} of it", {"marker": "s", "color": PURPLE}
        case _:
            return "worse than the best", {"marker": "o", "color": ORANGE, "markerfacecolor": "white"}


def _rows(axes: Axes, rows: Sequence[RankingRow], tables: StudyTables) -> list[Line2D]:
    """Draws a line a network; returns a legend entry for each standing that occurs."""
    keys: dict[str, Line2D] = {}
    for place, row in enumerate(rows):
        runs = [100 * run.validation_accuracy for run in tables.runs if run.network == row.network]
        axes.scatter(runs, [place + 0.27] * len(runs), s=10, color=FAINT, linewidths=0, zorder=2)
        words_, look = _standing(row, given(tables.summary.margin))
        mean, half = 100 * row.mean, 100 * row.comparison_half_width
        (mark,) = axes.plot(
            mean, place, linestyle="", markersize=7, markeredgewidth=1.6, zorder=4, label=words_, **look
        )
        axes.hlines(place, mean - half, mean + half, color=look["color"], linewidth=2.2, zorder=3)
        beside(axes, place, words.percent(row.mean), 52, "right")
        beside(axes, place, words.seconds(row.training_seconds), 100, "right")
        keys.setdefault(words_, mark)
    axes.set_yticks(range(len(rows)), [words.network_name(row) for row in rows])
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if row.recommended else "normal")
    return list(keys.values())


def _leading(tables: StudyTables) -> list[RankingRow]:
    """Returns the rows that are shown, by falling mean."""
    names = set(leading_networks(tables))
    return [row for row in tables.ranking if row.network in names]


def _limits(tables: StudyTables) -> tuple[float, float]:
    """Returns the limits of the accuracies that are shown, in percent."""
    rows = _leading(tables)
    names = {row.network for row in rows}
    values = [100 * run.validation_accuracy for run in tables.runs if run.network in names]
    values += [100 * (row.mean + sign * row.comparison_half_width) for row in rows for sign in (-1, 1)]
    return padded(values, 0.04)


def draw_ranking(tables: StudyTables) -> ReportFigure | None:
    """Draws the ranking; None where there is one fold, which allows no comparison."""
    if not tables.ranking:
        return None
    rows, summary = _leading(tables), tables.summary
    figure = new_figure(1.5 + 0.27 * len(rows))
    axes = figure.subplots()
    best, margin = 100 * rows[0].mean, 100 * summary.margin
    axes.axvspan(best - margin, best, color=BAND, zorder=0)
    low, high = _limits(tables)
    percent_axis(axes, "x", (low, high))
    if low <= 100 * summary.target <= high:
        axes.axvline(100 * summary.target, color=INK, linewidth=1.1, linestyle=(0, (5, 4)), zorder=1)
        above: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "fontsize": SMALL}
        axes.text(100 * summary.target, 1.005, "target", **above)
    keys = _rows(axes, rows, tables)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Validation accuracy, %")
    figure.legend(handles=keys, loc="outside upper left", ncols=2, handletextpad=0.2, columnspacing=1.4)
    settle(figure)
    return ReportFigure("ranking", "Which networks differ", _caption(tables), _seen(tables), figure)


def _caption(tables: StudyTables) -> str:
    summary = tables.summary
    low, high = _limits(tables)
    target = (
        f"dashed: the target of {words.given_percent(summary.target)}; "
        if low <= summary.target * 100 <= high
        else ""
    )
    bold = "bold: the recommended network; " if summary.reason is not None else ""
    return (
        f"{network_cut(tables)}Mean validation accuracy with its comparison interval: two networks "
        f"whose bars do not overlap differ (Tukey, {words.confidence(summary)} for all pairs together). "
        f"Marks: what is shown against the best (Hsu). Grey points below the bars: the single folds; grey "
        f"band: within {given(summary.margin)} percentage points of the highest mean; {bold}{target}"
        "at the right: mean accuracy and median training time (CPU seconds of one thread on this "
        f"machine). {words.folds(summary)}"
    )


def _seen(tables: StudyTables) -> str:
    rows = tables.ranking
    best, last = rows[0], rows[-1]
    top = [words.network_name(row) for row in rows if row.may_be_best]
    within = sum(row.within_margin for row in rows)
    return (
        f"{counted(len(rows), 'network')} by falling mean accuracy, from {words.network_name(best)} with "
        f"{words.percent(best.mean)} to {words.network_name(last)} with {words.percent(last.mean)}; each bar "
        f"reaches {words.points(best.comparison_half_width)} points to either side. May be the best: "
        f"{listed(leading_names(top))}. Shown within {given(tables.summary.margin)} points of the best: "
        f"{within} of {len(rows)}."
    )
