"""The four files of each data set: their names, their MD5, and the IDX format.

The format: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import gzip
import hashlib
import io
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.core.mnist import IMAGE_SIZE

Part = tuple[NDArray[np.float32], NDArray[np.int64]]  # pixels and labels

SPLITS = {  # names of the images and of the labels
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
MAX_BYTES = 2**26  # of any file, compressed or not; the largest has 47 million

FILES = {  # data set → name → MD5; `.gz` files stay compressed, because their MD5 is the published one
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "KMNIST": {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    },
}

_MAGIC = b"\0\0\x08"  # unsigned bytes follow; the next byte is the number of dimensions
_ITEMS = {1: (), 3: (IMAGE_SIZE, IMAGE_SIZE)}  # dimensions of the array → shape of a label, of an image


def md5(content: bytes) -> str:
    """Returns the MD5 of the content of a file, in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def decompress(content: bytes) -> bytes:
    """Decompresses gzip, up to `MAX_BYTES`.

    Raises:
        ValueError: The content is not gzip, is truncated, or decompresses to more.
    """
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"not a complete gzip file: {error}") from None
    if len(plain) > MAX_BYTES:
        raise ValueError(f"decompresses to more than {MAX_BYTES:,} bytes")
    return plain


def read_idx(content: bytes) -> NDArray[np.uint8]:
    """Reads the content of an IDX file.

    Returns:
        Images, uint8 of shape (n, 28, 28) with 0 for the background, or labels, uint8 of shape (n,).

    Raises:
        ValueError: The content is neither images of 28 × 28 nor labels, or it is truncated or too long.
    """
    dimensions = content[3] if len(content) > 3 else 0
    if not content.startswith(_MAGIC) or dimensions not in _ITEMS:
        raise ValueError(
            f"not IDX: starts with {content[:4].hex() or 'nothing'}, must be 00000801 or 00000803"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(f"IDX header is truncated: {len(content)} bytes, must be {start}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    _check_item(shape)
    if len(content) != start + math.prod(shape):
        raise ValueError(f"IDX of shape {shape} has {len(content)} bytes, must be {start + math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # a writable copy


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Returns images (n, 28, 28) or labels (n,), uint8, as the content of an IDX file.

    Raises:
        ValueError: The array has another type or shape.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"IDX array is {array.dtype}, must be uint8")
    _check_item(array.shape)
    return _MAGIC + struct.pack(f">B{array.ndim}I", array.ndim, *array.shape) + array.tobytes()


def idx_files(training: Part, validation: Part, test: Part) -> dict[str, bytes]:
    """Rebuilds the content of MNIST's four files from the three parts in which Theano published it.

    Args:
        training: Pixels as byte / 256, float32 of shape (n, 784), and labels (n,): the first training images.
        validation: The other training images, likewise.
        test: The test images, likewise.
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
