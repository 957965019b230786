"""What all figures share: fonts, colours, markers, axes, and how a figure is saved."""

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
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from mnist_cnn.core.files import replacing
from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.text import phrases

WIDTH = 7.2  # inches: on a phone with 360 px, a font of 13 points is 9 px high
SMALL = 11.0  # points, the smallest font of a label
MAX_COLUMNS = 5  # of a legend

PAPER, INK, GREY = "#fbfbf9", "#1f1f1f", "#636363"
LINE, FAINT, BAND = "#9a9a96", "#c9c9c6", "#e9e9e4"
# Okabe & Ito (2008) without yellow, which is hard to see on a light background
COLOURS = ("#009E73", "#D55E00", "#0072B2", "#CC79A7", "#56B4E9", "#000000", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
LEGEND: dict[str, Any] = {"handletextpad": 0.3, "columnspacing": 0.9, "handlelength": 1.2, "borderpad": 0.1}

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same
    "font.size": 13.0,
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
    "figure.facecolor": PAPER,  # a background of its own is legible on light and on dark pages
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",  # the reader's fonts are unknown, and other widths would make labels overlap
    "image.composite_image": False,  # a composite would be resampled
    "svg.hashsalt": "mnist-cnn",  # random by default
}


class MarkerStyle(NamedTuple):
    """How something is drawn: its colour, its marker (for grey print), and the colour of text on it."""

    colour: str
    marker: str
    text_colour: str = "white"


TIERS = {
    "good": MarkerStyle("#0072B2", "o"),
    "undecided": MarkerStyle("#E69F00", "s", INK),
    "worse": MarkerStyle("#8c8c8c", "v"),
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draws and saves with the settings above, whatever the user's are; also a decorator."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
        yield


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """Yields the rows of a table, with one attribute per column."""
    yield from table.itertuples(index=False)


def new_figure(height: float) -> Figure:
    """Creates an empty figure, `height` inches high, that belongs to no window and no global state."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def fix_layout(figure: Figure) -> None:
    """Computes the layout once and keeps it, so that what is placed by its size in pixels stays there.

    Logarithms differ in their last bit between processors, and so do the positions of the axes and the names
    that matplotlib derives from them: hence the positions are rounded.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        extents = axes.get_position(original=True).extents
        axes.set_position(Bbox.from_extents(*(round(float(edge), 5) for edge in extents)))


def save(figure: Figure, path: Path) -> None:
    """Writes the figure as SVG, with the same bytes for the same content."""
    with figure_style(), replacing(path) as part:
        fix_layout(figure)
        figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None})


def marker_styles(values: Sequence[Any]) -> dict[Any, MarkerStyle]:
    """Assigns each different value its own colour and marker, in the order given (49 combinations)."""
    return {
        value: MarkerStyle(COLOURS[i % len(COLOURS)], MARKERS[(i + i // len(COLOURS)) % len(MARKERS)])
        for i, value in enumerate(dict.fromkeys(values))
    }


def legend_entry(style: MarkerStyle, label: str) -> Line2D:
    """Creates an entry of a legend."""
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=9, linestyle="", label=label)


def network_entries(networks: pd.DataFrame, summary: StudySummary) -> list[Artist]:
    """Creates the legend entries of the tiers that occur, and of the band of the margin."""
    tiers = [tier for tier in TIERS if tier in set(networks["tier"])]
    band = Patch(color=BAND, label=f"margin, {100 * summary.margin:g}")
    return [*(legend_entry(TIERS[tier], phrases().tier(tier)) for tier in tiers), band]


def add_legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """Adds a legend above the axes."""
    columns = min(len(entries), MAX_COLUMNS)
    figure.legend(handles=list(entries), loc="outside upper left", ncols=columns, **LEGEND)


def padded_limits(values: pd.Series | Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Returns limits of an axis: the range of the values, NaN left out, extended by a share at both ends."""
    series = pd.Series(values, dtype=float).dropna()
    low, high = float(series.min()), float(series.max())
    padding = max(share * (high - low), 0.04)
    return low - padding, high + padding


def percent_axis(axis: Axis) -> None:
    """Labels an axis of percent or percentage points with about six plain numbers."""
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    low, high = axis.get_view_interval()
    digits = 1 if abs(high - low) > 0.3 else 2
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.{digits}f}".replace("-", "−")))


def log_axis(axis: Axis, template: str = "{}") -> None:
    """Labels a logarithmic axis, whose limits are set, with plain numbers such as 1, 2 and 5.

    Args:
        axis: The axis.
        template: The text of a label, with {} for the number.
    """
    low, high = axis.get_view_interval()
    leads = (1, 2, 5) if high / low > 3 else (1, 1.2, 1.5, 2, 3, 5, 7)
    ticks = [lead * 10.0**power for power in range(-6, 12) for lead in leads]
    if high / low < 2:
        ticks = list(MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high))
    fixed_ticks(axis, {tick: template.format(f"{tick:.3g}") for tick in ticks if low <= tick <= high})


def fixed_ticks(axis: Axis, labels: dict[float, str]) -> None:
    """Puts these labels at these values, and no minor ticks."""
    axis.set_major_locator(FixedLocator(list(labels)))
    axis.set_major_formatter(FixedFormatter(list(labels.values())))
    axis.set_minor_locator(NullLocator())


def row_axis(axes: Axes, names: Sequence[str]) -> None:
    """Makes the y axis a list of named rows, the first one at the top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def draw_margin_and_target(axes: Axes, networks: pd.DataFrame, summary: StudySummary, axis: str) -> None:
    """Draws the band of the margin below the best network, and the target if it lies within the limits.

    Args:
        axes: The axes, with limits in percent.
        networks: plots/networks.csv.
        summary: The margin, the target and the name of the best network.
        axis: The axis of accuracy, x or y.
    """
    accuracies = networks.set_index("network")["accuracy"]
    best, target = 100 * float(accuracies[summary.most_accurate]), 100 * summary.target
    vertical = axis == "y"
    span, line = (axes.axhspan, axes.axhline) if vertical else (axes.axvspan, axes.axvline)
    span(best - 100 * summary.margin, best, color=BAND, linewidth=0, zorder=0)
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    if low <= target <= high:
        line(target, color=INK, linewidth=1.2, linestyle=DASHES[1], zorder=1)
        position, offset = ((1, target), (-24, 7)) if vertical else ((target, 1), (0, 6))
        transform = axes.get_yaxis_transform() if vertical else axes.get_xaxis_transform()
        annotate(axes, "target", position, offset, xycoords=transform, ha="center", fontsize=SMALL)


def annotate(axes: Axes, text: str, position: Any, offset: tuple[float, float], **properties: Any) -> Text:
    """Writes a text `offset` points away from a position in the coordinates of the data."""
    properties = {"va": "center_baseline", "annotation_clip": False, **properties}
    return axes.annotate(text, position, offset, textcoords="offset points", **properties)


def annotate_right(axes: Axes, y: float, text: str, distance: float, **properties: Any) -> None:
    """Writes a text right of the axes, at a height in the coordinates of the data, `distance` points away."""
    annotate(axes, text, (1, y), (distance, 0), xycoords=axes.get_yaxis_transform(), **properties)
