"""The first figure of the report: accuracy against the cost of computation."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import BAND, DASHES, GREY, INK, LINE, PAPER, TIERS, MarkerStyle
from mnist_cnn.reporting.text import given, percent, phrases

MAX_LARGE_MARKERS = 20  # networks; with more of them, the markers are smaller
# The sides of a marker where its name may be, the preferred ones first
SIDES = ((-1, 1), (1, -1), (1, 1), (-1, -1), (0, 1), (0.5, 1), (-0.5, 1), (0, -1), (1, 0), (-1, 0))


def _draw_markers(axes: Axes, networks: pd.DataFrame, size: float) -> None:
    """Draws each network as a marker of its tier with its kernel size inside, the better tiers on top."""
    for zorder, (tier, marker) in enumerate(reversed(TIERS.items()), start=3):
        font = {"color": marker.inside, "fontsize": 0.62 * size, "fontweight": "bold", "zorder": zorder}
        for row in style.rows(networks[networks["tier"] == tier]):
            position = row.millions, row.percent
            mark = axes.plot(*position, marker.marker, color=marker.colour, mec=PAPER, zorder=zorder)[0]
            mark.set_markersize(0.9 * size if marker.marker == "D" else size)  # a diamond is wider
            if row.chosen:
                ring = axes.plot(*position, "o", color=INK, fillstyle="none", mew=2.2, zorder=8)[0]
                ring.set_markersize(1.65 * size)
            style.annotate(axes, f"{row.kernel_size}", position, (0, 0), ha="center", **font)


def _write(axes: Axes, text: str, row: Any, gap: float, side: tuple[float, int], **font: Any) -> Text:
    """Writes a text at one side of the marker of a network, `gap` points from its centre."""
    right, up = side
    font |= {"ha": "center", "va": ("top", "center", "bottom")[up + 1], "fontsize": style.SMALL + 1}
    name = style.annotate(axes, text, (row.millions, row.percent), (0, 0), zorder=9, **font)
    width = name.get_window_extent().width * 72 / axes.figure.dpi
    name.set_position((right * (0.5 * width + (0.4 if up else 1) * gap), up * gap))
    return name


def _write_names(axes: Axes, networks: pd.DataFrame, summary: StudySummary, size: float) -> None:
    """Names the chosen, the most accurate and the likely networks and the other layouts, if there is room.

    A name must overlap no other text and no marker, and should cross no line.
    """
    padding = 0.2 * size * axes.figure.dpi / 72  # from a number to the edge of its marker, in pixels
    occupied = [text.get_window_extent().padded(padding) for text in axes.texts]
    drawn = [line.get_path() for line in axes.lines if line.get_color() == LINE]
    lines = [axes.transData.transform_path(path) for path in drawn]
    best = networks["network"] == summary.most_accurate
    order = pd.DataFrame({"chosen": networks["chosen"], "best": best, "likely": networks["likely"]})
    order = order.sort_values([*order], ascending=False, kind="stable")
    named: set[str] = set()

    def write(text: str, row: Any, **font: Any) -> None:
        gap = (1.0 if row.chosen else 0.65) * size
        # Beside a marker, the name of a likely choice cannot be taken for that of its neighbour
        sides = SIDES if row.chosen or not row.likely else sorted(SIDES, key=lambda side: abs(side[1]))
        trials = [_write(axes, text, row, gap, side, **font) for side in sides]
        costs = [_cost(trial.get_window_extent(), axes.bbox, occupied, lines) for trial in trials]
        kept = trials[costs.index(min(costs))]
        for trial in trials:
            if trial is not kept or (min(costs) >= 2 and not row.chosen):
                trial.remove()
        if kept in axes.texts:
            occupied.append(kept.get_window_extent())
            named.add(row.model)

    for row in style.rows(networks.loc[order.index[order.any(axis=1)]]):
        roles = ["chosen"] * row.chosen + ["best"] * (row.network == summary.most_accurate)
        note = f"\n{' and '.join(roles)}, {percent('en', row.accuracy)} %" if roles else ""
        write(row.network + note, row, fontweight="bold" if row.chosen else "normal")
    for row in style.rows(networks.groupby("model", sort=False).tail(1)):
        if row.model not in named:
            write(row.model, row, color=GREY)


def _cost(box: Bbox, axes: Bbox, occupied: Sequence[Bbox], lines: Sequence[Path]) -> int:
    """Returns 0 for a text in a free place, 1 if it crosses a line, 2 or 3 if it is cut or overlaps."""
    inside = axes.x0 <= box.x0 and box.x1 <= axes.x1 and axes.y0 <= box.y0 and box.y1 <= axes.y1
    blocked = not inside or any(box.overlaps(other) for other in occupied)
    return 2 * blocked + any(line.intersects_bbox(box, filled=False) for line in lines)


def _draw_criteria(axes: Axes, networks: pd.DataFrame, summary: StudySummary) -> None:
    """Draws the band of the margin below the best network, and the target if it lies within the limits."""
    best = 100 * float(networks.set_index("network")["accuracy"][summary.most_accurate])
    axes.axhspan(best - 100 * summary.margin, best, color=BAND, linewidth=0, zorder=0)
    target, (low, high) = 100 * summary.target, axes.get_ylim()
    if low <= target <= high:
        axes.axhline(target, color=INK, linewidth=1.2, linestyle=DASHES[1], zorder=1)
        position = {"xycoords": axes.get_yaxis_transform(), "ha": "right", "fontsize": style.SMALL}
        style.annotate(axes, "target", (1, target), (-4, 7), **position)


@style.figure_style()
def draw(networks: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws validation accuracy against multiply–accumulates (MACs).

    Args:
        networks: plots/networks.csv.
        summary: The margin, the target and the most accurate network.

    Returns:
        The figure. Colour and marker are the tier, the number in a marker is the kernel size, a line joins
        the networks of a layout, the ring marks the chosen network, the band is the margin below the best.
    """
    figure = style.new_figure(5.4)
    axes = figure.subplots()
    networks = networks.sort_values("kernel_size", kind="stable")
    networks = networks.dropna(subset="accuracy").assign(  # NaN where every run collapsed
        millions=networks["multiply_accumulates"] / 1e6, percent=100 * networks["accuracy"]
    )
    cost = networks["millions"]
    axes.set_xscale("log")
    axes.set_xlim(cost.min() / 1.25, cost.max() * 1.6)  # room for names
    low, high = style.padded_limits(networks["percent"], 0.1)
    axes.set_ylim(low, high + 0.1 * (high - low))  # room for names
    style.log_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)
    _draw_criteria(axes, networks, summary)
    for _, layout in networks.groupby("model", sort=False):
        axes.plot(layout["millions"], layout["percent"], color=LINE, linewidth=1.6, zorder=2)
    size = 17.0 if len(networks) <= MAX_LARGE_MARKERS else 13.0
    _draw_markers(axes, networks, size)
    axes.set_xlabel("million multiply–accumulates (MACs) per image")
    axes.set_ylabel("validation accuracy, %")
    tiers = [tier for tier in TIERS if tier in set(networks["tier"])]
    margin = f"at most {given('en', summary.margin, 100)} below the best"
    entries = [
        *(style.legend_entry(TIERS[tier], phrases().tier(tier)) for tier in tiers),
        style.legend_entry(MarkerStyle(INK, "$5$"), "kernel size"),
        Line2D([], [], color=LINE, linewidth=1.6, label="same layers"),
        Patch(color=BAND, label=margin),
    ]
    style.add_legend(figure, entries, columns=3)
    style.fix_layout(figure)
    _write_names(axes, networks, summary, size)
    return figure
