"""Places labels so that they cover neither each other nor what they name: pixels of a settled figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from mnist_cnn.figures.style import DPI, GREY, SMALL

POINT = DPI / 72  # pixels
Pixels = NDArray[np.float64]  # shape (n, 2)
REACH = (9, 14, 20, 28, 38, 50, 64, 80)  # points from a mark to its label
ANGLES = tuple(math.radians(angle) for angle in (0, 180, 90, 270, 35, 145, 325, 215, 60, 120, 300, 240))
DOTS_EVERY = 8  # pixels
LEADER_FROM = 6  # points: a nearer label needs no line to its mark


@dataclass(frozen=True)
class Mark:
    """A point in data coordinates with the label that it should get."""

    x: float
    y: float
    text: str
    bold: bool = False


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Moves positions apart to at least `gap`, as little as possible, within limits and in their order.

    Least squares under that condition is an isotonic regression of the positions less i × gap. Where there
    is not room for all, the gap shrinks.
    """
    if not positions:
        return []
    order = np.argsort(positions, kind="stable")
    steps = min(gap, (high - low) / max(len(order) - 1, 1)) * np.arange(len(order))
    wanted = np.asarray(positions, float)[order] - steps
    moved = np.clip(isotonic_regression(wanted).x, low, high - steps[-1]) + steps
    result = np.empty(len(order))
    result[order] = moved
    return [float(value) for value in result]


def spread_beside(axes: Axes, texts: Sequence[Annotation], starts: Sequence[float] | None = None) -> None:
    """Moves texts that `style.beside` wrote apart, and leads a thin line to each.

    Args:
        axes: Of a settled figure.
        texts: All texts of the column.
        starts: Where the lines begin, in the data's x; by default at the edge of the axes.
    """
    gap = max((text.get_window_extent().height for text in texts), default=0.0) * 1.15
    edge = axes.transData.inverted().transform((axes.bbox.x1, 0))[0]
    heights = [text.xy[1] for text in texts]
    begins = axes.transData.transform(list(zip(starts or [edge] * len(texts), heights, strict=True)))
    moved = spread([float(y) for _, y in begins], gap, axes.bbox.y0 + gap / 4, axes.bbox.y1)
    for text, (x, old), new in zip(texts, begins, moved, strict=True):
        distance = text.xyann[0]
        text.set_position((distance, (new - old) / POINT))
        ends = [(x, old), (axes.bbox.x1 + (distance - 3) * POINT, new)]
        line = axes.transData.inverted().transform(ends)
        look: dict[str, Any] = {"color": GREY, "linewidth": 0.6, "clip_on": False, "zorder": 1.2}
        axes.plot(*line.T, **look, scalex=False, scaley=False)


def dots_along(start: Pixels, end: Pixels) -> list[tuple[float, float]]:
    """Returns points that stand for a line, in pixels, where labels look for room."""
    steps = int(np.hypot(*(end - start)) / DOTS_EVERY) + 1
    return [tuple(start + (end - start) * i / steps) for i in range(steps + 1)]


def place_labels(
    axes: Axes, marks: Sequence[Mark], blocked: Sequence[Bbox], disliked: Sequence[tuple[float, float]]
) -> list[Mark]:
    """Writes a label beside each mark, the first marks first; one for which there is no room gets none.

    Args:
        axes: Of a settled figure.
        marks: In order of importance.
        blocked: Boxes in pixels that no label may touch.
        disliked: Points in pixels that labels had better not cover.

    Returns:
        The marks that have a label.
    """
    taken, dots = list(blocked), np.array(disliked).reshape(-1, 2)
    others = axes.transData.transform([(mark.x, mark.y) for mark in marks])
    inside = Bbox.from_extents(axes.bbox.x0 + 2, axes.bbox.y0 + 2, axes.bbox.x1 - 2, axes.bbox.y1 - 2)
    placed = []
    for mark in marks:
        text = _write(axes, mark)
        spot = _best_spot(axes, text, inside, taken, dots, others)
        if spot is None:
            text.remove()
            continue
        _move(axes, text, spot)
        taken.append(spot.padded(2))
        placed.append(mark)
    return placed


def _write(axes: Axes, mark: Mark) -> Annotation:
    """Writes a label on top of its mark."""
    return axes.annotate(
        mark.text,
        (mark.x, mark.y),
        (0, 0),
        textcoords="offset points",
        fontsize=SMALL,
        fontweight="bold" if mark.bold else "normal",
        va="center",
        ha="center",
        zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
    )


def _best_spot(
    axes: Axes, text: Annotation, inside: Bbox, taken: Sequence[Bbox], dots: Pixels, marks: Pixels
) -> Bbox | None:
    """Finds the nearest free box around a mark, or a farther one that covers fewer dots.

    A box that is nearer to another mark would be read as its label.
    """
    size = text.get_window_extent()
    x, y = axes.transData.transform(text.xy)
    best, least = None, math.inf
    for reach in REACH:
        for angle in ANGLES:
            spot = _box(x, y, size, reach * POINT, angle)
            nearer = (_distances(spot, marks) < _distances(spot, np.array([[x, y]])) - 1).sum()
            cost = reach + 4.0 * _covered(spot, dots) + 25.0 * nearer
            if cost < least and _free(spot, inside, taken):
                best, least = spot, cost
    return best


def _box(x: float, y: float, size: Bbox, reach: float, angle: float) -> Bbox:
    """Returns the box of a label whose nearest edge is `reach` away from the mark."""
    across, up = math.cos(angle), math.sin(angle)
    left = x + reach * across + (0 if across > 0.01 else -size.width if across < -0.01 else -size.width / 2)
    bottom = y + reach * up - size.height / 2 * (1 - up)
    return Bbox.from_bounds(left, bottom, size.width, size.height)


def _covered(spot: Bbox, dots: Pixels) -> int:
    """Counts the dots inside a box."""
    inside = (dots > (spot.x0, spot.y0)) & (dots < (spot.x1, spot.y1))
    return int(inside.all(axis=1).sum())


def _distances(spot: Bbox, places: Pixels) -> NDArray[np.float64]:
    """Returns the distances of places from the edge of a box; 0 inside."""
    across = np.maximum(np.maximum(spot.x0 - places[:, 0], places[:, 0] - spot.x1), 0)
    up = np.maximum(np.maximum(spot.y0 - places[:, 1], places[:, 1] - spot.y1), 0)
    distances: NDArray[np.float64] = np.hypot(across, up)
    return distances


def _free(spot: Bbox, inside: Bbox, taken: Sequence[Bbox]) -> bool:
    """Whether a box is within the axes and touches nothing."""
    if not (inside.x0 <= spot.x0 and spot.x1 <= inside.x1 and inside.y0 <= spot.y0 and spot.y1 <= inside.y1):
        return False
    return not any(box.overlaps(spot) for box in taken)


def _move(axes: Axes, text: Annotation, spot: Bbox) -> None:
    """Moves a label into its box and, if that is far, draws a line to its mark."""
    x, y = axes.transData.transform(text.xy)
    middle = ((spot.x0 + spot.x1) / 2, (spot.y0 + spot.y1) / 2)
    text.set_position(((middle[0] - x) / POINT, (middle[1] - y) / POINT))
    edge = min(max(x, spot.x0), spot.x1), min(max(y, spot.y0), spot.y1)
    if math.dist(edge, (x, y)) > LEADER_FROM * POINT:
        ends = axes.transData.inverted().transform([(x, y), edge])
        axes.plot(*ends.T, color=GREY, linewidth=0.6, zorder=2.5, scalex=False, scaley=False)
