"""Generated images for fast training: noise, and a bar whose height depends on the label."""

from pathlib import Path

import numpy as np

from mnist_cnn.core.images import Images, Normalisation, TrainingSet, save_prepared, stratified_folds
from mnist_cnn.core.params import Params, Train
from mnist_cnn.core.paths import PREPARED
from tests.support.params import write_params


def make_images(count: int, seed: int = 0) -> Images:
    """Makes equally many images of each digit."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    pixels = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, top in zip(pixels, 2 * labels.astype(int) + 4, strict=True):
        image[top : top + 3, 6:22] = 250
    return Images(pixels, labels)


def make_training_set(count: int = 600, folds: int = 3) -> TrainingSet:
    """Makes images that are split into folds."""
    images = make_images(count)
    mean, std = (float(f"{value:.6g}") for value in (images.pixels.mean(), images.pixels.std()))
    normalisation = Normalisation(mean=mean, std=std)  # with as many digits as a file keeps
    return TrainingSet(images, stratified_folds(images.labels, folds, seed=0), normalisation)


def small(params: Params, **train: object) -> Train:
    """Returns training parameters for these images, with some of them replaced."""
    usual = {"epochs": 3.0, "batch_size": 16, "folds": (0, 1, 2), "curve_images": 50}
    return params.train.model_copy(update=usual | train)


def write_study(folder: Path, params: Params, **train: object) -> Params:
    """Writes what the scripts `train` and `evaluate` read: params.yaml and data/prepared."""
    choices = params.model_copy(update={"train": small(params, **train)})
    write_params(folder, choices)
    save_prepared(folder / PREPARED, make_training_set(), make_images(200, seed=7))
    return choices
