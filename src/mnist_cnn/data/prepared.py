"""The prepared data as files: what `prepare` writes and the later stages read."""

from pathlib import Path

import numpy as np

from mnist_cnn.data.dataset import Images, TrainingSet
from mnist_cnn.files import read_json, write_array, write_json


def save_prepared(folder: Path, data: TrainingSet, test: Images) -> None:
    """Writes the training images with their folds, and the test images."""
    write_array(folder / "train_images.npy", data.images.pixels)
    write_array(folder / "train_labels.npy", data.images.labels)
    write_array(folder / "folds.npy", data.folds)
    write_json(folder / "normalisation.json", {"mean": data.mean, "std": data.std})
    write_array(folder / "test_images.npy", test.pixels)
    write_array(folder / "test_labels.npy", test.labels)


def load_training_set(folder: Path) -> TrainingSet:
    """Reads the training images with their folds."""
    images = Images(np.load(folder / "train_images.npy"), np.load(folder / "train_labels.npy"))
    normalisation = read_json(folder / "normalisation.json")
    return TrainingSet(images, np.load(folder / "folds.npy"), **normalisation)


def load_test_images(folder: Path) -> Images:
    """Reads the official test images, which no choice may be made by."""
    return Images(np.load(folder / "test_images.npy"), np.load(folder / "test_labels.npy"))
