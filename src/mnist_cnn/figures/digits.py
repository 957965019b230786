"""Galleries of digits that are taken for others."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mnist_cnn.figures import words
from mnist_cnn.figures.style import FAINT, SMALL, ReportFigure, new_figure, settle
from mnist_cnn.mistakes import Gallery, Mistake
from mnist_cnn.report.numbers import counted, listed
from mnist_cnn.tables import StudyTables

COLUMNS = 8
MOST_DIGITS = 48
CELL = 1.06  # inches, width
TEXT = 0.36  # of CELL: what three lines below a digit need beyond it
FRAME = "#D55E00"


def _draw(mistakes: Sequence[Mistake], pixels: np.ndarray, lines: Callable[[Mistake], str]) -> Figure:
    """Draws digits in rows, with lines below each; those that every model misses are framed."""
    rows = -(-len(mistakes) // COLUMNS)
    height = 1 + TEXT
    figure = new_figure(CELL * height * rows + 0.1)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-0.02, COLUMNS + 0.02), ylim=(height * rows - 0.04, -0.04), aspect="equal")
    for place, (mistake, image) in enumerate(zip(mistakes, pixels, strict=True)):
        left, top = place % COLUMNS + 0.1, place // COLUMNS * height
        box = (left, left + 0.8, top + 0.8, top)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, extent=box, interpolation="nearest")
        edge, width = (FRAME, 2.4) if mistake.missed_by_all else (FAINT, 0.8)
        axes.add_patch(Rectangle((left, top), 0.8, 0.8, fill=False, edgecolor=edge, linewidth=width))
        axes.text(
            left + 0.4, top + 0.86, lines(mistake), ha="center", va="top", fontsize=SMALL, linespacing=1.15
        )
    axes.set(xlim=(-0.02, COLUMNS + 0.02), ylim=(height * rows - 0.04, -0.04))
    settle(figure)
    return figure


def _first(gallery: Gallery) -> tuple[Sequence[Mistake], np.ndarray, str]:
    """Returns the digits that fit, and how many of how many they are."""
    shown = gallery.mistakes[:MOST_DIGITS]
    total = len(gallery.mistakes)
    cut = f"The first {len(shown)} of {total:,}" if len(shown) < total else f"All {total:,}"
    return shown, gallery.pixels[: len(shown)], cut


def draw_misclassified(tables: StudyTables, gallery: Gallery) -> ReportFigure | None:
    """Draws test digits that the network gets wrong; None where there are none."""
    if not gallery.mistakes:
        return None
    shown, pixels, cut = _first(gallery)
    row = next(row for row in tables.networks if row.network == tables.summary.shown_network)
    name, models = words.network_name(row), gallery.judges

    def lines(mistake: Mistake) -> str:
        return (
            f"{mistake.label} → {mistake.predicted}, p {mistake.probability:.2f}\n"
            f"{mistake.missed} of {mistake.judges}\nno. {mistake.index}"
        )

    all_of_them = f"all {models} models" if models > 1 else "the one model"
    caption = (
        f"{cut} test digits (of {gallery.images:,}) that at least one of the "
        f"{counted(models, 'model')} of {name}, one a fold, gets wrong: true → predicted, and its mean "
        "probability p; how many models miss it; its number in the test set, from 0. Framed: missed by "
        f"{all_of_them} ({gallery.missed_by_all:,} digits), hard or doubtful in itself; the others are in "
        "part a run's luck."
    )
    seen = (
        f"{len(shown)} handwritten digits with what they are and what they were taken for. "
        f"{gallery.missed_by_all:,} of {gallery.images:,} test digits are missed by {all_of_them}, "
        f"{len(gallery.mistakes):,} by at least one. The first: {_told(shown)}."
    )
    return ReportFigure(
        "misclassified", f"Digits that {name} gets wrong", caption, seen, _draw(shown, pixels, lines)
    )


def draw_hard_digits(gallery: Gallery) -> ReportFigure | None:
    """Draws validation digits that most networks get wrong; None where there are none."""
    if not gallery.mistakes:
        return None
    shown, pixels, cut = _first(gallery)
    networks = counted(gallery.judges, "network")

    def lines(mistake: Mistake) -> str:
        answer = f"{mistake.label} → {mistake.predicted}"
        return f"{answer}\n{mistake.missed} of {mistake.judges}\nno. {mistake.index}"

    caption = (
        f"{cut} training digits (of {gallery.images:,} judged) that more than half of the {networks} get "
        "wrong, each judged by runs that did not train on it: true → commonest wrong answer; how many "
        "networks miss it; its number in the training set, from 0. Framed: missed by every network "
        f"({gallery.missed_by_all:,} digits)."
    )
    seen = (
        f"{len(shown)} handwritten digits that most networks get wrong. {len(gallery.mistakes):,} of "
        f"{gallery.images:,} digits are missed by more than half of {networks}, "
        f"{gallery.missed_by_all:,} by all. The first: {_told(shown)}."
    )
    return ReportFigure(
        "hard_digits", "Digits that most networks get wrong", caption, seen, _draw(shown, pixels, lines)
    )


def _told(mistakes: Sequence[Mistake]) -> str:
    """Names the first few."""
    names = [
        f"{'an' if one.label == 8 else 'a'} {one.label} taken for {one.predicted} (no. {one.index})"
        for one in mistakes[:3]
    ]
    return listed(names)
