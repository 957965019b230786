"""What all figures share: type, colours and markers, what a figure of the report is, and how it is saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FixedFormatter, FixedLocator, FormatStrFormatter, MaxNLocator, NullLocator

from mnist_cnn.figures.words import kernel_name
from mnist_cnn.files import replacing

WIDTH = 8.5  # inches: at 390 px of a phone the smallest type is still 6 px high
DPI = 150
SMALL = 9.0  # points; nothing is smaller

INK, GREY, FAINT = "#1a1a1a", "#5f5f5f", "#b5b5b5"
BAND = "#e8e8e8"
# Okabe & Ito 2008 without yellow, which is lost on white paper
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "axes.titlesize": 10.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
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
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the page's fonts are not known, and other widths would make labels overlap
    "svg.hashsalt": "mnist-cnn",  # random otherwise
}


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its words.

    Attributes:
        name: Stem of its files.
        title: A heading.
        caption: What the marks mean: bars, folds, images, units.
        alternative_text: What is seen, for those who do not see it.
        figure: The drawing.
    """

    name: str
    title: str
    caption: str
    alternative_text: str
    figure: Figure


@dataclass(frozen=True)
class KernelLook:
    """How a kernel looks in every figure: colour, and a marker that tells it in grey print."""

    size: int
    colour: str
    marker: str


@contextmanager
def house_style() -> Iterator[None]:
    """Draws and saves with our settings alone, whatever those of the user are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Makes an empty figure, in inches, which belongs to no window and no global state."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def settle(figure: Figure) -> None:
    """Lays the figure out and keeps it so: what is placed in pixels stays where it is, whatever draws it."""
    engine = figure.get_layout_engine()
    assert engine is not None, "settled once"
    engine.execute(figure)
    figure.set_layout_engine("none")


def save_figure(figure: ReportFigure, folder: Path) -> None:
    """Writes NAME.svg and NAME.png, with the same bytes for the same drawing."""
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None, "Title": figure.title},
        "png": {"Software": None},
    }
    with house_style():
        for kind, extra in metadata.items():
            with replacing(folder / f"{figure.name}.{kind}") as part:
                figure.figure.savefig(part, format=kind, dpi=DPI, metadata=extra)


def kernel_looks(sizes: Sequence[int]) -> dict[int, KernelLook]:
    """Gives each kernel size, the smallest first, its own colour and marker (49 differ)."""
    markers = [MARKERS[(i + turn) % len(MARKERS)] for turn, i in product(range(7), range(7))]
    return {
        size: KernelLook(size, COLOURS[i % len(COLOURS)], markers[i])
        for i, size in enumerate(sorted(set(sizes)))
    }


def kernel_keys(looks: dict[int, KernelLook]) -> list[Line2D]:
    """Makes the entries of a legend of kernels."""
    return [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=kernel_name(look.size))
        for look in looks.values()
    ]


def beside(axes: Axes, y: float, text: str, distance: float, align: str = "left") -> Annotation:
    """Writes a text right of the axes, at the height `y` of the data and `distance` points away."""
    place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
    look: dict[str, Any] = {"ha": align, "va": "center", "fontsize": SMALL, "annotation_clip": False}
    return axes.annotate(text, (1, y), (distance, 0), **place, **look)


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Returns limits with some room around values."""
    low, high = min(values), max(values)
    room = share * (high - low) or 0.05
    return low - room, high + room


def percent_axis(axes: Axes, which: str, limits: tuple[float, float]) -> None:
    """Makes an axis of percent, with two decimals."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_ylim if which == "y" else axes.set_xlim)(*limits)
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], prune=None))
    axis.set_major_formatter(FormatStrFormatter("%.2f"))


def log_ticks(low: float, high: float, fewest: int = 3) -> list[float]:
    """Chooses plain numbers for a log axis: 2, 5, 10, 20; more of them where it is short."""
    powers = [10.0**power for power in range(-4, 7)]
    for leads in ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        ticks = [power * lead for power in powers for lead in leads if low <= power * lead <= high]
        if len(ticks) >= fewest:
            return ticks
    even = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in even if low <= tick <= high]


def log_axis(axes: Axes, which: str, limits: tuple[float, float], form: str = "{}") -> None:
    """Makes a log axis with plain numbers on it, each put into `form`."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    (axes.set_ylim if which == "y" else axes.set_xlim)(*limits)
    ticks = log_ticks(*limits)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([form.format(f"{tick:.4g}") for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def log_padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """Returns limits with some room around positive values on a log axis."""
    low, high = min(values), max(values)
    room = max((high / low) ** share, 1.05)
    return low / room, high * room
