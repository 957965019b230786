"""The effects of the kernel and of the layers on accuracy, with confidence intervals."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, GREY, MarkerStyle
from mnist_cnn.reporting.text import percent, phrases

VERDICTS = {  # the text is darker than the marker, so that it can be read
    "more": MarkerStyle("#0072B2", "o", "#0067A0"),
    "at_most": MarkerStyle("#009E73", "D", "#00775A"),
    "undecided": MarkerStyle("#E69F00", "s", "#8F6200"),
}


def _draw_rows(axes: Axes, effects: pd.DataFrame, summary: StudySummary) -> None:
    """Draws one interval per row, with the estimate and the verdict at its right."""
    for y, row in enumerate(style.rows(effects)):
        verdict = VERDICTS[row.verdict]
        axes.hlines(y, 100 * row.lower, 100 * row.upper, color=verdict.colour, linewidth=3)
        axes.plot(100 * row.estimate, y, marker=verdict.marker, color=verdict.colour, markersize=9)
        style.annotate_right(axes, y, percent("en", row.estimate, signed=True), 10)
        label = phrases().verdict_label(row.verdict, f"{100 * summary.margin:g}")
        style.annotate_right(axes, y, label, 62, color=verdict.text_colour, fontweight="bold")
    factors = effects["factor"].tolist()
    for y in (i for i in range(1, len(factors)) if factors[i] != factors[i - 1]):
        axes.axhline(y - 0.5, color=style.FAINT, linewidth=0.8)
    style.row_axis(axes, [phrases().change(row) for row in style.rows(effects)])


@style.figure_style()
def draw(effects: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws the planned effects on accuracy with their simultaneous intervals, in percentage points.

    Args:
        effects: plots/effects.csv, at most eight rows.
        summary: The margin.

    Returns:
        The figure. The band is the margin on both sides of no effect.
    """
    margin = 100 * summary.margin
    figure = style.new_figure(1.0 + 0.42 * max(len(effects), 1))
    axes = figure.subplots()
    axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    _draw_rows(axes, effects, summary)
    ends = pd.concat([effects["estimate"], effects["lower"], effects["upper"]])
    axes.set_xlim(*style.padded_limits([*(100 * ends), -1.1 * margin, 1.1 * margin], 0.03))
    style.percent_axis(axes.xaxis)
    axes.set_xlabel("Change of accuracy, percentage points")
    return figure
