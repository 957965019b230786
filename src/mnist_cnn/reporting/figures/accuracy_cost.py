"""The first figure of the report: accuracy against the cost of computation."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.answer import pareto_front
from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import GREY, INK, LINE, PAPER, TIERS, MarkerStyle

MAX_LARGE_MARKERS = 20  # networks; with more of them, the markers are smaller
CORNERS = ((-1, 1), (1, -1), (1, 1))  # of a marker, where its name may be: above the Pareto front first


def _draw_markers(axes: Axes, networks: pd.DataFrame, size: float) -> None:
    """Draws each network as a marker of its tier with its kernel size inside, the better tiers on top."""
    for zorder, (tier, marker) in enumerate(reversed(TIERS.items()), start=3):
        font = {"color": marker.text_colour, "fontsize": 0.62 * size, "fontweight": "bold", "zorder": zorder}
        lift, extra = (0.12 * size, 3) if marker.marker == "v" else (0, 0)  # a triangle is wide at its top
        for row in style.rows(networks[networks["tier"] == tier]):
            position = row.millions, row.percent
            mark = axes.plot(*position, marker.marker, color=marker.colour, mec=PAPER, zorder=zorder)[0]
            mark.set_markersize(size + extra)
            if row.chosen:
                ring = axes.plot(*position, "o", color=INK, fillstyle="none", mew=2.2, zorder=8)[0]
                ring.set_markersize(1.65 * size)
            style.annotate(axes, f"{row.kernel_size}", position, (0, lift), ha="center", **font)


def _write_name(axes: Axes, row: Any, size: float, corner: tuple[int, int]) -> Text:
    """Writes the name of a network at a corner of its marker; the chosen one is bold, with its accuracy."""
    right, up = corner
    offset = right * 0.3 * size, up * (0.95 if row.chosen else 0.7) * size
    alignment = {"ha": "right" if right < 0 else "left", "va": "bottom" if up > 0 else "top"}
    font = {"fontweight": "bold"} if row.chosen else {"color": GREY}
    text = f"{row.network}\n{row.percent:.2f} %" if row.chosen else row.network
    return style.annotate(axes, text, (row.millions, row.percent), offset, zorder=9, **alignment, **font)


def _write_names(axes: Axes, networks: pd.DataFrame, size: float) -> None:
    """Names the chosen network and, if there is room, likely choices, the cheapest and the Pareto front."""
    padding = 0.2 * size * axes.figure.dpi / 72  # from a number to the edge of its marker, in pixels
    occupied = [text.get_window_extent().padded(padding) for text in axes.texts]
    on_front = networks["network"].isin(pareto_front(networks)["network"])
    relevant = (networks["tier"] != "worse") | (networks["millions"] == networks["millions"].min())
    named = networks[networks["chosen"] | networks["likely"] | (on_front & relevant)]
    for row in style.rows(named.sort_values(["chosen", "likely", "accuracy"], ascending=False)):
        for corner in CORNERS:
            text = _write_name(axes, row, size, corner)
            box = text.get_window_extent()
            if _is_free(box, axes.bbox, occupied):
                occupied.append(box)
                break
            text.remove()
        else:
            if row.chosen:
                occupied.append(_write_name(axes, row, size, CORNERS[0]).get_window_extent())


def _is_free(box: Bbox, axes: Bbox, occupied: list[Bbox]) -> bool:
    """Whether a text lies inside the axes and overlaps nothing."""
    inside = axes.x0 <= box.x0 and box.x1 <= axes.x1 and axes.y0 <= box.y0 and box.y1 <= axes.y1
    return inside and not any(box.overlaps(other) for other in occupied)


@style.figure_style()
def draw(networks: pd.DataFrame, summary: StudySummary) -> Figure:
    """Draws validation accuracy against multiply–accumulates (MACs).

    Args:
        networks: plots/networks.csv.
        summary: The margin, the target and the most accurate network.

    Returns:
        The figure. Colour and marker are the tier, the number in a marker is the kernel size, the ring marks
        the chosen network, the stepped line is the Pareto front, and the band is the margin below the best.
    """
    figure = style.new_figure(5.2)
    axes = figure.subplots()
    networks = networks.dropna(subset="accuracy").assign(  # NaN where every run collapsed
        millions=networks["multiply_accumulates"] / 1e6, percent=100 * networks["accuracy"]
    )
    cost = networks["millions"]
    axes.set_xscale("log")
    axes.set_xlim(cost.min() / 1.2, cost.max() * 1.2)
    low, high = style.padded_limits(networks["percent"], 0.1)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.14 * (high - low))  # room for names
    style.log_axis(axes.xaxis, "{} M")
    style.percent_axis(axes.yaxis)
    style.draw_margin_and_target(axes, networks, summary, "y")
    front = pareto_front(networks)
    axes.step(front["millions"], front["percent"], where="post", color=LINE, linewidth=1.6, zorder=2)
    size = 17.0 if len(networks) <= MAX_LARGE_MARKERS else 13.0
    _draw_markers(axes, networks, size)
    axes.set_xlabel("Multiply–accumulates per image")
    axes.set_ylabel("Validation accuracy, %")
    kernel_size = style.legend_entry(MarkerStyle(INK, "$5$"), "kernel size")
    style.add_legend(figure, [*style.network_entries(networks, summary), kernel_size])
    style.fix_layout(figure)
    _write_names(axes, networks, size)
    return figure
