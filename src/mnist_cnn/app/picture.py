"""Any picture of one digit, as MNIST's makers would have turned it into 28 × 28 pixels.

LeCun et al. 1998 ("Gradient-based learning applied to document recognition", section III.A): the digit fits
a box of 20 × 20, proportions kept, edges softened; its centre of mass is in the middle of 28 × 28.
"""

import os
import struct
import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

PLUGINS = (TiffImagePlugin.TiffImageFile, WebPImagePlugin.WebPImageFile)  # else Pillow imports all fifty
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", *(plugin.format for plugin in PLUGINS))
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".webp", ".tif", ".tiff"}
MOST_PIXELS = 100_000_000  # 400 MB when decoded
Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow warns above, before it decodes
DAMAGE = (OSError, ValueError, ArithmeticError, LookupError, TypeError, SyntaxError, EOFError, struct.error)

KEPT = 2000  # pixels of the longer side that are looked at
COARSE, SEARCH, LOOK = 64, 400, 240  # a square of this side has as many pixels as what is looked at
WIDEST = 0.4  # of such a square's side: what is wider is paper or its shadow, and no stroke
DARKEST_PAPER = 40  # lightness below which contrast is not taken in proportion to it
FAINTEST = 0.05  # contrast of the faintest ink
EDGE = 0.4  # of the ink's contrast; with 0.3 and 0.5 as many test images are right
PIECE = 0.03  # of the weight of the heaviest piece; what is lighter is dust
GAP = 0.25  # of the digit's size, between its pieces
THINNEST = 0.11  # of the digit's size; one in three of MNIST's digits has thinner strokes
BOX, SIZE = 20, 28

Array = NDArray[np.floating]


class PictureError(Exception):
    """What is wrong with a picture."""


