"""Pictures as people make them, of MNIST's images: a kind is a function of an image and of a generator."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

Pixels = NDArray[np.uint8]
Ink = NDArray[np.float32]  # 0 paper … 1 ink
Rng = np.random.Generator
FILTERS = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def enlarged(image: Pixels, size: int, method: Image.Resampling = Image.Resampling.BICUBIC) -> Ink:
    """Draws an image of 28 × 28 larger."""
    return np.asarray(Image.fromarray(image).resize((size, size), method), np.float32) / 255


def outlined(image: Pixels, size: int, share: float = 0.5) -> Ink:
    """Draws it larger with edges as sharp as a pen's; a lower share makes the strokes thicker."""
    ink = enlarged(image, size)
    return np.clip((ink - share) * size / 60 + 0.5, 0, 1)


def placed(ink: Ink, rng: Rng, width: int, height: int) -> Ink:
    """Puts ink somewhere on an empty sheet."""
    sheet = np.zeros((height, width), np.float32)
    top, left = rng.integers(0, height - len(ink) + 1), rng.integers(0, width - ink.shape[1] + 1)
    sheet[top : top + len(ink), left : left + ink.shape[1]] = ink
    return sheet


def turned(ink: Ink, degrees: float) -> Ink:
    """Turns ink about its middle."""
    picture = Image.fromarray(np.uint8(255 * ink)).rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255


