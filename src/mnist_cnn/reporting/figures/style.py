"""What all figures share: type, colours, markers, axes, and how a figure is saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from mnist_cnn.core.files import replacing

WIDTH = 7.2  # inches: at the 360 px of a phone 13 points are 9 px high
MOST_KEYS = 5  # beside each other in a legend
SMALL = 11.0  # points; nothing is smaller

PAPER, INK, GREY = "#fbfbf9", "#1f1f1f", "#636363"
LINE, FAINT, BAND = "#9a9a96", "#c9c9c6", "#e9e9e4"
# Okabe & Ito (2008) without yellow, which is lost on paper
COLOURS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#56B4E9", "#000000", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": 13.0,
    "axes.labelsize": 13.0,
    "axes.titlesize": 13.0,
    "axes.titlelocation": "left",
    "xtick.labelsize": 12.0,
    "ytick.labelsize": 12.0,
    "legend.fontsize": 12.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.facecolor": PAPER,  # a ground of its own reads on light and on dark pages
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",  # the reader's fonts are not known, and other widths would make labels overlap
    "image.composite_image": False,  # would be resampled
    "svg.hashsalt": "mnist-cnn",  # random otherwise
}


LEGEND: dict[str, Any] = {"handletextpad": 0.3, "columnspacing": 0.9, "handlelength": 1.2, "borderpad": 0.1}


class Look(NamedTuple):
    """How a thing looks: its colour, a marker that tells it in grey print, the ink of what is written."""

    colour: str
    marker: str
    ink: str = "white"


TIERS = {
    "good": Look("#0072B2", "o"),
    "open": Look("#E69F00", "s", INK),
    "worse": Look("#8c8c8c", "v"),
}
TIER_WORDS = {"good": "good enough", "open": "open", "worse": "loses more than {}"}


@contextmanager
def house_style() -> Iterator[None]:
    """Draws and saves with our settings alone, whatever those of the user are; also a decorator."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
        yield


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """Gives the rows of a table, with an attribute a column."""
    yield from table.itertuples(index=False)


def new_figure(height: float) -> Figure:
    """Makes an empty figure, `height` inches high, which belongs to no window and no global state."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def settle(figure: Figure) -> None:
    """Lays the figure out and keeps it so: what is placed by its size in pixels stays where it is.

    Logarithms differ in their last bit between processors, so the places of the axes do, and the names that
    matplotlib hashes from them: so they are rounded.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        extents = axes.get_position(original=True).extents
        axes.set_position(Bbox.from_extents(*(round(float(edge), 5) for edge in extents)))


def save(figure: Figure, path: Path) -> None:
    """Writes SVG, with the same bytes for the same drawing."""
    with house_style(), replacing(path) as part:
        settle(figure)
        figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None})


def looks(values: Sequence[Any]) -> dict[Any, Look]:
    """Gives each value its own colour and marker, in the order given (49 differ)."""
    different = list(dict.fromkeys(values))
    return {
        value: Look(COLOURS[i % len(COLOURS)], MARKERS[(i + i // len(COLOURS)) % len(MARKERS)])
        for i, value in enumerate(different)
    }


def key(look: Look, label: str) -> Line2D:
    """Makes an entry of a legend."""
    return Line2D([], [], color=look.colour, marker=look.marker, markersize=9, linestyle="", label=label)


def legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """Puts a line of entries above everything."""
    columns = min(len(entries), MOST_KEYS)
    figure.legend(handles=list(entries), loc="outside upper left", ncols=columns, **LEGEND)


def tier_keys(tiers: Sequence[str], margin: float) -> list[Line2D]:
    """Makes the entries of the tiers that occur; `margin` is a fraction."""
    present = [tier for tier in TIERS if tier in set(tiers)]
    return [key(TIERS[tier], TIER_WORDS[tier].format(points(margin))) for tier in present]


def points(fraction: float) -> str:
    """Writes a margin, a fraction, in percentage points."""
    return f"{100 * fraction:g}"


def signed(fraction: float) -> str:
    """Writes a difference, a fraction, in percentage points with two decimals, its sign and a true minus."""
    return f"{100 * fraction:+.2f}".replace("-", "−")


def padded(values: pd.Series | Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Returns limits with some room around values, NaN left out."""
    series = pd.Series(values, dtype=float).dropna()
    low, high = float(series.min()), float(series.max())
    room = max(share * (high - low), 0.04)
    return low - room, high + room


def percent_axis(axis: Axis) -> None:
    """Puts few plain numbers of percent on an axis."""
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    low, high = axis.get_view_interval()
    digits = 1 if abs(high - low) > 0.3 else 2
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.{digits}f}".replace("-", "−")))


def log_axis(axis: Axis, form: str = "{}") -> None:
    """Puts plain numbers (1, 2, 5) on a logarithmic axis with limits, each put into `form`."""
    low, high = axis.get_view_interval()
    leads = (1, 2, 5) if high / low > 3 else (1, 1.2, 1.5, 2, 3, 5, 7)
    ticks = [lead * 10.0**power for power in range(-6, 12) for lead in leads]
    if high / low < 2:
        ticks = list(MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high))
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([form.format(f"{tick:.3g}") for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def margin_and_target(axes: Axes, networks: pd.DataFrame, facts: dict[str, Any], along: str) -> float:
    """Draws the band of the margin below the best accuracy, and the target where it is in range.

    Args:
        axes: With limits in percent.
        networks: plots/networks.csv, a row a network.
        facts: Of the study: margin and target as fractions, and which network is the most accurate.
        along: The axis of accuracy, x or y.

    Returns:
        The highest accuracy of those that are compared, in percent.
    """
    best = 100 * float(networks.set_index("network")["accuracy"][facts["most_accurate"]])
    band, target = (best - 100 * facts["margin"], best), 100 * facts["target"]
    dashed: dict[str, Any] = {"color": INK, "linewidth": 1.2, "linestyle": DASHES[1], "zorder": 1}
    word: dict[str, Any] = {"ha": "center", "fontsize": SMALL}
    if along == "y":
        axes.axhspan(*band, color=BAND, linewidth=0, zorder=0)
        if axes.get_ylim()[0] <= target <= axes.get_ylim()[1]:
            axes.axhline(target, **dashed)
            label(axes, "target", (1, target), (-24, 7), xycoords=axes.get_yaxis_transform(), **word)
    else:
        axes.axvspan(*band, color=BAND, linewidth=0, zorder=0)
        if axes.get_xlim()[0] <= target <= axes.get_xlim()[1]:
            axes.axvline(target, **dashed)
            label(axes, "target", (target, 1), (0, 6), xycoords=axes.get_xaxis_transform(), **word)
    return best


def label(axes: Axes, text: str, place: Any, away: tuple[float, float], **look: Any) -> Text:
    """Writes a text `away` points from a place in the data."""
    look = {"va": "center_baseline", "annotation_clip": False, **look}
    return axes.annotate(text, place, away, textcoords="offset points", **look)


def beside(axes: Axes, height: float, text: str, distance: float, **look: Any) -> None:
    """Writes a text right of the axes, at the height `height` of the data and `distance` points away."""
    label(axes, text, (1, height), (distance, 0), xycoords=axes.get_yaxis_transform(), **look)
