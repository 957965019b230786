"""What the kernel and the layers do to the accuracy."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, GREY, Look

VERDICTS = {  # the words are darker than the marks, to be read
    "more": Look("#0072B2", "o", "#0067A0"),
    "at_most": Look("#009E73", "D", "#00775A"),
    "open": Look("#E69F00", "s", "#8F6200"),
}
FACTORS = {"kernel": "kernel", "conv": "conv layers", "linear": "linear layers"}


def step(row: Any) -> str:
    """Says what is changed: `kernel 3 → 5`."""
    return f"{FACTORS[row.factor]} {row.low_value} → {row.high_value}"


def _rows(axes: Axes, effects: pd.DataFrame, margin: str) -> None:
    """Draws an interval a row, and writes the estimate and the verdict beside it."""
    words = {"more": f"more than {margin}", "at_most": f"at most {margin}", "open": "open"}
    for place, row in enumerate(style.rows(effects)):
        look = VERDICTS[row.verdict]
        axes.hlines(place, 100 * row.lower, 100 * row.upper, color=look.colour, linewidth=3)
        axes.plot(100 * row.estimate, place, marker=look.marker, color=look.colour, markersize=9)
        style.beside(axes, place, style.signed(row.estimate), 10)
        style.beside(axes, place, words[row.verdict], 62, color=look.ink, fontweight="bold")
    factors = effects["factor"].tolist()
    for place in (i for i in range(1, len(factors)) if factors[i] != factors[i - 1]):
        axes.axhline(place - 0.5, color=style.FAINT, linewidth=0.8)
    axes.set_yticks(range(len(effects)), [step(row) for row in style.rows(effects)])


@style.house_style()
def draw(effects: pd.DataFrame, facts: dict[str, Any]) -> Figure:
    """Draws the headline effects on accuracy with their simultaneous intervals.

    Args:
        effects: plots/effects.csv, at most eight rows.
        facts: plots/statements.json: margin.

    Returns:
        The figure: the band is the margin to either side of no effect; the verdict stands at the right.
    """
    margin = 100 * facts["margin"]
    figure = style.new_figure(1.0 + 0.42 * max(len(effects), 1))
    axes = figure.subplots()
    axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    _rows(axes, effects, style.points(facts["margin"]))
    reach = pd.concat([100 * effects[name] for name in ("estimate", "lower", "upper")])
    axes.set_xlim(*style.padded([*reach, -1.1 * margin, 1.1 * margin], 0.03))
    axes.set_ylim(len(effects) - 0.4, -0.6)
    style.percent_axis(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Change of accuracy, percentage points")
    return figure
