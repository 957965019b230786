"""Simulates pictures as people take them, and prints how many of them `mnist-cnn predict` reads correctly.

    python -m benchmarks.drawings    prints the table of docs/predict.md

Run it at the top of the repository after `dvc repro export`. A kind of picture is a function of a test image
and a random generator; it returns the content of a picture file.
"""

import io
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from mnist_cnn.app.picture import open_picture, to_digit
from mnist_cnn.app.predict import SURE, load_session, predict_probabilities
from mnist_cnn.core.command import run
from mnist_cnn.core.images import load_test_images
from mnist_cnn.core.paths import EXPORT, PREPARED

PICTURES = 100  # per kind

Pixels = NDArray[np.uint8]  # (28, 28)
Ink = NDArray[np.floating]  # 0 is paper, 1 is ink
Colours = NDArray[np.floating]  # (height, width, 3), 0 to 255
Rng = np.random.Generator

FILTERS = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
PENS = ((20, 20, 25), (25, 40, 130), (30, 60, 60), (150, 25, 30), (70, 70, 75))


def enlarge(image: Pixels, size: int, method: Image.Resampling = Image.Resampling.BICUBIC) -> Ink:
    """Enlarges an image to size × size."""
    return np.asarray(Image.fromarray(image).resize((size, size), method), np.float32) / 255


def sharpen(image: Pixels, size: int, threshold: float = 0.5) -> Ink:
    """Enlarges an image with edges as sharp as a pen's; a lower threshold makes the strokes thicker."""
    return np.clip((enlarge(image, size) - threshold) * size / 60 + 0.5, 0, 1)


def paste(ink: Ink, rng: Rng, width: int, height: int) -> Ink:
    """Puts ink at a random position of an empty sheet."""
    sheet = np.zeros((height, width), np.float32)
    top, left = rng.integers(0, height - len(ink) + 1), rng.integers(0, width - ink.shape[1] + 1)
    sheet[top : top + len(ink), left : left + ink.shape[1]] = ink
    return sheet


def rotate(ink: Ink, degrees: float) -> Ink:
    """Rotates ink about its middle."""
    picture = Image.fromarray(np.uint8(255 * ink)).rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255


