"""What MNIST is: its four files, their sizes and checksums, and the IDX format that they are written in.

The format: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import hashlib
import math
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IMAGE_SIZE = 28  # pixels, height and width
CLASSES = 10
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000

Part = tuple[NDArray[np.float32], NDArray[np.int64]]  # pixels and labels


class Fingerprint(NamedTuple):
    """By what a whole, unchanged file is known: its size in bytes and its MD5."""

    size: int
    md5: str

    def __str__(self) -> str:
        return f"MD5 {self.md5} ({self.size:,} bytes)"


FILES = {
    "train-images-idx3-ubyte": Fingerprint(47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": Fingerprint(60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": Fingerprint(7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": Fingerprint(10_008, "27ae3e4e09519cfbb04c329615203637"),
}
SPLITS = {  # names of the images and of the labels
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

_MAGIC = b"\0\0\x08"  # unsigned bytes follow; the next byte is the number of dimensions
_ITEMS = {1: (), 3: (IMAGE_SIZE, IMAGE_SIZE)}  # dimensions of the array → shape of a label, of an image


def fingerprint(content: bytes) -> Fingerprint:
    """Returns the size and the MD5 of a file's content."""
    return Fingerprint(len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())


def read_idx(content: bytes) -> NDArray[np.uint8]:
    """Reads the content of an IDX file.

    Returns:
        Images, uint8 of shape (n, 28, 28) with 0 for the background, or labels, uint8 of shape (n,).

    Raises:
        ValueError: The content is neither images nor labels of MNIST, or it is cut or too long.
    """
    dimensions = content[3] if len(content) > 3 else 0
    if not content.startswith(_MAGIC) or dimensions not in _ITEMS:
        raise ValueError(
            f"not IDX: starts with {content[:4].hex() or 'nothing'}, must be 00000801 or 00000803"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(f"IDX header is cut: {len(content)} bytes, must be {start}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    _check_item(shape)
    if len(content) != start + math.prod(shape):
        raise ValueError(f"IDX of shape {shape} has {len(content)} bytes, must be {start + math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # a copy can be written to


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Writes images (n, 28, 28) or labels (n,), uint8, as the content of an IDX file.

    Raises:
        ValueError: The array has another type or shape.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"IDX array is {array.dtype}, must be uint8")
    _check_item(array.shape)
    return _MAGIC + struct.pack(f">B{array.ndim}I", array.ndim, *array.shape) + array.tobytes()


def idx_files(training: Part, validation: Part, test: Part) -> dict[str, bytes]:
    """Rebuilds the content of the four files from MNIST as it was often passed on, for instance by Theano.

    Args:
        training: Pixels as byte / 256, float32 of shape (n, 784), and labels (n,): MNIST's first images.
        validation: The rest of MNIST's training images, likewise.
        test: MNIST's test images, likewise.
    """
    contents = {}
    for split, parts in (("train", (training, validation)), ("test", (test,))):
        pixels = np.concatenate([(256 * pixels).astype(np.uint8) for pixels, _ in parts])
        labels = np.concatenate([labels.astype(np.uint8) for _, labels in parts])
        images_name, labels_name = SPLITS[split]
        contents[images_name] = idx_bytes(pixels.reshape(-1, IMAGE_SIZE, IMAGE_SIZE))
        contents[labels_name] = idx_bytes(labels)
    return contents


def _check_item(shape: tuple[int, ...]) -> None:
    if shape[1:] != _ITEMS.get(len(shape)):
        raise ValueError(f"IDX array has the shape {shape}, must be (n,) or (n, {IMAGE_SIZE}, {IMAGE_SIZE})")
