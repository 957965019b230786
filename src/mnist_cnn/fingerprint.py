"""Whether this machine computes the committed bits: a few training steps, known by their hash.

Import it once the numerics are chosen (`mnist_cnn.numerics`).
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from mnist_cnn.grid import Network
from mnist_cnn.network import to_inputs
from mnist_cnn.numerics import use_one_thread
from mnist_cnn.params import Train
from mnist_cnn.training import Learner, random_stream

EXPECTED = "b864dab28b5da1f83c25aee1c336f60d"
NETWORKS = (
    Network("conv1_linear1", "medium", 5, (16,), ()),
    Network("conv3_linear2", "small", 3, (16, 16, 32), (32,)),
)
STEPS, BATCH = 6, 16
TRAIN = Train(
    seeds=(0,), folds=(0,), epochs=1, batch_size=BATCH, learning_rate=0.01, warmup=0.34,
    curve_points=8, curve_images=1, numerics="portable",
)  # fmt: skip


def fingerprint() -> str:
    """Trains two small networks for six steps on drawn bars, and returns the MD5 of their weights."""
    use_one_thread()
    digest = hashlib.md5(usedforsecurity=False)
    pixels, labels = (torch.from_numpy(array) for array in _bars())
    for network in NETWORKS:
        learner = Learner(network, TRAIN, STEPS, random_stream(0, "weights", 0))
        for batch in torch.arange(STEPS * BATCH).view(STEPS, BATCH):
            learner.learn(to_inputs(pixels[batch], 33.0, 78.0), labels[batch])
        for name, tensor in sorted(learner.model.state_dict().items()):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _bars() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draws a bar at the height of each digit, in whole numbers alone: the same images everywhere."""
    numbers = np.arange(STEPS * BATCH)
    labels, rows, columns = numbers % 10, np.arange(28)[:, None], np.arange(28)[None, :]
    speckles = (numbers[:, None, None] * 7919 + rows * 104_729 + columns * 1_299_709) % 61
    tops = 2 * labels[:, None, None] + 4
    bars = (rows >= tops) & (rows < tops + 3) & (columns >= 6) & (columns < 22)
    return np.where(bars, 250, speckles).astype(np.uint8), labels
