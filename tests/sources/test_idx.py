"""The names and checksums of the files of each data set, and the IDX format."""

import gzip
import tracemalloc

import numpy as np
import pytest
from torchvision import datasets

from mnist_cnn.core.mnist import CLASS_NAMES, CLASSES
from mnist_cnn.sources import idx
from mnist_cnn.sources.fetch import MIRRORS
from mnist_cnn.sources.idx import FILES, SPLITS, decompress, idx_bytes, idx_files, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([7, 2, 1, 0], np.uint8)


@pytest.mark.parametrize("dataset", FILES)
def test_files_and_mirrors_are_those_of_torchvision(dataset):
    published = dict(getattr(datasets, dataset).resources)
    files = FILES[dataset]
    assert [name.removesuffix(".gz") for name in files] == [name for pair in SPLITS.values() for name in pair]
    assert list(MIRRORS[dataset]) == getattr(datasets, dataset).mirrors
    if dataset != "MNIST":  # whose files are kept without compression
        assert files == published
    assert len(set(CLASS_NAMES[dataset])) == CLASSES


def peak_memory(content):
    tracemalloc.start()
    with pytest.raises(ValueError, match="decompresses to more than"):
        decompress(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_gzip_is_decompressed_up_to_a_limit(monkeypatch):
    assert decompress(gzip.compress(b"some")) == b"some"
    bomb = gzip.compress(bytes(10**7))
    monkeypatch.setattr(idx, "MAX_BYTES", 10**5)
    assert peak_memory(bomb) < 10**6
    monkeypatch.setattr(idx, "MAX_BYTES", 10**7 - 1)
    assert peak_memory(bomb) > 10**7  # so that the measurement is able to see it
    monkeypatch.setattr(idx, "MAX_BYTES", 10**7)
    assert decompress(bomb) == bytes(10**7)


def test_idx_has_the_bytes_of_the_format():
    assert idx_bytes(LABELS) == bytes([0, 0, 8, 1, 0, 0, 0, 4, 7, 2, 1, 0])
    assert idx_bytes(IMAGES) == bytes.fromhex("00000803" + "00000003" + "0000001c" * 2) + IMAGES.tobytes()


@pytest.mark.parametrize(
    "array", [IMAGES, LABELS, IMAGES[:0], IMAGES[::2], IMAGES.transpose(0, 2, 1)],
    ids=["images", "labels", "empty", "strided", "transposed"],
)  # fmt: skip
def test_round_trip(array):
    copy = read_idx(idx_bytes(array))
    assert copy.dtype == np.uint8
    assert copy.flags.writeable
    np.testing.assert_array_equal(copy, array)


MALFORMED = {
    "starts with nothing": b"",
    "starts with 1f8b0803": b"\x1f\x8b\x08\x03" + bytes(12),  # gzip
    "starts with 00000901": bytes([0, 0, 9, 1]) + bytes(4),  # signed bytes
    "header is truncated: 15 bytes, must be 16": idx_bytes(IMAGES)[:15],
    "shape (3, 28, 28) has 2367 bytes, must be 2368": idx_bytes(IMAGES)[:-1],
    "shape (3, 14, 56), must be": idx_bytes(IMAGES).replace(b"\x1c\0\0\0\x1c", b"\x0e\0\0\0\x38"),
}


@pytest.mark.parametrize("message", MALFORMED)
def test_malformed_content_is_refused_in_one_line(message):
    with pytest.raises(ValueError, match="IDX") as error:
        read_idx(MALFORMED[message])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_arrays_of_other_types_and_shapes_are_not_written():
    for array in (LABELS.astype(np.int64), IMAGES.reshape(3, 784), IMAGES[:, :27], np.array(3, np.uint8)):
        with pytest.raises(ValueError, match=r"^IDX array (is int64|has the shape)"):
            idx_bytes(array)


def test_every_byte_survives_the_conversion_to_floats_and_back():
    images = np.resize(np.arange(256, dtype=np.uint8), (5, 28, 28))
    labels = np.array([9, 8, 7, 6, 5])
    pixels = images.reshape(5, 784).astype(np.float32) / 256
    contents = idx_files(*((pixels[part], labels[part]) for part in (slice(0, 2), slice(2, 3), slice(3, 5))))
    assert set(contents) == set(FILES["MNIST"])
    for split, part in (("train", slice(0, 3)), ("test", slice(3, 5))):
        for name, array in zip(SPLITS[split], (images, labels), strict=True):
            np.testing.assert_array_equal(read_idx(contents[name]), array[part])
