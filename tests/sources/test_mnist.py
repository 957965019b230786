"""The facts of the data sets, and the IDX format."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file

from mnist_cnn.core.mnist import (
    CLASSES,
    DATASETS,
    MOST_BYTES,
    SPLITS,
    idx_bytes,
    idx_files,
    read_idx,
    unpacked,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([7, 2, 1, 0], np.uint8)


@pytest.mark.parametrize("name", DATASETS)
def test_files_are_those_of_torchvision(name):
    known = dict(getattr(datasets, name).resources)
    files = DATASETS[name].files
    assert [one.removesuffix(".gz") for one in files] == [one for both in SPLITS.values() for one in both]
    assert {one: known[one] for one in files if one in known} == (files if name != "MNIST" else {})
    assert len(set(DATASETS[name].classes)) == CLASSES


def test_unpacking_is_bounded():
    assert unpacked(gzip.compress(b"some", mtime=0)) == b"some"
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpacked(gzip.compress(bytes(MOST_BYTES + 1), 1, mtime=0))


def test_bytes_are_as_the_format_has_them():
    assert idx_bytes(LABELS) == bytes([0, 0, 8, 1, 0, 0, 0, 4, 7, 2, 1, 0])
    assert idx_bytes(IMAGES) == bytes.fromhex("00000803" + "00000003" + "0000001c" * 2) + IMAGES.tobytes()


ARRAYS = {
    "images": IMAGES,
    "labels": LABELS,
    "none": IMAGES[:0],
    "every other": IMAGES[::2],
    "turned": IMAGES.transpose(0, 2, 1),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_round_trip(name):
    again = read_idx(idx_bytes(ARRAYS[name]))
    assert again.dtype == np.uint8
    assert again.flags.writeable
    np.testing.assert_array_equal(again, ARRAYS[name])


def test_torchvision_reads_the_same(tmp_path):
    for read, array in ((read_image_file, IMAGES), (read_label_file, LABELS)):
        (tmp_path / "file").write_bytes(idx_bytes(array))
        np.testing.assert_array_equal(read(str(tmp_path / "file")).numpy(), array)


MALFORMED = {
    "starts with nothing": b"",
    "starts with 000008,": b"\0\0\x08",
    "starts with 1f8b0803": b"\x1f\x8b\x08\x03" + bytes(12),  # gzip
    "starts with 00000901": bytes([0, 0, 9, 1]) + bytes(4),  # signed bytes
    "starts with 00000802": bytes([0, 0, 8, 2]) + bytes(8),
    "header is cut: 15 bytes, must be 16": idx_bytes(IMAGES)[:15],
    "shape (3, 28, 28) has 2367 bytes, must be 2368": idx_bytes(IMAGES)[:-1],
    "shape (4,) has 13 bytes, must be 12": idx_bytes(LABELS) + b"\0",
    "shape (3, 14, 56), must be": idx_bytes(IMAGES).replace(b"\x1c\0\0\0\x1c", b"\x0e\0\0\0\x38"),
}


@pytest.mark.parametrize("message", MALFORMED)
def test_what_is_malformed_is_refused_in_one_line(message):
    with pytest.raises(ValueError, match="IDX") as error:
        read_idx(MALFORMED[message])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_mnist_is_not_written():
    for array in (LABELS.astype(np.int64), IMAGES.reshape(3, 784), IMAGES[:, :27], np.array(3, np.uint8)):
        with pytest.raises(
            ValueError, match=r"is int64, must be uint8|has the shape \([37824, ]*\), must be"
        ):
            idx_bytes(array)


def test_every_byte_survives_the_way_through_floats():
    images = np.resize(np.arange(256, dtype=np.uint8), (5, 28, 28))
    labels = np.array([9, 8, 7, 6, 5])
    pixels = images.reshape(5, 784).astype(np.float32) / 256
    contents = idx_files(*((pixels[part], labels[part]) for part in (slice(0, 2), slice(2, 3), slice(3, 5))))
    assert set(contents) == set(DATASETS["MNIST"].files)
    for split, part in (("train", slice(0, 3)), ("test", slice(3, 5))):
        for name, array in zip(SPLITS[split], (images, labels), strict=True):
            np.testing.assert_array_equal(read_idx(contents[name]), array[part])


@given(st.data())
@settings(max_examples=100, derandomize=True, deadline=None, database=None)
def test_any_bytes_are_an_array_or_a_plain_refusal(data):
    """Bytes of a file with one to four changed, cut anywhere, or with more behind."""
    content = bytearray(idx_bytes(data.draw(st.sampled_from([IMAGES, LABELS]))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 15)) % len(content)] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))]) + data.draw(st.binary(max_size=3))
    for read in (read_idx, lambda content: read_idx(unpacked(gzip.compress(content, mtime=0)))):
        try:
            array = read(content)
        except ValueError:
            continue
        assert array.shape[1:] in ((), (28, 28))
        assert idx_bytes(array) == content
