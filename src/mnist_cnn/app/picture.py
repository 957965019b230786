"""Converts a picture of one digit into an image of 28 × 28 pixels in the form of MNIST.

LeCun et al. 1998 ("Gradient-based learning applied to document recognition", section III.A): the digit fits
into a box of 20 × 20 pixels, its proportions are kept, and its centre of mass is in the middle of 28 × 28.
"""

import os
import struct
import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin
from scipy import ndimage

from mnist_cnn.core.mnist import IMAGE_SIZE

PLUGINS = TiffImagePlugin.TiffImageFile, WebPImagePlugin.WebPImageFile  # or Pillow would import all plugins
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", *(plugin.format for plugin in PLUGINS))
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".webp", ".tif", ".tiff"}
MAX_PIXELS = 100_000_000  # which take 400 MB when they are decoded
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns above, before it decodes
DAMAGE = OSError, ValueError, ArithmeticError, LookupError, TypeError, SyntaxError, EOFError, struct.error

MAX_SIDE = 2000  # pixels; a larger picture is made smaller
SIGN_SIDE, SEARCH_SIDE, DETAIL_SIDE = 64, 400, 240  # a square of this side has as many pixels as the picture
MAX_STROKE = 0.4  # width, as a share of such a side; what is wider is paper or its shadow
MIN_PAPER = 40  # lightness below which contrast is not divided by the lightness of the paper
MIN_CONTRAST = 0.05  # of ink
EDGE_CONTRAST = 0.4  # share of the ink's; with 0.3 and 0.5 as many test images are classified correctly
MIN_PIECE = 0.03  # share of the heaviest piece's weight; what is lighter is dust
MAX_GAP = 0.25  # between pieces, as a share of the digit's size
MIN_STROKE = 0.11  # width, as a share of the digit's size; one in three of MNIST's digits has thinner strokes
BOX_SIZE = 20

Array = NDArray[np.floating]


class PictureError(Exception):
    """The message says what is wrong with a picture."""


