"""What all figures share: fonts, colours, markers, axes, and how a figure is saved."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from mnist_cnn.core.files import replacing

WIDTH = 6.4  # inches: on a phone with 360 px, a font of 13 points is 10 px high
SMALL = 11.0  # points, the smallest font of a label

PAPER, INK, GREY = "#fbfbf9", "#1f1f1f", "#636363"
LINE, FAINT, BAND = "#9a9a96", "#c9c9c6", "#e9e9e4"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KERNELS = LinearSegmentedColormap.from_list("kernels", ["#5FB681", "#1B7D4F", "#04301F"])  # small to large
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
    "legend.title_fontsize": 13.0,
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
    """How something is drawn: its colour, its marker (for grey print), and the colours of text about it."""

    colour: str
    marker: str
    inside: str = "white"
    beside: str = INK


# One code for changes and for gaps to the best network: at most the margin, undecided, more than the margin.
# The colours are those of Okabe & Ito (2008), the vermilion darker; darker ones are for text beside markers.
AT_MOST = MarkerStyle("#0072B2", "o", beside="#0067A0")
UNDECIDED = MarkerStyle("#E69F00", "s", INK, "#8A5D00")
MORE = MarkerStyle("#B8460E", "D", beside="#A93F0C")
TIERS = {"good": AT_MOST, "undecided": UNDECIDED, "worse": MORE}
VERDICTS = {"at_most": AT_MOST, "undecided": UNDECIDED, "more": MORE}


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


def kernel_styles(sizes: Iterable[int]) -> dict[int, MarkerStyle]:
    """Assigns each kernel size its shade and marker, the smallest one first and lightest."""
    ordered = sorted(set(sizes))
    shades = np.linspace(0, 1, len(ordered))
    return {
        size: MarkerStyle(to_hex(KERNELS(shade)), MARKERS[i % len(MARKERS)])
        for i, (size, shade) in enumerate(zip(ordered, shades, strict=True))
    }


def legend_entry(style: MarkerStyle, label: str) -> Line2D:
    """Creates an entry of a legend."""
    return Line2D([], [], color=style.colour, marker=style.marker, markersize=9, linestyle="", label=label)


def add_legend(
    figure: FigureBase, entries: Sequence[Artist], columns: int = 5, title: str | None = None
) -> None:
    """Adds a legend above the axes."""
    where: dict[str, Any] = {"loc": "outside upper left", "alignment": "left"}
    figure.legend(handles=list(entries), ncols=columns, title=title, **where, **LEGEND)


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


def two_lines(change: str) -> str:
    """Breaks the name of a change after its first words: "linear layers", "1 → 2"."""
    return change.replace(" layers ", " layers\n")


def row_axis(axes: Axes, names: Sequence[str]) -> None:
    """Makes the y axis a list of named rows, the first one at the top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def annotate(axes: Axes, text: str, position: Any, offset: tuple[float, float], **properties: Any) -> Text:
    """Writes a text `offset` points away from a position in the coordinates of the data."""
    properties = {"va": "center_baseline", "annotation_clip": False, **properties}
    return axes.annotate(text, position, offset, textcoords="offset points", **properties)


def annotate_right(axes: Axes, y: float, text: str, right: float, up: float = 0, **properties: Any) -> None:
    """Writes a text right of the axes, so many points from a height in the coordinates of the data."""
    annotate(axes, text, (1, y), (right, up), xycoords=axes.get_yaxis_transform(), **properties)
