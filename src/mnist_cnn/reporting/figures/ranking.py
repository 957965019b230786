"""The networks by falling accuracy, with the intervals of their gaps to the best one."""

import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import INK, TIERS

ROW = 0.29  # inches


@style.figure_style()
def draw(networks: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws one row per network, the most accurate first: its accuracy, and the interval of its gap.

    Args:
        networks: plots/networks.csv.
        summary: The margin, the target and the most accurate network.

    Returns:
        The figure. A bar lies left of the accuracy of the most accurate network by the ends of the interval
        of the gap; colour and marker are the tier; a ring and bold type mark the chosen network.
    """
    networks = networks.sort_values("accuracy", ascending=False, kind="stable")
    figure = style.new_figure(1.15 + ROW * len(networks))
    axes = figure.subplots()
    lowest = networks["accuracy"] + networks["gap"] - networks["gap_high"]  # NaN with one fold
    axes.set_xlim(*style.padded_limits(100 * pd.concat([networks["accuracy"], lowest]), 0.04))
    style.percent_axis(axes.xaxis)
    style.draw_margin_and_target(axes, networks, summary, "x")
    for y, row in enumerate(style.rows(networks)):
        tier, value = TIERS[row.tier], 100 * row.accuracy
        best = row.accuracy + row.gap
        bar = 100 * (best - row.gap_high), 100 * (best - row.gap_low)  # NaN draws nothing
        axes.hlines(y, *bar, color=tier.colour, linewidth=6, alpha=0.4, zorder=2)
        axes.plot(value, y, marker=tier.marker, color=tier.colour, markersize=9, zorder=3)
        if row.chosen:
            axes.plot(value, y, "o", color=INK, fillstyle="none", markersize=15, markeredgewidth=2)
        weight = "bold" if row.chosen else "normal"
        text = f"{value:.2f}" if value > 0 else "–"  # NaN where every run collapsed
        style.annotate_right(axes, y, text, 10, fontsize=12, fontweight=weight)
    style.row_axis(axes, networks["network"].tolist())
    for label, chosen in zip(axes.get_yticklabels(), networks["chosen"], strict=True):
        label.set_fontweight("bold" if chosen else "normal")
    axes.set_xlabel("Validation accuracy, %")
    style.add_legend(figure, style.network_entries(networks, summary))
    return figure
