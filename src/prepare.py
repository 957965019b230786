"""Cuts the training images into folds.

Reads data/raw; the section `data` of params.yaml.
Writes data/prepared (images, labels, folds and normalisation), plots/samples.png and plots/class_counts.csv.
"""

from pathlib import Path
from typing import Any

import matplotlib.image

from mnist_cnn.command import UserError, run
from mnist_cnn.data import (
    Images,
    TrainingSet,
    class_counts,
    contact_sheet,
    save_prepared,
    stratified_folds,
)
from mnist_cnn.files import replacing, write_csv
from mnist_cnn.mnist import SPLITS, read_idx
from mnist_cnn.params import load_params
from mnist_cnn.paths import PLOTS, PREPARED, RAW

SAMPLES = 20  # of each digit, in the contact sheet


def read_split(split: str) -> Images:
    """Reads the images and labels of `train` or `test`."""
    try:
        return Images(*(read_idx((RAW / name).read_bytes()) for name in SPLITS[split]))
    except ValueError as error:
        raise UserError(f"{RAW}, {split}: {error}") from None


def save_picture(path: Path, picture: Any) -> None:
    """Writes a grey picture, ink dark on light paper."""
    with replacing(path) as part:
        metadata: Any = {"Software": None}  # no version in the file: it keeps its bytes
        matplotlib.image.imsave(part, picture, cmap="gray_r", format="png", metadata=metadata)


def main() -> None:
    """Runs the stage."""
    params = load_params()
    train, test = read_split("train"), read_split("test")
    folds = stratified_folds(train.labels, params.data.folds, params.data.seed)
    data = TrainingSet(train, folds, float(train.pixels.mean()), float(train.pixels.std()))
    save_prepared(PREPARED, data, test)
    save_picture(PLOTS / "samples.png", contact_sheet(train, SAMPLES))
    parts = {f"fold {fold}": train.labels[data.inside(fold)] for fold in range(params.data.folds)}
    write_csv(
        PLOTS / "class_counts.csv",
        ("part", "digit", "images"),
        [
            {"part": part, "digit": digit, "images": count}
            for part, labels in (parts | {"test": test.labels}).items()
            for digit, count in enumerate(class_counts(labels))
        ],
    )
    print(f"{len(train.labels):,} images in {params.data.folds} folds, {len(test.labels):,} test images")


if __name__ == "__main__":
    run(main)
