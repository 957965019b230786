"""Images, labels and folds, in memory and as `prepare` writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mnist_cnn.core.files import Document, read_tensors, reading, write_tensors
from mnist_cnn.core.mnist import CLASSES, IMAGE_SIZE

TRAIN_FILE, TEST_FILE, NORMALISATION_FILE = "train.safetensors", "test.safetensors", "normalisation.json"
IMAGES = {"images": ("uint8", None, IMAGE_SIZE, IMAGE_SIZE), "labels": ("uint8", None)}
FOLDS = {"folds": ("uint8", None)}


@dataclass(frozen=True)
class Images:
    """Images with their labels.

    Attributes:
        pixels: uint8, shape (n, 28, 28), 0 is the background and 255 is ink.
        labels: uint8, shape (n,), the classes 0 to 9.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class Normalisation(Document):
    """Mean and standard deviation of all training pixels, on the scale 0 to 255."""

    mean: Annotated[float, Field(ge=0, le=255)]
    std: Annotated[float, Field(gt=0, le=255)]


@dataclass(frozen=True)
class TrainingSet:
    """The 60,000 training images and their folds.

    Attributes:
        images: All of them, in the original order.
        folds: uint8, shape (60000,), the fold of each image.
        normalisation: Mean and standard deviation of their pixels.
    """

    images: Images
    folds: NDArray[np.uint8]
    normalisation: Normalisation

    def inside(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices of the images in `fold`, ascending."""
        return np.flatnonzero(self.folds == fold)

    def outside(self, fold: int) -> NDArray[np.int64]:
        """Returns the indices of all other images, ascending."""
        return np.flatnonzero(self.folds != fold)


def stratified_folds(labels: NDArray[np.uint8], folds: int, seed: int) -> NDArray[np.uint8]:
    """Splits images into disjoint folds with equal shares of every class.

    The images are sorted by class, in random order within each class, and assigned to the folds in turn. So
    the sizes of the folds, and of each class within them, differ by at most one.

    Args:
        labels: The class of each image, shape (n,).
        folds: Number of folds.
        seed: Seed of the random order.

    Returns:
        The fold of each image, shape (n,).
    """
    order = np.random.default_rng(seed).random(len(labels))
    assigned = np.empty(len(labels), np.uint8)
    assigned[np.lexsort((order, labels))] = np.arange(len(labels)) % folds
    return assigned


def save_prepared(directory: Path, data: TrainingSet, test: Images) -> None:
    """Writes the training images with their folds, and the test images."""
    train = {"images": data.images.pixels, "labels": data.images.labels, "folds": data.folds}
    write_tensors(directory / TRAIN_FILE, train)
    write_tensors(directory / TEST_FILE, {"images": test.pixels, "labels": test.labels})
    data.normalisation.write(directory / NORMALISATION_FILE)


def load_training_set(directory: Path) -> TrainingSet:
    """Reads the training images with their folds.

    Raises:
        UserError: A file is missing, or is not as `save_prepared` wrote it.
    """
    path = directory / TRAIN_FILE
    tensors = read_tensors(path, IMAGES | FOLDS)
    images, folds = _images(path, tensors), tensors["folds"]
    with reading(path):
        if len(folds) != len(images.labels):
            raise ValueError(f"{len(folds)} folds of {len(images.labels)} images")
    return TrainingSet(images, folds, Normalisation.read(directory / NORMALISATION_FILE))


def load_test_images(directory: Path) -> Images:
    """Reads the official test images, by which nothing may be chosen.

    Raises:
        UserError: The file is missing, or is not as `save_prepared` wrote it.
    """
    return _images(directory / TEST_FILE, read_tensors(directory / TEST_FILE, IMAGES))


def _images(path: Path, tensors: Mapping[str, NDArray[np.uint8]]) -> Images:
    images, labels = tensors["images"], tensors["labels"]
    with reading(path):
        if len(labels) != len(images) or labels.max(initial=0) >= CLASSES:
            raise ValueError(f"{len(labels)} labels up to {labels.max(initial=0)} of {len(images)} images")
    return Images(images, labels)
