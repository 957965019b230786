"""Images that a small network learns in seconds: a bar at the height of the digit, and noise."""

import numpy as np

from mnist_cnn.data.dataset import Images, TrainingSet, stratified_folds


def make_images(count: int, seed: int = 0, jitter: int = 0) -> Images:
    """Makes as many images of each digit as of the next; with a jitter, neighbours can be mistaken."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    pixels = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    tops = 2 * labels.astype(int) + 4 + rng.integers(-jitter, jitter + 1, count)
    for image, top in zip(pixels, tops, strict=True):
        image[top : top + 3, 6:22] = 250
    return Images(pixels, labels)


def make_training_set(count: int = 600, folds: int = 3) -> TrainingSet:
    """Makes images cut into folds."""
    images = make_images(count)
    cut = stratified_folds(images.labels, folds, seed=0)
    return TrainingSet(images, cut, float(images.pixels.mean()), float(images.pixels.std()))
