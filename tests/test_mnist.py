"""The facts of MNIST, and the IDX format."""

import hashlib

import numpy as np
import pytest

from mnist_cnn.mnist import (
    FILES,
    IMAGE_SIZE,
    SPLITS,
    TEST_IMAGES,
    TRAIN_IMAGES,
    Fingerprint,
    fingerprint,
    idx_bytes,
    idx_files,
    read_idx,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([7, 2, 1, 0], np.uint8)


def test_sizes_follow_from_the_numbers_of_images():
    sizes = {name: expected.size for name, expected in FILES.items()}
    expected = {}
    for (images, labels), count in zip(SPLITS.values(), (TRAIN_IMAGES, TEST_IMAGES), strict=True):
        expected |= {images: 16 + count * IMAGE_SIZE**2, labels: 8 + count}
    assert sizes == expected


def test_fingerprint_is_size_and_md5():
    assert fingerprint(b"abc") == Fingerprint(3, hashlib.md5(b"abc").hexdigest())
    assert str(Fingerprint(1234, "0f")) == "MD5 0f (1,234 bytes)"


def test_bytes_are_as_the_format_has_them():
    assert idx_bytes(LABELS) == bytes([0, 0, 8, 1, 0, 0, 0, 4, 7, 2, 1, 0])
    assert idx_bytes(IMAGES)[:16].hex() == "00000803" + "00000003" + "0000001c" + "0000001c"
    assert idx_bytes(IMAGES)[16:] == IMAGES.tobytes()


@pytest.mark.parametrize(
    "array",
    [IMAGES, LABELS, IMAGES[:0], IMAGES[::2], IMAGES.transpose(0, 2, 1)],
    ids=["images", "labels", "none", "every other", "turned"],
)
def test_round_trip(array):
    again = read_idx(idx_bytes(array))
    assert again.dtype == np.uint8
    assert again.flags.writeable
    np.testing.assert_array_equal(again, array)


def test_torchvision_reads_the_same(tmp_path):
    from torchvision.datasets.mnist import read_image_file, read_label_file

    (tmp_path / "images").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "labels").write_bytes(idx_bytes(LABELS))
    np.testing.assert_array_equal(read_image_file(str(tmp_path / "images")).numpy(), IMAGES)
    np.testing.assert_array_equal(read_label_file(str(tmp_path / "labels")).numpy(), LABELS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing"),
        (b"\0\0\x08", "starts with 000008,"),
        (b"\x1f\x8b\x08\x03" + bytes(12), "starts with 1f8b0803"),
        (bytes([0, 0, 9, 1]) + bytes(4), "starts with 00000901"),  # signed bytes
        (bytes([0, 0, 8, 2]) + bytes(8), "starts with 00000802"),
        (idx_bytes(IMAGES)[:15], "header is cut: 15 bytes, must be 16"),
        (idx_bytes(IMAGES)[:-1], r"shape \(3, 28, 28\) has 2367 bytes, must be 2368"),
        (idx_bytes(LABELS) + b"\0", r"shape \(4,\) has 13 bytes, must be 12"),
        (idx_bytes(IMAGES).replace(b"\x1c\0\0\0\x1c", b"\x0e\0\0\0\x38"), r"shape \(3, 14, 56\), must be"),
    ],
    ids=[
        "empty",
        "cut magic",
        "gzip",
        "signed",
        "two dimensions",
        "cut header",
        "cut",
        "long",
        "other shape",
    ],
)
def test_what_is_malformed_is_refused_in_one_line(content, message):
    with pytest.raises(ValueError, match=message) as error:
        read_idx(content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (LABELS.astype(np.int64), "is int64, must be uint8"),
        (IMAGES.reshape(3, 784), r"shape \(3, 784\)"),
        (IMAGES[:, :27], r"shape \(3, 27, 28\)"),
        (np.array(3, np.uint8), r"shape \(\)"),
    ],
    ids=["integers", "flat", "27 rows", "scalar"],
)
def test_what_is_not_mnist_is_not_written(array, message):
    with pytest.raises(ValueError, match=message):
        idx_bytes(array)


def test_every_byte_survives_the_way_through_floats():
    images = np.resize(np.arange(256, dtype=np.uint8), (5, 28, 28))
    labels = np.array([9, 8, 7, 6, 5])
    pixels = images.reshape(5, 784).astype(np.float32) / 256
    parts = [(pixels[part], labels[part]) for part in (slice(0, 2), slice(2, 3), slice(3, 5))]

    contents = idx_files(*parts)

    assert set(contents) == set(FILES)
    for split, part in (("train", slice(0, 3)), ("test", slice(3, 5))):
        images_name, labels_name = SPLITS[split]
        np.testing.assert_array_equal(read_idx(contents[images_name]), images[part])
        np.testing.assert_array_equal(read_idx(contents[labels_name]), labels[part])
