"""Simulates pictures of digits, and prints how many of them `mnist-cnn predict` classifies correctly.

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

CONTRAST = 120  # smallest difference between ink and paper in one of red, green and blue
PENS = ((20, 20, 25), (25, 40, 130), (30, 60, 60), (150, 25, 30), (70, 70, 75))


def enlarge(image: Pixels, size: int) -> Ink:
    """Enlarges an image to size × size."""
    return np.asarray(Image.fromarray(image).resize((size, size)), np.float32) / 255


def sharpen(image: Pixels, size: int) -> Ink:
    """Enlarges an image, and makes the edges of its strokes as sharp as those of a pen."""
    return np.clip((enlarge(image, size) - 0.5) * size / 60 + 0.5, 0, 1)


def paste(ink: Ink, rng: Rng, width: int, height: int) -> Ink:
    """Puts ink at a random position of an empty sheet."""
    sheet = np.zeros((height, width), np.float32)
    top, left = rng.integers(0, height - len(ink) + 1), rng.integers(0, width - ink.shape[1] + 1)
    sheet[top : top + len(ink), left : left + ink.shape[1]] = ink
    return sheet


def skeleton(image: Pixels, size: int, width: float) -> Ink:
    """Draws the middle lines of the strokes with a pen that is `width` pixels wide."""
    inside = enlarge(image, size) > 0.5
    depth = ndimage.distance_transform_edt(inside)
    ridge = inside & (depth >= ndimage.maximum_filter(depth, 3) - 0.3)
    ridge &= depth > 0.3 * depth.max()
    distance = ndimage.distance_transform_edt(~ndimage.binary_closing(ridge, iterations=size // 60 + 1))
    return np.clip((width / 2 - distance) + 0.5, 0, 1).astype(np.float32)


def random_colours(rng: Rng) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Draws an ink and a paper that differ enough in lightness and in one colour."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3)).astype(float)
        if np.abs(ink - paper).max() >= CONTRAST and abs((ink - paper) @ [0.3, 0.59, 0.11]) >= CONTRAST / 3:
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


def squares(rng: Rng, shape: tuple[int, ...]) -> Ink:
    """Draws the squares of a school notebook."""
    height, width = shape
    sheet = Image.new("L", (width, height))
    draw, distance = ImageDraw.Draw(sheet), int(rng.integers(height // 25, height // 8))
    for position in range(int(rng.integers(distance)), max(width, height), distance):
        draw.line((0, position, width, position), 255, max(1, distance // 30))
        draw.line((position, 0, position, height), 255, max(1, distance // 30))
    return np.asarray(sheet, np.float32) / 255


def write(image: Pixels, rng: Rng) -> Ink:
    """Writes the digit with a pen, slightly rotated, on a part of a sheet."""
    height, width = (int(rng.integers(500, 1000)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.35, 0.95))
    upright = Image.fromarray(np.uint8(255 * sharpen(image, size)))
    rotated = upright.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    return paste(np.asarray(rotated, np.float32) / 255, rng, width, height)


def photograph(ink: Ink, rng: Rng, brightness: Ink, lines: Ink | None = None) -> bytes:
    """Simulates a photo of ink on paper, with a soft lens, noise and JPEG compression."""
    pen = np.array(PENS[rng.integers(len(PENS))], float)
    paper = rng.uniform(190, 245) - np.array([0, 4, 18.0])
    colours = paint(ink, pen, paper)
    if lines is not None:
        colours = np.minimum(colours, paint(lines, rng.uniform(0.75, 0.85) * paper + [0, 5, 15], paper))
    lens = ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6))
    blurred = np.asarray(to_picture(colours * brightness[..., None]).filter(lens), np.float32)
    noisy = to_picture(blurred + rng.normal(0, rng.uniform(1, 8), (*ink.shape, 1)))
    return save(noisy, "JPEG", quality=int(rng.integers(40, 95)))


# The kinds of pictures


def unchanged(image: Pixels, rng: Rng) -> bytes:
    """Saves the image without a change, or its negative."""
    return save(Image.fromarray(image if rng.random() < 0.5 else 255 - image), "PNG")


def coloured(image: Pixels, rng: Rng) -> bytes:
    """Enlarges the image and paints it in two colours."""
    ink = enlarge(image, int(rng.integers(40, 800)))
    return save(to_picture(paint(ink, *random_colours(rng))), "PNG")


def photo(image: Pixels, rng: Rng) -> bytes:
    """Simulates a photo in uneven light."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape))


def shadow(image: Pixels, rng: Rng) -> bytes:
    """Simulates a photo with the shadow of a hand."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape) * shade(rng, *ink.shape))


def squared(image: Pixels, rng: Rng) -> bytes:
    """Simulates a photo of squared paper."""
    ink = write(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape), squares(rng, ink.shape))


def thin_pen(image: Pixels, rng: Rng) -> bytes:
    """Simulates a photo of thin strokes."""
    height, width = (int(rng.integers(800, 1400)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.3, 0.8))
    ink = paste(skeleton(image, size, rng.uniform(4, 8)), rng, width, height)
    return photograph(ink, rng, light(rng, height, width))


def desk(image: Pixels, rng: Rng) -> bytes:
    """Simulates a photo of a sheet on a dark desk."""
    ink = write(image, rng)
    height, width = ink.shape
    top, bottom, left, right = (int(side * rng.uniform(0.1, 0.3)) for side in (height, height, width, width))
    sheet = np.pad(ink, ((top, bottom), (left, right)))
    brightness = np.full(sheet.shape, 0.25, np.float32)
    brightness[top : top + height, left : left + width] = 1
    return photograph(sheet, rng, brightness * light(rng, *sheet.shape))


KINDS: dict[str, Callable[[Pixels, Rng], bytes]] = {  # row of the table → function
    "image of MNIST, or its negative": unchanged,
    "enlarged, in two colours": coloured,
    "photo in uneven light": photo,
    "photo with the shadow of a hand": shadow,
    "photo of squared paper": squared,
    "photo of thin strokes": thin_pen,
    "photo of a sheet on a dark desk": desk,
}


def main() -> None:
    """Prints the table."""
    session, test = load_session(EXPORT / "model.onnx"), load_test_images(PREPARED)
    header = f"correct, of {PICTURES} | correct and sure | wrong and sure"
    print(f"| pictures | {header} |\n| :-- | --: | --: | --: |")
    for kind, draw in KINDS.items():
        rng, counts = np.random.default_rng(0), Counter[tuple[bool, bool]]()
        for index in rng.choice(len(test.labels), PICTURES, replace=False):
            digit = to_digit(open_picture(io.BytesIO(draw(test.pixels[index], rng))))
            probabilities = predict_probabilities(session, digit)
            correct, sure = probabilities.argmax() == test.labels[index], probabilities.max() >= SURE
            counts[bool(correct), bool(sure)] += 1
        found = counts[True, True] + counts[True, False], counts[True, True], counts[False, True]
        print(f"| {kind} | {' | '.join(map(str, found))} |")


if __name__ == "__main__":
    run(main)
