"""Splits the training images into folds.

Reads data/raw/DATASET; the section `data` of params.yaml.
Writes data/prepared (images, labels, folds and normalisation), plots/samples.png and plots/class_counts.csv.
"""

from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
from numpy.typing import NDArray

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import reading, replacing, write_csv
from mnist_cnn.core.images import Images, Normalisation, TrainingSet, save_prepared, stratified_folds
from mnist_cnn.core.mnist import CLASS_NAMES, CLASSES
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import PLOTS, PREPARED, raw_directory
from mnist_cnn.sources.idx import FILES, SPLITS, decompress, md5, read_idx

SAMPLES = 20  # images of each class in plots/samples.png


def read_file(path: Path, expected: str) -> NDArray[np.uint8]:
    """Reads one of the four files of a data set.

    Raises:
        UserError: The file is missing, or its MD5 is not `expected`.
    """
    with reading(path):
        content = path.read_bytes()
    if (actual := md5(content)) != expected:
        raise UserError(f"{path}: MD5 {actual}, must be {expected}; remove it and run `dvc repro download`")
    return read_idx(decompress(content) if path.suffix == ".gz" else content)


def read_split(dataset: str, split: str) -> Images:
    """Reads the images and labels of `train` or `test`."""
    files = {name.removesuffix(".gz"): (name, expected) for name, expected in FILES[dataset].items()}
    directory = raw_directory(dataset)
    images, labels = (read_file(directory / files[name][0], files[name][1]) for name in SPLITS[split])
    return Images(images, labels)


def contact_sheet(images: Images, columns: int) -> NDArray[np.uint8]:
    """Returns the first images of each class as one image, uint8 of shape (10 * 28, columns * 28)."""
    rows = [np.hstack(images.pixels[images.labels == label][:columns]) for label in range(CLASSES)]
    return np.vstack(rows)


def class_counts(parts: dict[str, NDArray[np.uint8]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Counts the images of each class, one row per part of the data set and class."""
    return [
        {"part": part, "class": name, "images": int(count)}
        for part, labels in parts.items()
        for name, count in zip(names, np.bincount(labels, minlength=CLASSES), strict=True)
    ]


def save_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Writes a grey PNG file with a white background; without a version, so that its bytes do not change."""
    metadata: Any = {"Software": None}
    with replacing(path) as part:
        matplotlib.image.imsave(part, pixels, cmap="gray_r", format="png", metadata=metadata)


def main() -> None:
    """Runs the stage."""
    params = load_params()
    dataset, folds = params.data.dataset, params.data.folds
    train, test = read_split(dataset, "train"), read_split(dataset, "test")
    normalisation = Normalisation(mean=float(train.pixels.mean()), std=float(train.pixels.std()))
    data = TrainingSet(train, stratified_folds(train.labels, folds, params.data.seed), normalisation)
    save_prepared(PREPARED, data, test)
    save_image(PLOTS / "samples.png", contact_sheet(train, SAMPLES))
    parts = {f"fold {fold}": train.labels[data.inside(fold)] for fold in range(folds)}
    counts = class_counts(parts | {"test": test.labels}, CLASS_NAMES[dataset])
    write_csv(PLOTS / "class_counts.csv", ("part", "class", "images"), counts)
    print(f"{len(train.labels):,} images in {folds} folds, {len(test.labels):,} test images")


if __name__ == "__main__":
    run(main)
