"""Any picture of one digit, as MNIST's makers would have turned it into 28 × 28 pixels.

LeCun et al. 1998 ("Gradient-based learning applied to document recognition", section III.A): the digit fits
a box of 20 × 20 with its proportions kept and its edges softened; its centre of mass is in the middle.
"""

import struct
import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

WEBP, TIFF = WebPImagePlugin.WebPImageFile.format, TiffImagePlugin.TiffImageFile.format
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", WEBP, TIFF)  # those that are imported: Pillow has fifty
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".webp", ".tif", ".tiff"}
LARGEST = 100_000_000  # pixels, 400 MB when decoded; Pillow compares before it decodes
Image.MAX_IMAGE_PIXELS = LARGEST
DAMAGE = (OSError, ValueError, ArithmeticError, LookupError, TypeError, SyntaxError, EOFError, struct.error)

KEPT = 2000  # pixels of the longer side that are looked at
COARSE, SEARCH, LOOK = 64, 400, 240  # a square of this side has as many pixels as what is looked at
WIDEST = 0.4  # of the shorter side: what is wider than this is paper or its shadow, not a stroke
DARKEST_PAPER = 40  # lightness below which contrast is no longer taken in proportion to it
FAINTEST = 0.05  # contrast of the faintest ink
EDGE = 0.4  # of the ink's contrast; at 0.3 and 0.5 as many test images are right
PIECE = 0.03  # of the mass of the largest piece; what is lighter is dust
GAP = 0.25  # of the digit's size, between its pieces
THINNEST = (
    0.11  # of the digit's size; a quarter of MNIST's strokes are thinner than this, one in 20 than 0.083
)
BOX, SIZE = 20, 28

Array = NDArray[np.float32]


class PictureError(Exception):
    """What is wrong with a picture."""


def open_picture(file: IO[bytes]) -> Image.Image:
    """Decodes a picture: its first frame, upright, as RGB, with no side over 2000 pixels.

    Raises:
        PictureError: It is not a picture, is damaged, or is too large.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(file, formats=FORMATS)
            picture.draft(None, (KEPT, KEPT))  # a JPEG is decoded no larger than need be
            return _flat(ImageOps.exif_transpose(picture))
        except UnidentifiedImageError:
            raise PictureError(f"not a picture that can be read: {', '.join(FORMATS)}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PictureError(f"more than {LARGEST:,} pixels: make it smaller") from None
        except DAMAGE as error:
            raise PictureError(f"damaged picture: {error}") from None


def _flat(picture: Image.Image) -> Image.Image:
    """Returns RGB; what is transparent becomes paper, 16 and 32 bits are scaled by the largest value."""
    if picture.mode.startswith(("I", "F")):
        values = np.clip(np.nan_to_num(np.asarray(picture, np.float32)), 0, None)
        picture = Image.fromarray(np.uint8(values / max(values.max(), 1e-30) * 255))
    see_through = picture.has_transparency_data
    picture = picture.convert("RGBA" if see_through else "RGB")
    picture.thumbnail((KEPT, KEPT))
    if not see_through:
        return picture
    shown = np.asarray(picture)[np.asarray(picture.getchannel("A")) > 127, :3].mean(1)
    if shown.size and shown.std() > 40:  # ink and paper, cut out: more paper
        paper = int(np.median(shown))
    else:  # nothing but ink
        paper = 255 if not shown.size or shown.mean() < 128 else 0
    sheet = Image.new("RGBA", picture.size, (paper, paper, paper))
    return Image.alpha_composite(sheet, picture).convert("RGB")


def to_digit(picture: Image.Image) -> NDArray[np.uint8]:
    """Finds the digit in an RGB picture, first roughly, then again in what is around it.

    Returns:
        uint8, shape (28, 28), 0 is paper and 255 is ink, as MNIST has it.

    Raises:
        PictureError: Nothing stands out from the paper.
    """
    whole = (0.0, 0.0, float(picture.width), float(picture.height))
    view = _resized(picture, whole, SEARCH)
    ink = _ink_direction(view)
    _, rows, columns = _find(_contrast(view, ink))
    margin = 0.3 * max(np.ptp(rows), np.ptp(columns))
    scale = np.array([picture.width / view.width, picture.height / view.height])
    low = (np.array([columns[0], rows[0]]) - margin) * scale
    high = (np.array([columns[1], rows[1]]) + margin) * scale
    near = (*np.maximum(low, 0), *np.minimum(high, picture.size))
    found, rows, columns = _find(_contrast(_resized(picture, near, LOOK), ink))
    return _in_box(_thickened(found[slice(*rows), slice(*columns)]))


def _resized(picture: Image.Image, box: tuple[float, float, float, float], side: int) -> Image.Image:
    """Cuts a box out and gives it side × side pixels, in its own proportions."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(side / np.sqrt(width * height), 4 * side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


