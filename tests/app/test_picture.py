"""The conversion of pictures: the same figure gives the same image, however it was drawn or photographed."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from mnist_cnn.app.picture import PictureError, open_picture, to_digit

Array = NDArray[np.float64]
SIDE = 400


def draw(side: int = SIDE, pen: float = 0.11, margin: float = 0.2) -> Array:
    """Draws a 5 whose bar stands apart from the rest; 0 is paper and 1 is ink."""
    scale = side * (1 - 2 * margin)
    sheet = Image.new("L", (side, side))
    canvas, width = ImageDraw.Draw(sheet), round(pen * scale)
    for line in (
        [(0.2, 0.05), (0.2, 0.45), (0.55, 0.4), (0.72, 0.6), (0.6, 0.88), (0.15, 0.95)],
        [(0.33, 0.05), (0.75, 0.05)],
    ):
        points = [tuple(side * margin + scale * at for at in point) for point in line]
        canvas.line(points, 255, width, "curve")
    return np.asarray(sheet, np.float64) / 255


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def paint(ink: Array, pen: tuple[int, int, int] = (30, 30, 30), paper: object = (235, 230, 215)) -> Array:
    return ink[..., None] * pen + (1 - ink[..., None]) * np.asarray(paper)


def to_picture(values: Array) -> Image.Image:
    return Image.fromarray(np.uint8(np.clip(values, 0, 255)))


def save_and_open(picture: Image.Image, form: str, **options: object) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return open_picture(file)


def difference(picture: Image.Image, expected: NDArray[np.uint8]) -> float:
    """Returns the mean absolute difference; that of its mirror image is above 30."""
    return float(np.abs(to_digit(picture).astype(float) - expected).mean())


@pytest.fixture(scope="module")
def five() -> NDArray[np.uint8]:
    return to_digit(to_picture(paint(draw())))


def test_box_and_centre_are_those_of_mnist(five: NDArray[np.uint8]) -> None:
    rows, columns = np.flatnonzero(five.max(1)), np.flatnonzero(five.max(0))
    height, width = (np.ptp(indices) + 1 for indices in (rows, columns))
    assert height == 20
    assert width == pytest.approx(20 * 0.66 / 1.01, abs=1)  # of the figure with its pen
    assert five.max() == 255
    for axis in (0, 1):
        middle = np.average(np.arange(28) + 0.5, weights=five.sum(axis).astype(float))
        assert 14 <= middle < 15


def test_another_figure_looks_different(five: NDArray[np.uint8]) -> None:
    assert difference(to_picture(paint(draw()[:, ::-1])), five) > 30


X, Y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
LIGHT = (0.8 + 0.3 * X) * (1 - 0.2 * (X**2 + Y**2))
SHADOW = np.where(X + 0.6 * Y > 0.1, 0.5, 1.0)
LINES = np.where((np.arange(SIDE) % 32 < 2)[:, None], 0.8, 1.0)
SHEET = np.pad(np.ones((SIDE, SIDE)), 90, constant_values=0.2)
DARK, PAPER = (30, 30, 30), np.array([235, 230, 215])

VARIANTS: dict[str, Callable[[], Image.Image]] = {
    "light on dark": lambda: to_picture(255 - paint(draw())),
    "same lightness": lambda: to_picture(paint(draw(), (200, 40, 40), (20, 113, 160))),
    "faint": lambda: to_picture(paint(draw(), (150, 150, 150), (170, 170, 170))),
    "small": lambda: to_picture(paint(draw())).resize((48, 48), Image.Resampling.BOX),
    "large": lambda: to_picture(paint(draw(1900))),
    "soft": lambda: to_picture(paint(draw())).filter(ImageFilter.GaussianBlur(6)),
    "no margin": lambda: to_picture(paint(draw(margin=0.06))),
    "in a corner": lambda: to_picture(paint(np.pad(draw(200), ((0, 600), (900, 0))))),
    "uneven light": lambda: to_picture(LIGHT[..., None] * paint(draw())),
    "shadow": lambda: to_picture((SHADOW * LIGHT)[..., None] * paint(draw())),
    "ruled": lambda: to_picture(paint(draw(), DARK, LINES[..., None] * PAPER)),
    "on a desk": lambda: to_picture(paint(np.pad(draw(), 90), DARK, SHEET[..., None] * PAPER)),
    "noise": lambda: to_picture(paint(draw()) + generator().normal(0, 25, (SIDE, SIDE, 1))),
    "dust": lambda: to_picture(
        paint(np.maximum(draw(), ndimage.maximum_filter(generator().random((SIDE, SIDE)) > 0.9996, 3)))
    ),
    "black and white": lambda: save_and_open(to_picture(paint(draw())).convert("1", dither=0), "PNG"),
    "palette": lambda: save_and_open(to_picture(paint(draw())).quantize(8), "GIF"),
    "for print": lambda: save_and_open(to_picture(paint(draw())).convert("CMYK"), "JPEG"),
    "16 bits": lambda: save_and_open(Image.fromarray(np.uint16(4000 - 3500 * draw())), "PNG"),
    "32 bits": lambda: save_and_open(Image.fromarray(np.float32(7 - 6 * draw())), "TIFF"),
    "black ink alone": lambda: transparent(0),
    "white ink alone": lambda: transparent(255),
}


def transparent(lightness: int) -> Image.Image:
    ink = Image.new("L", (SIDE, SIDE), lightness)
    ink.putalpha(to_picture(255 * draw()))
    return save_and_open(ink, "PNG")


@pytest.mark.parametrize("name", VARIANTS)
def test_figure_looks_the_same(five: NDArray[np.uint8], name: str) -> None:
    assert difference(VARIANTS[name](), five) < 10


def test_paper_with_transparent_corners_keeps_its_ink(five: NDArray[np.uint8]) -> None:
    picture, shape = to_picture(paint(draw())), Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(shape).rounded_rectangle((9, 9, SIDE - 9, SIDE - 9), 80, 255)
    picture.putalpha(shape)
    assert difference(save_and_open(picture, "PNG"), five) < 10


def test_thin_strokes_become_as_thick_as_mnist(five: NDArray[np.uint8]) -> None:
    thin = to_digit(to_picture(paint(draw(1600, pen=0.012))))
    assert thin.max() == 255
    assert thin.sum() == pytest.approx(five.sum(), rel=0.2)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_picture_is_turned_as_the_camera_says(five: NDArray[np.uint8], orientation: int) -> None:
    undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # numbers of Image.Transpose
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = to_picture(paint(np.pad(draw(), ((0, 100), (0, 0))))).transpose(Image.Transpose(undone))
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert difference(save_and_open(stored, form, exif=exif), five) < 10


def test_top_heavy_figure_is_complete() -> None:
    """Its centre of mass is so far from its middle that it has no place in the middle of the image."""
    figure = np.zeros((SIDE, SIDE))
    figure[50:130, 50:350], figure[130:350, 190:210] = 1, 1
    for turns in range(4):
        digit = to_digit(to_picture(paint(np.rot90(figure, turns))))
        assert [np.count_nonzero(digit.any(axis)) for axis in (0, 1)] == [20, 20]


BLANK: dict[str, Callable[[], Array]] = {
    "paper": lambda: np.full((300, 200, 3), 240.0),
    "one pixel": lambda: np.zeros((1, 1, 3)),
    "a line of pixels": lambda: np.full((1, 3000, 3), 9.0),
    "uneven light": lambda: LIGHT[..., None] * PAPER,
    "noise": lambda: 128 + generator().normal(0, 30, (500, 700, 1)) * np.ones(3),
}


@pytest.mark.parametrize("name", BLANK)
def test_blank_picture_has_no_digit(name: str) -> None:
    with pytest.raises(PictureError, match="no ink was found"):
        to_digit(to_picture(BLANK[name]()))


def test_other_formats_are_refused() -> None:
    for form in ("ICO", "PCX", "TGA"):
        with pytest.raises(PictureError, match="not a picture of these formats: PNG, JPEG"):
            save_and_open(to_picture(paint(draw())), form)


def test_damaged_files_are_refused_as_such() -> None:
    """Whatever bytes are changed, the result is a picture or a PictureError of one line."""
    rng, refused = generator(), 0
    for form in ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF"):
        file = io.BytesIO()
        options = {"compression": "tiff_lzw"} if form == "TIFF" else {}
        to_picture(paint(draw(60))).save(file, form, **options)
        for _ in range(60):
            content = bytearray(file.getvalue())
            for index in rng.integers(0, min(len(content), 400), 4):
                content[index] = rng.integers(256)
            length = rng.integers(1, len(content) + 1) if rng.random() < 0.5 else len(content)
            try:
                open_picture(io.BytesIO(content[:length]))
            except PictureError as error:
                refused += "\n" not in str(error)
    assert refused > 100
