"""MNIST as the networks see it: images, labels and folds, in memory and as what `prepare` writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.files import read_array, read_json, reading, write_array, write_json
from mnist_cnn.mnist import CLASSES, IMAGE_SIZE


@dataclass(frozen=True)
class Images:
    """Images with their labels.

    Attributes:
        pixels: uint8, shape (n, 28, 28), 0 is paper and 255 is ink.
        labels: uint8, shape (n,), the classes 0 to 9.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingSet:
    """The 60,000 training images and how they are cut.

    Attributes:
        images: All of them, in the original order.
        folds: uint8, shape (60000,), the fold of each image.
        mean: Mean of all pixels, on the scale 0 to 255.
        std: Standard deviation of all pixels, on the scale 0 to 255.
    """

    images: Images
    folds: NDArray[np.uint8]
    mean: float
    std: float

    def inside(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices of the images in `fold`, ascending."""
        return np.flatnonzero(self.folds == fold)

    def outside(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices of all other images, ascending."""
        return np.flatnonzero(self.folds != fold)


def stratified_folds(labels: NDArray[np.uint8], folds: int, seed: int) -> NDArray[np.uint8]:
    """Cuts images into disjoint folds with equal shares of every class.

    The images of each class in random order, class after class, are dealt out like cards: so the sizes of
    the folds, and those of a class in them, differ by one at most.

    Args:
        labels: The class of each image, shape (n,).
        folds: How many folds.
        seed: Another seed, another cut.

    Returns:
        The fold of each image, shape (n,).
    """
    luck = np.random.default_rng(seed).random(len(labels))
    dealt = np.empty(len(labels), np.uint8)
    dealt[np.lexsort((luck, labels))] = np.arange(len(labels)) % folds
    return dealt


def class_counts(labels: NDArray[np.uint8]) -> list[int]:
    """Returns how many images each of the classes 0 to 9 has."""
    return [int(count) for count in np.bincount(labels, minlength=CLASSES)]


def contact_sheet(images: Images, columns: int) -> NDArray[np.uint8]:
    """Lays out the first images of each class, a row a class.

    Returns:
        One picture, uint8, shape (10 * 28, columns * 28).
    """
    rows = [np.hstack(images.pixels[images.labels == label][:columns]) for label in range(CLASSES)]
    return np.vstack(rows)


def save_prepared(folder: Path, data: TrainingSet, test: Images) -> None:
    """Writes the training images with their folds, and the test images."""
    write_array(folder / "train_images.npy", data.images.pixels)
    write_array(folder / "train_labels.npy", data.images.labels)
    write_array(folder / "folds.npy", data.folds)
    write_json(folder / "normalisation.json", {"mean": data.mean, "std": data.std})
    write_array(folder / "test_images.npy", test.pixels)
    write_array(folder / "test_labels.npy", test.labels)


def load_training_set(folder: Path) -> TrainingSet:
    """Reads the training images with their folds.

    Raises:
        UserError: A file is missing or not as `save_prepared` wrote it; so for the test images.
    """
    images, folds = _load_images(folder, "train"), read_array(folder / "folds.npy")
    with reading(folder / "folds.npy"):
        if len(folds) != len(images.labels):
            raise ValueError(f"{len(folds)} folds of {len(images.labels)} images")
    with reading(folder / "normalisation.json"):
        numbers = read_json(folder / "normalisation.json")
        mean, std = float(numbers["mean"]), float(numbers["std"])
        if not (0 <= mean <= 255 and 0 < std <= 255):
            raise ValueError(f"mean {mean}, std {std}")
    return TrainingSet(images, folds, mean, std)


def load_test_images(folder: Path) -> Images:
    """Reads the official test images, which no choice may be made by."""
    return _load_images(folder, "test")


def _load_images(folder: Path, part: str) -> Images:
    pixels = read_array(folder / f"{part}_images.npy", IMAGE_SIZE, IMAGE_SIZE)
    labels = read_array(folder / f"{part}_labels.npy")
    with reading(folder / f"{part}_labels.npy"):
        if len(labels) != len(pixels) or labels.max(initial=0) >= CLASSES:
            raise ValueError(f"{len(labels)} labels up to {labels.max(initial=0)} of {len(pixels)} images")
    return Images(pixels, labels)
