"""A hash of trained weights, which shows whether this machine reproduces the committed bits."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation
from mnist_cnn.core.params import Recipe
from mnist_cnn.learning.network import to_inputs
from mnist_cnn.learning.numerics import use_one_thread
from mnist_cnn.learning.training import Trainer, random_stream

EXPECTED = "b864dab28b5da1f83c25aee1c336f60d"
NETWORKS = (
    Network("conv1_linear1", "medium", 5, (16,), ()),
    Network("conv3_linear2", "small", 3, (16, 16, 32), (32,)),
)
STEPS = 6
RECIPE = Recipe(epochs=1, batch_size=16, learning_rate=0.01, warmup=0.34)
NORMALISATION = Normalisation(mean=33, std=78)


def fingerprint() -> str:
    """Trains two small networks for six steps on generated images, and returns the MD5 of their weights."""
    use_one_thread()
    digest = hashlib.md5(usedforsecurity=False)
    pixels, labels = (torch.from_numpy(array) for array in _bars(STEPS * RECIPE.batch_size))
    for network in NETWORKS:
        trainer = Trainer(network, RECIPE, STEPS, random_stream(0, "weights", 0))
        for batch in torch.arange(len(pixels)).view(STEPS, RECIPE.batch_size):
            trainer.step(to_inputs(pixels[batch], NORMALISATION), labels[batch])
        for name, tensor in sorted(trainer.model.state_dict().items()):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _bars(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draws bars whose height depends on the label; integer arithmetic gives the same images everywhere."""
    numbers = np.arange(count)
    labels, rows, columns = numbers % 10, np.arange(28)[:, None], np.arange(28)[None, :]
    speckles = (numbers[:, None, None] * 7919 + rows * 104_729 + columns * 1_299_709) % 61
    tops = 2 * labels[:, None, None] + 4
    bars = (rows >= tops) & (rows < tops + 3) & (columns >= 6) & (columns < 22)
    return np.where(bars, 250, speckles).astype(np.uint8), labels