def open_picture(file: IO[bytes]) -> Image.Image:
    """Decodes a picture: its first frame, upright, as RGB, with no side over 2000 pixels.

    Raises:
        PictureError: It is not a picture, is damaged, or is too large.
    """
    if file.seek(0, os.SEEK_END) == 0:
        raise PictureError("empty: 0 bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(file, formats=FORMATS)
            picture.draft(None, (KEPT, KEPT))  # a JPEG is decoded no larger than need be
            return _flat(picture)
        except UnidentifiedImageError:
            raise PictureError(f"not a picture of these kinds: {', '.join(FORMATS)}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PictureError(f"more than {MOST_PIXELS:,} pixels: make it smaller") from None
        except DAMAGE as error:
            raise PictureError(f"damaged picture: {error}") from None


def _flat(picture: Image.Image) -> Image.Image:
    """Returns RGB; what is transparent becomes paper, 16 and 32 bits are scaled by the largest value."""
    see_through = picture.has_transparency_data
    if picture.mode in ("1", "P", "PA"):  # others are made smaller first, to need less memory
        picture = picture.convert("RGBA" if see_through else "RGB")
    picture.thumbnail((KEPT, KEPT))
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith(("I", "F")):
        values = np.clip(np.nan_to_num(np.asarray(picture, np.float32)), 0, None)
        picture = Image.fromarray(np.uint8(values / max(values.max(), 1e-30) * 255))
    if not see_through:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    shown = np.asarray(picture)[np.asarray(picture.getchannel("A")) > 127, :3].mean(1)
    if shown.size and shown.std() > 40:  # paper that is cut out, with ink on it
        paper = int(np.median(shown))
    else:  # ink alone
        paper = 255 if not shown.size or shown.mean() < 128 else 0
    sheet = Image.new("RGBA", picture.size, (paper, paper, paper))
    return Image.alpha_composite(sheet, picture).convert("RGB")


def to_digit(picture: Image.Image) -> NDArray[np.uint8]:
    """Finds the digit in an RGB picture: roughly at first, then again in what is around it.

    Returns:
        uint8, shape (28, 28), 0 is paper and 255 is ink, as MNIST has it.

    Raises:
        PictureError: Nothing stands out from the paper.
    """
    view = _resized(picture, (0, 0, *picture.size), SEARCH)
    direction = _ink_direction(view)
    _, first, last = _find(_contrast(view, direction))
    margin, scale = 0.3 * (last - first).max(), np.divide(picture.size, view.size)
    left, top = np.maximum((first[::-1] - margin) * scale, 0)
    right, bottom = np.minimum((last[::-1] + margin) * scale, picture.size)
    near = _resized(picture, (left, top, right, bottom), LOOK)
    ink, first, last = _find(_contrast(near, direction))
    return _in_box(_thickened(ink[first[0] : last[0], first[1] : last[1]]))


def _resized(picture: Image.Image, box: tuple[float, float, float, float], side: int) -> Image.Image:
    """Cuts a box out and gives it side × side pixels, in its own proportions."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(side / (width * height) ** 0.5, 4 * side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


def _ink_direction(view: Image.Image) -> Array:
    """Finds the mixture of red, green and blue that tells ink from paper best; ink has more of it.

    It is the first principal component of how pixels differ from their surroundings. Its sign follows from
    the side of the local median that ink is on, at edges, and only as far as it is narrow: the edge of a
    sheet or of a shadow is no ink. Logarithms make a shadow's edge as weak as it looks.
    """
    blurred = view.filter(ImageFilter.GaussianBlur(max(view.size) / 6))
    details = (np.asarray(view, np.float32) - np.asarray(blurred, np.float32)).reshape(-1, 3)
    direction: Array = np.linalg.eigh(details.T @ details)[1][:, -1]
    direction /= np.abs(direction).sum()
    coarse = _resized(view, (0, 0, *view.size), COARSE)
    values = np.log(np.asarray(coarse, np.float32) + 30) @ direction
    median = np.asarray(Image.fromarray(values).filter(ImageFilter.MedianFilter(COARSE // 4 + 1)))
    widest = int(0.3 * min(values.shape))
    low, high = values + _opened(-values, widest), values - _opened(values, widest)
    slope = np.hypot(*np.gradient(np.pad(values, 1, mode="edge")))[1:-1, 1:-1]
    return direction if (np.clip(values - median, low, high) * slope).sum() > 0 else -direction


def _contrast(view: Image.Image, direction: Array) -> Array:
    """Returns how far each pixel stands out from the paper around it, in proportion to the light there."""
    values = np.asarray(view, np.float32) @ direction
    paper = _opened(values, int(WIDEST * values.size**0.5))
    return (values - paper) / np.maximum(np.abs(paper), DARKEST_PAPER)


def _opened(values: Array, width: int) -> Array:
    """Takes away what is high and narrower than `width`: a morphological opening with a square."""
    height, length = values.shape
    padded = np.pad(values, 2 * width, mode="edge")
    opened = _highest(-_highest(-padded, width), width)
    return opened[2 * width : 2 * width + height, 2 * width : 2 * width + length]


def _highest(values: Array, width: int) -> Array:
    """Returns the maximum of the square around each pixel, `width` wide, or one more to be odd."""
    reach = width // 2
    values = np.pad(values, reach, mode="edge")
    done = 1
    while done <= 2 * reach:  # twice as wide each time
        step = min(done, 2 * reach + 1 - done)
        values = np.maximum(values[:-step], values[step:])
        values = np.maximum(values[:, :-step], values[:, step:])
        done += step
    return values


def _find(contrast: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Finds the digit: the heaviest piece of ink, and those beside it that are not dust.

    High powers of the contrast make little of shadows and of the lines on paper, however large they are.

    Returns:
        Ink from 0 to 1, of the same shape; the first row and column of the digit; the ones after the last.
    """
    lowest, low = np.percentile(contrast, (5, 25))
    noise = low - lowest  # a standard deviation of what is normal, if a quarter of the picture is paper
    contrast = contrast - low - 0.67 * noise
    strong = np.where(contrast > max(5 * noise, FAINTEST), contrast, 0)
    if not strong.any():
        raise PictureError("empty: nothing stands out from the paper")
    level = (strong**5).sum() / (strong**4).sum()
    mask = strong > EDGE * level
    places, labels = np.argwhere(mask), _pieces(mask)
    weights = np.bincount(labels, strong[mask] ** 4)
    order = np.argsort(-weights)[: np.count_nonzero(weights > PIECE * weights.max())]
    pieces = [places[labels == label] for label in order]
    first, last = pieces[0].min(0), pieces[0].max(0) + 1
    near = np.zeros_like(contrast)
    for piece in pieces + pieces:  # twice, because a piece may be beside one that comes later
        gap = GAP * (last - first).max()
        if (piece.min(0) < last + gap).all() and (piece.max(0) >= first - gap).all():
            first, last = np.minimum(first, piece.min(0)), np.maximum(last, piece.max(0) + 1)
            near[tuple(piece.T)] = 1
    return np.clip((contrast / level - 0.1) / 0.8, 0, 1) * _highest(near, 7), first, last


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Labels the pixels of a mask, those that touch alike: scipy.ndimage would take 0.3 s to import.

    Returns:
        Shape (n,), for the n pixels in the order of `np.argwhere`.
    """
    y, x = np.nonzero(np.pad(mask, 1))
    numbers = np.full(np.add(mask.shape, 2), -1)
    numbers[y, x] = labels = np.arange(len(y))
    one = np.tile(labels, 4)
    other = np.concatenate([numbers[y, x + 1], *(numbers[y + 1, x + step] for step in (-1, 0, 1))])
    apart = other >= 0
    while apart.any():
        one, other = one[apart], other[apart]
        lower = np.minimum(labels[one], labels[other])
        np.minimum.at(labels, labels[one], lower)
        np.minimum.at(labels, labels[other], lower)
        while (labels != labels[labels]).any():
            labels = labels[labels]
        apart = labels[one] != labels[other]
    return labels


def _thickened(ink: Array) -> Array:
    """Makes strokes thicker that are thinner than MNIST's, as a pen's are in a photo of a large digit."""
    inside = np.pad(ink > 0.5, 1)
    edges = sum(int(np.count_nonzero(np.diff(inside, axis=axis))) for axis in (0, 1))
    width = 2 * np.count_nonzero(inside) / (np.pi / 4 * max(edges, 1))  # area / length; edges go in steps
    missing = int(THINNEST * max(ink.shape) - width)
    return _highest(np.pad(ink, missing), missing + 1) if missing > 0 else ink


def _in_box(ink: Array) -> NDArray[np.uint8]:
    """Fits ink into 20 × 20; its centre of mass comes into pixel 14 of 28, counted from 0, as MNIST's."""
    height, width = (max(1, round(BOX / max(ink.shape) * side)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    middle = [np.average(np.arange(len(mass)) + 0.5, weights=mass) for mass in (small.sum(1), small.sum(0))]
    top, left = (SIZE + SIZE // 2 - int(at) for at in middle)
    sheet = np.zeros((3 * SIZE, 3 * SIZE))
    sheet[top : top + height, left : left + width] = small
    return np.rint(255 * sheet[SIZE : 2 * SIZE, SIZE : 2 * SIZE]).astype(np.uint8)