def thin(image: Pixels, size: int, width: float) -> Ink:
    """Draws the middle lines of the strokes with a pen that is `width` pixels wide."""
    inside = enlarged(image, size) > 0.5
    depth = ndimage.distance_transform_edt(inside)
    ridge = inside & (depth >= ndimage.maximum_filter(depth, 3) - 0.3)
    ridge &= depth > 0.3 * depth.max()
    away = ndimage.distance_transform_edt(~ndimage.binary_closing(ridge, iterations=size // 60 + 1))
    return np.clip((width / 2 - away) + 0.5, 0, 1).astype(np.float32)


def colours(rng: Rng, contrast: float = 120) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draws an ink and a paper that a person can tell apart: their lightness differs, or their hue does."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3)).astype(float)
        if np.abs(ink - paper).max() >= contrast and abs((ink - paper) @ [0.3, 0.59, 0.11]) >= contrast / 3:
            return ink, paper


def painted(ink: Ink, colour: NDArray[np.float64], paper: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns an array (height, width, 3), 0 to 255."""
    return (paper + ink[..., None] * (colour - paper)).astype(np.float32)


def picture(rgb: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.uint8(np.clip(rgb, 0, 255) + 0.5))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """Returns the content of a picture file."""
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def jpeg(image: Image.Image, rng: Rng, **options: object) -> bytes:
    return saved(image, "JPEG", quality=int(rng.integers(40, 95)), **options)


def larger(image: Pixels, rng: Rng) -> bytes:
    ink = enlarged(image, int(rng.integers(40, 2001)), FILTERS[rng.integers(3)])
    return saved(Image.fromarray(np.uint8(255 * ink)), "PNG", compress_level=1)


def inverted(image: Pixels, rng: Rng) -> bytes:
    ink = enlarged(image, int(rng.integers(40, 1000)), FILTERS[rng.integers(3)])
    return saved(Image.fromarray(np.uint8(255 - 255 * ink)), ("PNG", "BMP", "WEBP", "TIFF")[rng.integers(4)])


def as_it_is(image: Pixels, rng: Rng) -> bytes:
    return saved(Image.fromarray(image if rng.random() < 0.5 else 255 - image), "PNG")


def coloured(image: Pixels, rng: Rng) -> bytes:
    ink = enlarged(image, int(rng.integers(40, 800)), FILTERS[rng.integers(3)])
    made = picture(painted(ink, *colours(rng)))
    return saved(made.quantize(16), "GIF") if rng.random() < 0.3 else saved(made, "PNG")


def soft(image: Pixels, rng: Rng) -> bytes:
    size = int(rng.integers(60, 900))
    ink = enlarged(image, size, FILTERS[rng.integers(3)])
    blurred = picture(painted(ink, *colours(rng))).filter(
        ImageFilter.GaussianBlur(size * rng.uniform(0, 0.05))
    )
    return saved(blurred, "PNG")


def off_centre(image: Pixels, rng: Rng) -> bytes:
    size = int(rng.integers(40, 300))
    width, height = (int(size * rng.uniform(1, 6)) for _ in range(2))
    ink = placed(enlarged(image, size), rng, width, height)
    return saved(picture(painted(ink, *colours(rng))), "PNG")


def cropped(image: Pixels, rng: Rng) -> bytes:
    rows, columns = (np.flatnonzero(image.max(axis) > 60) for axis in (1, 0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = int(rng.integers(3, 30))
    ink = (
        np.asarray(Image.fromarray(cut).resize((cut.shape[1] * scale, cut.shape[0] * scale)), np.float32)
        / 255
    )
    ink = np.pad(ink, int(rng.integers(0, 2 * scale)))
    return saved(picture(painted(ink, *colours(rng))), "PNG")


def transparent(image: Pixels, rng: Rng) -> bytes:
    ink = enlarged(image, int(rng.integers(40, 600)))
    made = Image.new("RGB", ink.shape[::-1], tuple(rng.integers(0, 256, 3).tolist()))
    made.putalpha(Image.fromarray(np.uint8(255 * ink)))
    return saved(made.convert("LA") if rng.random() < 0.3 else made, "PNG")


def modes(image: Pixels, rng: Rng) -> bytes:
    ink = placed(outlined(image, int(rng.integers(80, 300))), rng, 320, 400)
    grey = Image.fromarray(np.uint8(230 - 200 * ink))
    match rng.integers(6):
        case 0:
            return saved(grey.convert("1", dither=Image.Dither.NONE), "PNG")
        case 1:
            return saved(grey.convert("CMYK"), ("JPEG", "TIFF")[rng.integers(2)])
        case 2:
            return saved(Image.fromarray(np.uint16(60000 - 50000 * ink)), ("PNG", "TIFF")[rng.integers(2)])
        case 3:
            return saved(Image.fromarray(3 + 50 * ink), "TIFF")
        case 4:
            return saved(grey.convert("RGB"), "PPM")
        case _:
            return saved(grey.convert("P"), "GIF")


def low_contrast(image: Pixels, rng: Rng) -> bytes:
    ink = placed(enlarged(image, int(rng.integers(80, 400))), rng, 420, 420)
    paper, sign = rng.uniform(90, 170), rng.choice([-1, 1])
    noise = rng.normal(0, 2, (420, 420, 3))
    return saved(picture(painted(ink, np.full(3, paper + sign * 35), np.full(3, paper)) + noise), "PNG")


def dusty(image: Pixels, rng: Rng) -> bytes:
    size = int(rng.integers(200, 500))
    ink = placed(outlined(image, size), rng, size + 200, size + 200)
    for _ in range(40):
        y, x = rng.integers(0, size + 190, 2)
        ink[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = 1
    return saved(picture(painted(ink, *colours(rng))), "PNG")


def broken(image: Pixels, rng: Rng) -> bytes:
    size = int(rng.integers(200, 600))
    ink = outlined(image, size)
    at, width = int(size * rng.uniform(0.3, 0.7)), max(2, int(size * rng.uniform(0.01, 0.04)))
    ink[at : at + width] = 0
    return saved(picture(painted(turned(ink, rng.uniform(-10, 10)), *colours(rng))), "PNG")


def light(rng: Rng, height: int, width: int) -> NDArray[np.float32]:
    """Makes light that comes from one side, and a lens that darkens the corners."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = 1 + rng.uniform(0.1, 0.4) * (np.cos(angle) * x + np.sin(angle) * y) / 1.4
    return (slope * (1 - rng.uniform(0, 0.2) * (x**2 + y**2))).astype(np.float32)


def shade(rng: Rng, height: int, width: int) -> NDArray[np.float32]:
    """Makes the shadow of a hand: half of the picture or less, with an edge that is sharp or soft."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * x + np.sin(angle) * y + 0.2 * np.sin(3 * x) - rng.uniform(-0.4, 0.4)
    shadow = 1 / (1 + np.exp(-side * rng.uniform(10, 200)))
    return (1 - rng.uniform(0.3, 0.6) * shadow).astype(np.float32)


def lines(rng: Rng, height: int, width: int, squared: bool) -> Ink:
    """Draws the light lines of a school notebook."""
    sheet = Image.new("L", (width, height))
    draw, apart = ImageDraw.Draw(sheet), int(rng.integers(height // 25, height // 8))
    stroke = max(1, apart // 30)
    for at in range(int(rng.integers(apart)), max(width, height), apart):
        draw.line((0, at, width, at), 255, stroke)
        if squared:
            draw.line((at, 0, at, height), 255, stroke)
    return np.asarray(sheet, np.float32) / 255


PENS = ((20, 20, 25), (25, 40, 130), (30, 60, 60), (150, 25, 30), (70, 70, 75))


def photograph(ink: Ink, rng: Rng, lit: NDArray[np.float32], ruled: Ink | None = None) -> bytes:
    """Takes a photo of ink on paper: colours, light, a lens that is a little soft, noise and JPEG."""
    pen, paper = (
        np.array(PENS[rng.integers(len(PENS))], float),
        rng.uniform(190, 245) - np.array([0, 4, 18.0]),
    )
    rgb = painted(ink, pen, paper)
    if ruled is not None:
        faint = painted(ruled, rng.uniform(0.75, 0.85) * paper + [0, 5, 15], paper)
        rgb = np.minimum(rgb, faint)
    blurred = picture(rgb * lit[..., None]).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    noisy = np.asarray(blurred, np.float32) + rng.normal(0, rng.uniform(1, 8), (*ink.shape, 1))
    return jpeg(picture(noisy), rng)


def on_paper(image: Pixels, rng: Rng) -> Ink:
    """Writes with a pen, a little turned, somewhere on a sheet of which a phone sees a part."""
    height, width = (int(rng.integers(500, 1000)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.35, 0.95))
    return placed(turned(outlined(image, size), rng.uniform(-8, 8)), rng, width, height)


def photo(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape))


def shadow(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape) * shade(rng, *ink.shape))


def ruled(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape), lines(rng, *ink.shape, squared=False))


def squared(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    return photograph(ink, rng, light(rng, *ink.shape), lines(rng, *ink.shape, squared=True))


def thin_pen(image: Pixels, rng: Rng) -> bytes:
    height, width = (int(rng.integers(1200, 2400)) for _ in range(2))
    size = int(min(height, width) * rng.uniform(0.2, 0.8))
    ink = placed(thin(image, size, rng.uniform(5, 12)), rng, width, height)
    return photograph(ink, rng, light(rng, height, width))


def marker(image: Pixels, rng: Rng) -> bytes:
    size = int(rng.integers(300, 700))
    ink = placed(outlined(image, size, rng.uniform(0.15, 0.3)), rng, size + 60, size + 100)
    return photograph(ink, rng, light(rng, *ink.shape))


def chalk(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    dust = np.clip(ink * rng.uniform(0.7, 1, ink.shape), 0, 1)
    board = (
        painted(dust, np.array([225, 225, 210.0]), np.array([40, 62, 50.0]))
        * light(rng, *ink.shape)[..., None]
    )
    return jpeg(picture(board + rng.normal(0, 4, (*ink.shape, 1))).filter(ImageFilter.GaussianBlur(1)), rng)


def desk(image: Pixels, rng: Rng) -> bytes:
    ink = on_paper(image, rng)
    height, width = ink.shape
    edge = [int(side * rng.uniform(0.1, 0.3)) for side in (height, height, width, width)]
    lit = np.full((height + edge[0] + edge[1], width + edge[2] + edge[3]), 0.25, np.float32)
    sheet = np.pad(ink, (edge[:2], edge[2:]))
    lit[edge[0] : edge[0] + height, edge[2] : edge[2] + width] = 1
    return photograph(sheet, rng, lit * light(rng, *lit.shape))


def turned_by_exif(image: Pixels, rng: Rng) -> bytes:
    """Saves a photo as a camera that was held otherwise does: turned, with a note of how to turn it back."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    orientation = int(rng.choice(list(back)))
    made = Image.open(io.BytesIO(photo(image, rng))).transpose(back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(made, rng, exif=exif)


KINDS: dict[str, Callable[[Pixels, Rng], bytes]] = {
    made.__name__: made
    for made in (
        as_it_is,
        larger,
        inverted,
        coloured,
        soft,
        off_centre,
        cropped,
        transparent,
        modes,
        low_contrast,
        dusty,
        broken,
        photo,
        shadow,
        ruled,
        squared,
        thin_pen,
        marker,
        chalk,
        desk,
        turned_by_exif,
    )
}
