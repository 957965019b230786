"""The lead figure: what accuracy costs how much computation."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.style import GREY, INK, LINE, PAPER, SMALL, TIERS, Look

CROWDED = 20  # networks; of more, the marks are smaller
CORNERS = ((-1, 1), (1, -1), (1, 1))  # of a mark, where a name may stand: above the frontier first


def frontier(networks: pd.DataFrame) -> pd.DataFrame:
    """Returns the networks whose accuracy none reaches that costs as little or less, the cheapest first."""
    ordered = networks.sort_values(["multiply_accumulates", "accuracy"], ascending=[True, False])
    cheaper = ordered["accuracy"].cummax().shift(fill_value=-1.0)
    return ordered[ordered["accuracy"] > cheaper]


def _marks(axes: Axes, networks: pd.DataFrame, size: float) -> None:
    """Draws each network as a mark of its tier with its kernel size in it, the better tiers on top."""
    for height, (tier, look) in enumerate(reversed(TIERS.items()), start=3):
        number = {"color": look.ink, "fontsize": 0.62 * size, "fontweight": "bold", "zorder": height}
        lift, larger = (0.12 * size, 3) if look.marker == "v" else (0, 0)  # a triangle is wide at its top
        for row in style.rows(networks[networks["tier"] == tier]):
            place = row.millions, row.percent
            axes.plot(
                *place, look.marker, color=look.colour, markersize=size + larger, mec=PAPER, zorder=height
            )
            if row.chosen:
                axes.plot(*place, "o", color=INK, fillstyle="none", markersize=1.65 * size, mew=2.2, zorder=8)
            style.label(axes, f"{row.kernel_size}", place, (0, lift), ha="center", **number)


def _name(axes: Axes, row: Any, size: float, corner: tuple[int, int]) -> Text:
    """Writes the name of a network at a corner of its mark, in bold and with its accuracy if chosen."""
    across, up = corner
    away = across * 0.3 * size, up * (0.95 if row.chosen else 0.7) * size
    align = {"ha": "right" if across < 0 else "left", "va": "bottom" if up > 0 else "top"}
    look = {"fontweight": "bold"} if row.chosen else {"color": GREY}
    text = f"{row.network}\n{row.percent:.2f} %" if row.chosen else row.network
    return style.label(axes, text, (row.millions, row.percent), away, zorder=9, **align, **look)


def _names(axes: Axes, networks: pd.DataFrame, size: float) -> None:
    """Names the choice and, where there is room, what a repeat may choose, the cheapest and the frontier."""
    around = 0.2 * size * axes.figure.dpi / 72  # from the number to the edge of its mark, in pixels
    taken = [text.get_window_extent().padded(around) for text in axes.texts]
    edge = networks["network"].isin(frontier(networks)["network"])
    matters = (networks["tier"] != "worse") | (networks["millions"] == networks["millions"].min())
    named = networks[networks["chosen"] | networks["named"] | (edge & matters)]
    for row in style.rows(named.sort_values(["chosen", "named", "accuracy"], ascending=False)):
        for corner in CORNERS:
            text = _name(axes, row, size, corner)
            box = text.get_window_extent()
            if _free(box, axes.bbox, taken):
                taken.append(box)
                break
            text.remove()
        else:
            if row.chosen:
                _name(axes, row, size, CORNERS[0])


def _free(box: Bbox, axes: Bbox, taken: list[Bbox]) -> bool:
    """Says whether a text stands inside the axes and on nothing else."""
    inside = axes.x0 <= box.x0 and box.x1 <= axes.x1 and axes.y0 <= box.y0 and box.y1 <= axes.y1
    return inside and not any(box.overlaps(other) for other in taken)


@style.house_style()
def draw(networks: pd.DataFrame, facts: dict[str, Any]) -> Figure:
    """Draws validation accuracy against multiply–accumulates.

    Args:
        networks: plots/networks.csv, a row a network.
        facts: plots/statements.json: margin and target.

    Returns:
        The figure: colour and shape are the tier, the number in a mark is the kernel size, the ring is the
        choice, the stepped line is the frontier, and the band is the margin below the highest accuracy.
    """
    figure = style.new_figure(5.2)
    axes = figure.subplots()
    networks = networks.dropna(subset="accuracy").assign(  # NaN where every run collapsed
        millions=networks["multiply_accumulates"] / 1e6, percent=100 * networks["accuracy"]
    )
    cost = networks["millions"]
    axes.set_xscale("log")
    axes.set_xlim(cost.min() / 1.2, cost.max() * 1.2)
    low, high = style.padded(networks["percent"], 0.1)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.14 * (high - low))  # room for names
    style.log_axis(axes.xaxis, "{} M")
    style.percent_axis(axes.yaxis)
    best = style.margin_and_target(axes, networks, facts, "y")
    note = f"within {style.points(facts['margin'])} of the best"
    style.label(axes, note, (cost.min() / 1.2, best), (6, -10), color=GREY, fontsize=SMALL)
    edge = frontier(networks)
    axes.step(edge["millions"], edge["percent"], where="post", color=LINE, linewidth=1.6, zorder=2)
    size = 17.0 if len(networks) <= CROWDED else 13.0
    _marks(axes, networks, size)
    axes.set_xlabel("Multiply–accumulates per image")
    axes.set_ylabel("Validation accuracy, %")
    keys = style.tier_keys(networks["tier"].tolist(), facts["margin"])
    style.legend(figure, [*keys, style.key(Look(INK, "$5$"), "kernel size")])
    style.settle(figure)
    _names(axes, networks, size)
    return figure