def skeleton(image: Pixels, size: int, width: float) -> Ink:
    """Draws the middle lines of the strokes with a pen that is `width` pixels wide."""
    inside = enlarge(image, size) > 0.5
    depth = ndimage.distance_transform_edt(inside)
    ridge = inside & (depth >= ndimage.maximum_filter(depth, 3) - 0.3)
    ridge &= depth > 0.3 * depth.max()
    distance = ndimage.distance_transform_edt(~ndimage.binary_closing(ridge, iterations=size // 60 + 1))
    return np.clip((width / 2 - distance) + 0.5, 0, 1).astype(np.float32)


def random_colours(rng: Rng, contrast: float = 120) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Draws an ink and a paper that differ enough in lightness and in one colour."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3)).astype(float)
        if np.abs(ink - paper).max() >= contrast and abs((ink - paper) @ [0.3, 0.59, 0.11]) >= contrast / 3:
            return ink, paper


def paint(ink: Ink, colour: NDArray[np.floating], paper: NDArray[np.floating]) -> Colours:
    """Colours ink and paper."""
    return (paper + ink[..., None] * (colour - paper)).astype(np.float32)


def to_picture(colours: Colours) -> Image.Image:
    """Rounds colours to 8 bits."""
    return Image.fromarray(np.uint8(np.clip(colours, 0, 255) + 0.5))


def save(picture: Image.Image, form: str, **options: object) -> bytes:
    """Returns the content of a picture file."""
    content = io.BytesIO()
    picture.save(content, form, **options)
    return content.getvalue()


def save_jpeg(picture: Image.Image, rng: Rng, **options: object) -> bytes:
    """Returns the content of a JPEG file of random quality."""
    return save(picture, "JPEG", quality=int(rng.integers(40, 95)), **options)


def save_painted(ink: Ink, rng: Rng) -> bytes:
    """Returns the content of a PNG file in random colours."""
    return save(to_picture(paint(ink, *random_colours(rng))), "PNG")


def light(rng: Rng, height: int, width: int) -> Ink:
    """Simulates light that comes from one side, and a lens that darkens the corners."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = 1 + rng.uniform(0.1, 0.4) * (np.cos(angle) * x + np.sin(angle) * y) / 1.4
    brightness: Ink = (slope * (1 - rng.uniform(0, 0.2) * (x**2 + y**2))).astype(np.float32)
    return brightness


def shade(rng: Rng, height: int, width: int) -> Ink:
    """Simulates the shadow of a hand on up to half of the picture, with a sharp or a soft edge."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * x + np.sin(angle) * y + 0.2 * np.sin(3 * x) - rng.uniform(-0.4, 0.4)
    shadow = 1 / (1 + np.exp(-side * rng.uniform(10, 200)))
    brightness: Ink = (1 - rng.uniform(0.3, 0.6) * shadow).astype(np.float32)
    return brightness


def rule(rng: Rng, shape: tuple[int, ...], squares: bool) -> Ink:
    """Draws the lines or squares of a school notebook."""
    height, width = shape
    sheet = Image.new("L", (width, height))
    draw, distance = ImageDraw.Draw(sheet), int(rng.integers(height // 25, height // 8))
    stroke = max(1, distance // 30)
    for position in range(int(rng.integers(distance)), max(width, height), distance):
        draw.line((0, position, width, position), 255, stroke)
        if squares:
            draw.line((position, 0, position, height), 255, stroke)
    return np.asarray(sheet, np.float32) / 255


def write(image: Pixels, rng: Rng) -> Ink:
    """Writes the digit with a pen, slightly rotated, on a part of a sheet."""
    height, width = (int(rng.integers(500, 1000)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.35, 0.95))
    return paste(rotate(sharpen(image, size), rng.uniform(-8, 8)), rng, width, height)


def photograph(ink: Ink, rng: Rng, brightness: Ink, lines: Ink | None = None) -> bytes:
    """Takes a photo of ink on paper, with a soft lens, noise and JPEG compression."""
    pen = np.array(PENS[rng.integers(len(PENS))], float)
    paper = rng.uniform(190, 245) - np.array([0, 4, 18.0])
    colours = paint(ink, pen, paper)
    if lines is not None:
        colours = np.minimum(colours, paint(lines, rng.uniform(0.75, 0.85) * paper + [0, 5, 15], paper))
    lens = ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6))
    blurred = np.asarray(to_picture(colours * brightness[..., None]).filter(lens), np.float32)
    return save_jpeg(to_picture(blurred + rng.normal(0, rng.uniform(1, 8), (*ink.shape, 1))), rng)


# The kinds of pictures: their names are the rows of the table.


def as_it_is(image: Pixels, rng: Rng) -> bytes:
    """Saves the image itself, or its negative."""
    return save(Image.fromarray(image if rng.random() < 0.5 else 255 - image), "PNG")


def larger(image: Pixels, rng: Rng) -> bytes:
    """Enlarges the image."""
    ink = enlarge(image, int(rng.integers(40, 2001)), FILTERS[rng.integers(3)])
    return save(Image.fromarray(np.uint8(255 * ink)), "PNG", compress_level=1)


def inverted(image: Pixels, rng: Rng) -> bytes:
    """Enlarges the negative."""
    ink = enlarge(image, int(rng.integers(40, 1000)), FILTERS[rng.integers(3)])
    return save(Image.fromarray(np.uint8(255 - 255 * ink)), ("PNG", "BMP", "WEBP", "TIFF")[rng.integers(4)])


def coloured(image: Pixels, rng: Rng) -> bytes:
    """Paints the image in two colours."""
    ink = enlarge(image, int(rng.integers(40, 800)), FILTERS[rng.integers(3)])
    picture = to_picture(paint(ink, *random_colours(rng)))
    return save(picture.quantize(16), "GIF") if rng.random() < 0.3 else save(picture, "PNG")


def soft(image: Pixels, rng: Rng) -> bytes:
    """Blurs the image."""
    size = int(rng.integers(60, 900))
    ink = enlarge(image, size, FILTERS[rng.integers(3)])
    picture = to_picture(paint(ink, *random_colours(rng)))
    return save(picture.filter(ImageFilter.GaussianBlur(size * rng.uniform(0, 0.05))), "PNG")


def off_centre(image: Pixels, rng: Rng) -> bytes:
    """Puts the image on a sheet of other proportions."""
    size = int(rng.integers(40, 300))
    width, height = (int(size * rng.uniform(1, 6)) for _ in range(2))
    return save_painted(paste(enlarge(image, size), rng, width, height), rng)


def cropped(image: Pixels, rng: Rng) -> bytes:
    """Crops the image to the digit."""
    rows, columns = (np.flatnonzero(image.max(axis) > 60) for axis in (1, 0))
    digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = int(rng.integers(3, 30))
    size = digit.shape[1] * scale, digit.shape[0] * scale
    ink = np.asarray(Image.fromarray(digit).resize(size), np.float32) / 255
    return save_painted(np.pad(ink, int(rng.integers(0, 2 * scale))), rng)


def transparent(image: Pixels, rng: Rng) -> bytes:
    """Saves ink on a transparent background."""
    ink = enlarge(image, int(rng.integers(40, 600)))
    picture = Image.new("RGB", ink.shape[::-1], tuple(rng.integers(0, 256, 3).tolist()))
    picture.putalpha(Image.fromarray(np.uint8(255 * ink)))
    return save(picture.convert("LA") if rng.random() < 0.3 else picture, "PNG")


def modes(image: Pixels, rng: Rng) -> bytes:
    """Saves black and white, CMYK, 16 bits, 32 bits, PPM or a palette."""
    ink = paste(sharpen(image, int(rng.integers(80, 300))), rng, 320, 400)
    grey = Image.fromarray(np.uint8(230 - 200 * ink))
    match rng.integers(6):
        case 0:
            return save(grey.convert("1", dither=Image.Dither.NONE), "PNG")
        case 1:
            return save(grey.convert("CMYK"), ("JPEG", "TIFF")[rng.integers(2)])
        case 2:
            return save(Image.fromarray(np.uint16(60000 - 50000 * ink)), ("PNG", "TIFF")[rng.integers(2)])
        case 3:
            return save(Image.fromarray(3 + 50 * ink), "TIFF")
        case 4:
            return save(grey.convert("RGB"), "PPM")
        case _:
            return save(grey.convert("P"), "GIF")


def low_contrast(image: Pixels, rng: Rng) -> bytes:
    """Paints grey on grey."""
    ink = paste(enlarge(image, int(rng.integers(80, 400))), rng, 420, 420)
    paper, sign = rng.uniform(90, 170), rng.choice([-1, 1])
    noise = rng.normal(0, 2, (420, 420, 3))
    return save(to_picture(paint(ink, np.full(3, paper + sign * 35), np.full(3, paper)) + noise), "PNG")


def dusty(image: Pixels, rng: Rng) -> bytes:
    """Adds specks."""
    size = int(rng.integers(200, 500))
    ink = paste(sharpen(image, size), rng, size + 200, size + 200)
    for _ in range(40):
        y, x = rng.integers(0, size + 190, 2)
        ink[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = 1
    return save_painted(ink, rng)


def broken(image: Pixels, rng: Rng) -> bytes:
    """Interrupts the strokes."""
    size = int(rng.integers(200, 600))
    ink = sharpen(image, size)
    top, height = int(size * rng.uniform(0.3, 0.7)), max(2, int(size * rng.uniform(0.01, 0.04)))
    ink[top : top + height] = 0
    return save_painted(rotate(ink, rng.uniform(-10, 10)), rng)


def photo(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo in uneven light."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape))


def shadow(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo with the shadow of a hand."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape) * shade(rng, *ink.shape))


def ruled(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of ruled paper."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape), rule(rng, ink.shape, squares=False))


def squared(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of squared paper."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape), rule(rng, ink.shape, squares=True))


def thin_pen(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of thin strokes."""
    height, width = (int(rng.integers(1200, 2400)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.2, 0.8))
    ink = paste(skeleton(image, size, rng.uniform(5, 12)), rng, width, height)
    return photograph(ink, rng, light(rng, height, width))


def marker(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of thick strokes."""
    size = int(rng.integers(300, 700))
    ink = paste(sharpen(image, size, rng.uniform(0.15, 0.3)), rng, size + 60, size + 100)
    return photograph(ink, rng, light(rng, *ink.shape))


def chalk(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of a blackboard."""
    ink = write(image, rng)
    dust = np.clip(ink * rng.uniform(0.7, 1, ink.shape), 0, 1)
    board = paint(dust, np.array([225, 225, 210.0]), np.array([40, 62, 50.0]))
    board *= light(rng, *ink.shape)[..., None]
    noisy = to_picture(board + rng.normal(0, 4, (*ink.shape, 1)))
    return save_jpeg(noisy.filter(ImageFilter.GaussianBlur(1)), rng)


def desk(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo of a sheet on a dark desk."""
    ink = write(image, rng)
    height, width = ink.shape
    top, bottom, left, right = (int(side * rng.uniform(0.1, 0.3)) for side in (height, height, width, width))
    sheet = np.pad(ink, ((top, bottom), (left, right)))
    brightness = np.full(sheet.shape, 0.25, np.float32)
    brightness[top : top + height, left : left + width] = 1
    return photograph(sheet, rng, brightness * light(rng, *sheet.shape))


def turned_by_exif(image: Pixels, rng: Rng) -> bytes:
    """Takes a photo with a rotated camera, which records how to rotate the photo back."""
    stored = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    orientation = int(rng.choice(list(stored)))
    picture = Image.open(io.BytesIO(photo(image, rng))).transpose(stored[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save_jpeg(picture, rng, exif=exif)


KINDS: dict[str, Callable[[Pixels, Rng], bytes]] = {
    kind.__name__: kind
    for kind in (
        *(as_it_is, larger, inverted, coloured, soft, off_centre, cropped, transparent, modes, low_contrast),
        *(dusty, broken, photo, shadow, ruled, squared, thin_pen, marker, chalk, desk, turned_by_exif),
    )
}


def main() -> None:
    """Prints the table."""
    session, test = load_session(EXPORT / "model.onnx"), load_test_images(PREPARED)
    print(f"| pictures | correct of {PICTURES} | of these sure | wrong but sure |\n| :-- | --: | --: | --: |")
    for kind, draw in KINDS.items():
        rng, counts = np.random.default_rng(len(kind)), Counter[tuple[bool, bool]]()
        for index in rng.choice(len(test.labels), PICTURES, replace=False):
            digit = to_digit(open_picture(io.BytesIO(draw(test.pixels[index], rng))))
            probabilities = predict_probabilities(session, digit)
            correct, sure = probabilities.argmax() == test.labels[index], probabilities.max() >= SURE
            counts[bool(correct), bool(sure)] += 1
        found = counts[True, True] + counts[True, False], counts[True, True], counts[False, True]
        print(f"| {kind.replace('_', ' ')} | {' | '.join(map(str, found))} |")


if __name__ == "__main__":
    run(main)