def open_picture(file: IO[bytes]) -> Image.Image:
    """Decodes the first frame of a picture.

    Returns:
        An upright RGB picture with no side over 2000 pixels.

    Raises:
        PictureError: The file is not a picture, is damaged, or has too many pixels.
    """
    if file.seek(0, os.SEEK_END) == 0:
        raise PictureError("empty: 0 bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of unusual metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture: Image.Image = Image.open(file, formats=FORMATS)
            picture.draft(None, (MAX_SIDE, MAX_SIDE))  # a JPEG file is decoded no larger than necessary
            transparent = picture.has_transparency_data
            if picture.mode in ("1", "P", "PA"):  # others are made smaller first, which needs less memory
                picture = picture.convert("RGBA" if transparent else "RGB")
            picture.thumbnail((MAX_SIDE, MAX_SIDE))
            ImageOps.exif_transpose(picture, in_place=True)
        except UnidentifiedImageError:
            raise PictureError(f"not a picture of these formats: {', '.join(FORMATS)}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PictureError(f"more than {MAX_PIXELS:,} pixels: make it smaller") from None
        except DAMAGE as error:
            raise PictureError(f"damaged picture: {error}") from None
    return _to_rgb(picture, transparent)


def _to_rgb(picture: Image.Image, transparent: bool) -> Image.Image:
    """Puts a background behind transparent pixels, and scales 16 and 32 bits by the largest value."""
    if picture.mode.startswith(("I", "F")):
        values = np.clip(np.nan_to_num(np.asarray(picture, np.float32)), 0, None)
        picture = Image.fromarray(np.uint8(values / max(values.max(), 1e-30) * 255))
    if not transparent:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    opaque = np.asarray(picture)[np.asarray(picture.getchannel("A")) > 127, :3].mean(1)
    if opaque.size and opaque.std() > 40:  # a cut-out sheet of paper with ink on it
        paper = int(np.median(opaque))
    else:  # ink alone
        paper = 255 if not opaque.size or opaque.mean() < 128 else 0
    background = Image.new("RGBA", picture.size, (paper, paper, paper))
    return Image.alpha_composite(background, picture).convert("RGB")


def to_digit(picture: Image.Image) -> NDArray[np.uint8]:
    """Finds the digit in an RGB picture, first in the whole picture, then with more detail around the digit.

    Returns:
        uint8, shape (28, 28), 0 is the background and 255 is ink, as in MNIST.

    Raises:
        PictureError: There is no ink.
    """
    whole = _crop(picture, (0, 0, *picture.size), SEARCH_SIDE)
    direction = _ink_direction(whole)
    _, first, last = _find_digit(_contrast(whole, direction))
    margin, scale = 0.3 * (last - first).max(), np.divide(picture.size, whole.size)
    left, top = np.maximum((first[::-1] - margin) * scale, 0)
    right, bottom = np.minimum((last[::-1] + margin) * scale, picture.size)
    region = _crop(picture, (left, top, right, bottom), DETAIL_SIDE)
    ink, first, last = _find_digit(_contrast(region, direction))
    return _fit_into_box(_thicken(ink[first[0] : last[0], first[1] : last[1]]))


def _crop(picture: Image.Image, box: tuple[float, float, float, float], side: int) -> Image.Image:
    """Crops a box and resizes it to side² pixels; the proportions are kept."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(side / (width * height) ** 0.5, 4 * side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


def _ink_direction(picture: Image.Image) -> Array:
    """Finds the mixture of red, green and blue that separates ink from paper best; ink has more of it.

    It is the first principal component of the differences between pixels and their surroundings. Its sign
    follows from the side of the local median on which the ink is, at edges, and only as far as the ink is
    narrow: the edge of a sheet or of a shadow is not ink. Logarithms reduce the contrast of a shadow.
    """
    blurred = picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 6))
    details = (np.asarray(picture, np.float32) - np.asarray(blurred, np.float32)).reshape(-1, 3)
    direction: Array = np.linalg.eigh(details.T @ details)[1][:, -1]
    direction /= np.abs(direction).sum()
    small = _crop(picture, (0, 0, *picture.size), SIGN_SIDE)
    values = np.log(np.asarray(small, np.float32) + 30) @ direction
    median = np.asarray(Image.fromarray(values).filter(ImageFilter.MedianFilter(SIGN_SIDE // 4 + 1)))
    width = int(0.3 * min(values.shape))
    low, high = values + _opening(-values, width), values - _opening(values, width)
    slope = np.hypot(*np.gradient(np.pad(values, 1, mode="edge")))[1:-1, 1:-1]
    return direction if (np.clip(values - median, low, high) * slope).sum() > 0 else -direction


def _contrast(picture: Image.Image, direction: Array) -> Array:
    """Returns the difference of each pixel from the paper around it, relative to the lightness there."""
    values = np.asarray(picture, np.float32) @ direction
    paper = _opening(values, int(MAX_STROKE * values.size**0.5))
    return (values - paper) / np.maximum(np.abs(paper), MIN_PAPER)


def _opening(values: Array, width: int) -> Array:
    """Removes what is high and narrower than `width`: a morphological opening with a square."""
    padded = np.pad(values, 2 * width, mode="edge")
    opened: Array = ndimage.grey_opening(padded, (width // 2 * 2 + 1,) * 2, mode="nearest")
    return opened[2 * width :, 2 * width :][: len(values), : values.shape[1]]


def _find_digit(contrast: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Finds the heaviest connected piece of ink, and those near it that are not dust.

    High powers of the contrast give little weight to shadows and to lines on the paper, however large.

    Returns:
        Ink from 0 to 1, of the same shape; the first row and column of the digit; the ones after the last.
    """
    lowest, low = np.percentile(contrast, (5, 25))
    noise = low - lowest  # one standard deviation of normal noise, if a quarter of the picture is paper
    contrast = contrast - low - 0.67 * noise
    strong = np.where(contrast > max(5 * noise, MIN_CONTRAST), contrast, 0)
    if not strong.any():
        raise PictureError("empty: no ink was found")
    level = (strong**5).sum() / (strong**4).sum()
    mask = strong > EDGE_CONTRAST * level
    labels, _ = ndimage.label(mask, np.ones((3, 3), bool))
    weights = np.bincount(labels[mask], strong[mask] ** 4)[1:]
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights > MIN_PIECE * weights.max())]
    boxes = np.array([[(side.start, side.stop) for side in box] for box in ndimage.find_objects(labels)])
    first, last = boxes[order[0]].T
    near = np.zeros(len(boxes) + 1, bool)
    for piece in [*order, *order]:  # twice, because a piece may be near one that comes later
        start, stop = boxes[piece].T
        gap = MAX_GAP * (last - first).max()
        if (start < last + gap).all() and (stop > first - gap).all():
            first, last = np.minimum(first, start), np.maximum(last, stop)
            near[piece + 1] = True
    around = ndimage.binary_dilation(near[labels], np.ones((7, 7), bool))
    return np.clip((contrast / level - 0.1) / 0.8, 0, 1) * around, first, last


def _thicken(ink: Array) -> Array:
    """Thickens strokes that are thinner than MNIST's, as those of a pen in a photo of a large digit."""
    inside = np.pad(ink > 0.5, 1)
    edges = sum(int(np.count_nonzero(np.diff(inside, axis=axis))) for axis in (0, 1))
    width = 2 * np.count_nonzero(inside) / (np.pi / 4 * max(edges, 1))  # area / length; edges go in steps
    missing = int(MIN_STROKE * max(ink.shape) - width)
    if missing <= 0:
        return ink
    thick: Array = ndimage.maximum_filter(np.pad(ink, missing), (missing + 1) // 2 * 2 + 1, mode="nearest")
    return thick


def _fit_into_box(ink: Array) -> NDArray[np.uint8]:
    """Shrinks ink into 20 × 20 pixels, and moves its centre of mass into pixel 14 of 28, counted from 0.

    Where the centre of mass is far from the middle of the digit, it is moved only as far as the digit fits.
    """
    size = np.maximum(1, np.rint(BOX_SIZE / max(ink.shape) * np.array(ink.shape))).astype(int)
    small = np.asarray(Image.fromarray(ink).resize(size[::-1].tolist(), Image.Resampling.BOX))
    centre = (np.array(ndimage.center_of_mass(small)) + 0.5).astype(int)
    top, left = np.clip(IMAGE_SIZE // 2 - centre, 0, IMAGE_SIZE - size)
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE))
    image[top : top + size[0], left : left + size[1]] = small
    return np.rint(255 * image).astype(np.uint8)
