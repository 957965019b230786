"""The texts of a figure: where they are drawn, and whether they are cut or overlap."""

import warnings
from collections.abc import Iterator
from itertools import combinations

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnist_cnn.reporting.figures import style


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Returns the texts that are drawn, with their boxes in pixels."""
    boxes: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(text: Text, *args: object, **kwargs: object) -> None:
        if text.get_visible() and text.get_text().strip():
            boxes.append((text.get_text(), Text.get_window_extent(text)))
        draw(text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, style.figure_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(Text, "draw", recording)
        figure.draw_without_rendering()
    return boxes


def defects(figure: Figure) -> Iterator[str]:
    """Yields which texts are cut by the edge and which overlap; numbers in markers lie where these lie."""
    boxes = text_boxes(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            yield f"{text!r} is cut"
    for (first, one), (second, other) in combinations(boxes, 2):
        overlap = Bbox.intersection(one, other)
        in_markers = first.isdigit() and second.isdigit()
        if not in_markers and overlap is not None and overlap.width > 1 and overlap.height > 3:
            yield f"{first!r} and {second!r} overlap"
