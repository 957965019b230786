"""The networks by falling accuracy, with comparison intervals."""

import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import INK, TIERS

ROW = 0.29  # inches


@style.figure_style()
def draw(networks: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws one row per network: its accuracy with its comparison interval, the most accurate first.

    Args:
        networks: plots/networks.csv.
        summary: The margin, the target and the most accurate network.

    Returns:
        The figure. Networks whose bars do not overlap differ; colour and marker are the tier; a ring and bold
        type mark the chosen network.
    """
    networks = networks.sort_values("accuracy", ascending=False, kind="stable")
    figure = style.new_figure(1.15 + ROW * len(networks))
    axes = figure.subplots()
    percent, half = 100 * networks["accuracy"], 100 * networks["comparison_half_width"].fillna(0)
    axes.set_xlim(*style.padded_limits(pd.concat([percent - half, percent + half]), 0.04))
    style.percent_axis(axes.xaxis)
    style.draw_margin_and_target(axes, networks, summary, "x")
    for y, row in enumerate(style.rows(networks)):
        tier, value = TIERS[row.tier], 100 * row.accuracy
        width = 100 * row.comparison_half_width  # NaN draws nothing
        axes.hlines(y, value - width, value + width, color=tier.colour, linewidth=6, alpha=0.4, zorder=2)
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