def _ink_direction(view: Image.Image) -> Array:
    """Finds which mixture of red, green and blue tells ink from paper best; ink has more of it.

    The mixture is the first principal component of what differs from the surroundings. Ink lies on one side
    of the local median. Only what is narrow counts: the edges of a sheet or of a shadow are no ink.
    """
    details = np.asarray(view, np.float32) - np.asarray(
        view.filter(ImageFilter.GaussianBlur(max(view.size) / 6)), np.float32
    )
    pixels = details.reshape(-1, 3)
    direction: Array = np.linalg.eigh(pixels.T @ pixels)[1][:, -1]
    direction /= np.abs(direction).sum() * (1 if direction.sum() >= 0 else -1)
    coarse = np.asarray(_resized(view, (0, 0, *view.size), COARSE), np.float32) @ direction
    median = np.asarray(Image.fromarray(coarse).filter(ImageFilter.MedianFilter(COARSE // 4 + 1)))
    widest = int(0.3 * min(coarse.shape))
    aside = np.clip(coarse - median, coarse + _opened(-coarse, widest), coarse - _opened(coarse, widest))
    slope = np.hypot(*np.gradient(np.pad(coarse, 1, mode="edge")))[1:-1, 1:-1]
    return direction if (aside * slope).sum() > 0 else -direction


def _contrast(view: Image.Image, ink: Array) -> Array:
    """Returns how far each pixel stands out from the paper around it, in proportion to the light there."""
    values: Array = np.asarray(view, np.float32) @ ink
    paper = _opened(values, int(WIDEST * min(values.shape)))
    return np.asarray((values - paper) / np.maximum(np.abs(paper), DARKEST_PAPER), np.float32)


def _opened(values: Array, width: int) -> Array:
    """Takes away what is high and narrower than `width`: a morphological opening with a square."""
    padded = np.pad(values, 2 * width, mode="edge")
    opened = _highest(-_highest(-padded, width), width)
    return opened[2 * width : -2 * width or None, 2 * width : -2 * width or None]


def _highest(values: Array, width: int) -> Array:
    """Returns the maximum of the square around each pixel, from `width` / 2 left of it to as far right."""
    reach = width // 2
    values = np.pad(values, reach, mode="edge")
    done, all_of_it = 1, 2 * reach + 1
    while done < all_of_it:  # twice as wide each time
        step = min(done, all_of_it - done)
        values = np.maximum(values[:-step], values[step:])
        values = np.maximum(values[:, :-step], values[:, step:])
        done += step
    return values


def _find(contrast: Array) -> tuple[Array, tuple[int, int], tuple[int, int]]:
    """Finds the digit: the heaviest piece of ink, and others beside it that are not dust.

    Returns:
        Ink from 0 to 1, of the same shape, and the rows and columns that the digit lies in, ends excluded.
    """
    lowest, low = np.percentile(contrast, (5, 25))
    noise = low - lowest  # one standard deviation of what is normal, if a quarter of the picture is paper
    contrast = contrast - low - 0.67 * noise
    strong = np.where(contrast > max(5 * noise, FAINTEST), contrast, 0)
    if not strong.any():
        raise PictureError("empty: nothing stands out from the paper")
    level = (strong**3).sum() / (strong**2).sum()
    mask = strong > EDGE * level
    places = np.argwhere(mask)
    _, piece = np.unique(_pieces(mask), return_inverse=True)
    mass = np.bincount(piece, strong[mask] ** 2)
    kept = np.zeros_like(contrast)
    first, last = places[piece == mass.argmax()].min(0), places[piece == mass.argmax()].max(0)
    heavy = np.argsort(-mass)[: np.count_nonzero(mass > PIECE * mass.max())]
    for number in (*heavy, *heavy):  # twice, because a piece may be beside one that comes later
        of_piece = places[piece == number]
        gap = GAP * (last - first).max()
        if (of_piece.min(0) <= last + gap).all() and (of_piece.max(0) >= first - gap).all():
            first, last = np.minimum(first, of_piece.min(0)), np.maximum(last, of_piece.max(0))
            kept[tuple(of_piece.T)] = 1
    ink = np.clip((contrast / level - 0.1) / 0.8, 0, 1) * _highest(kept, 7)
    return ink, (first[0], last[0] + 1), (first[1], last[1] + 1)


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers the pixels of a mask, those that touch alike: scipy.ndimage would take 0.3 s to import.

    Returns:
        Shape (n,), for the n pixels in the order of `np.argwhere`.
    """
    y, x = np.nonzero(np.pad(mask, 1))
    numbers = np.full((mask.shape[0] + 2, mask.shape[1] + 2), -1)
    numbers[y, x] = labels = np.arange(len(y))
    one = np.tile(labels, 4)
    other = np.concatenate(
        [numbers[y, x + 1], numbers[y + 1, x - 1], numbers[y + 1, x], numbers[y + 1, x + 1]]
    )
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
    """Makes strokes thicker that are thinner than MNIST's, as those of a ballpoint pen in a photo are."""
    inside: NDArray[np.bool_] = np.pad(ink > 0.5, 1)
    edges = int(np.diff(inside, axis=0).sum()) + int(np.diff(inside, axis=1).sum())
    width = 2 * np.count_nonzero(inside) / (np.pi / 4 * max(edges, 1))  # area / length; edges go in steps
    missing = int(THINNEST * max(len(ink), ink.shape[1]) - width)
    return _highest(np.pad(ink, missing), missing + 1) if missing > 0 else ink


def _in_box(ink: Array) -> NDArray[np.uint8]:
    """Fits ink into a box of 20 × 20 and puts its centre of mass in the middle of 28 × 28."""
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(scale * side)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    middle = [np.average(np.arange(len(mass)) + 0.5, weights=mass) for mass in (small.sum(1), small.sum(0))]
    top, left = (SIZE + SIZE // 2 - int(at) for at in middle)  # the middle is inside of pixel 14, from 0
    sheet = np.zeros((3 * SIZE, 3 * SIZE), np.float32)
    sheet[top : top + height, left : left + width] = small
    return (255 * sheet[SIZE : 2 * SIZE, SIZE : 2 * SIZE] + 0.5).astype(np.uint8)
