"""Cuts the training images into folds.

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
from mnist_cnn.core.images import (
    Images,
    TrainingSet,
    class_counts,
    contact_sheet,
    save_prepared,
    stratified_folds,
)
from mnist_cnn.core.mnist import DATASETS, SPLITS, md5, read_idx, unpacked
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import PLOTS, PREPARED, raw_directory

SAMPLES = 20  # of each class, in the contact sheet


def read_file(path: Path, expected: str) -> NDArray[np.uint8]:
    """Reads one of the four files, if it is whole and unchanged."""
    with reading(path):
        content = path.read_bytes()
    if (actual := md5(content)) != expected:
        raise UserError(f"{path}: MD5 {actual}, must be {expected}; remove it and run `dvc repro download`")
    return read_idx(unpacked(content) if path.suffix == ".gz" else content)


def read_split(dataset: str, split: str) -> Images:
    """Reads the images and labels of `train` or `test`."""
    folder, files = raw_directory(dataset), DATASETS[dataset].files
    named = {name.removesuffix(".gz"): name for name in files}
    images, labels = (read_file(folder / named[name], files[named[name]]) for name in SPLITS[split])
    return Images(images, labels)


def save_picture(path: Path, picture: Any) -> None:
    """Writes a grey picture, ink dark on light paper."""
    with replacing(path) as part:
        metadata: Any = {"Software": None}  # no version in the file: it keeps its bytes
        matplotlib.image.imsave(part, picture, cmap="gray_r", format="png", metadata=metadata)


def main() -> None:
    """Runs the stage."""
    params = load_params()
    dataset = params.data.dataset
    train, test = read_split(dataset, "train"), read_split(dataset, "test")
    folds = stratified_folds(train.labels, params.data.folds, params.data.seed)
    data = TrainingSet(train, folds, float(train.pixels.mean()), float(train.pixels.std()))
    save_prepared(PREPARED, data, test)
    save_picture(PLOTS / "samples.png", contact_sheet(train, SAMPLES))
    parts = {f"fold {fold}": train.labels[data.inside(fold)] for fold in range(params.data.folds)}
    write_csv(
        PLOTS / "class_counts.csv",
        ("part", "class", "images"),
        [
            {"part": part, "class": name, "images": count}
            for part, labels in (parts | {"test": test.labels}).items()
            for name, count in zip(DATASETS[dataset].classes, class_counts(labels), strict=True)
        ],
    )
    print(f"{len(train.labels):,} images in {params.data.folds} folds, {len(test.labels):,} test images")


if __name__ == "__main__":
    run(main)
