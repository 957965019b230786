"""Evaluation of a trained network on images that it was not trained on."""

import numpy as np
import torch
from numpy.typing import NDArray

from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, Normalisation
from mnist_cnn.learning.network import load_network, loss_and_correct, predict_logits
from mnist_cnn.learning.numerics import use_one_thread
from mnist_cnn.learning.results import Weights


def classify(
    network: Network, weights: Weights, images: Images, normalisation: Normalisation
) -> tuple[NDArray[np.uint8], NDArray[np.float32], int, float]:
    """Classifies images with a trained network.

    Args:
        network: Its layers.
        weights: Its trained tensors.
        images: The n images with their labels.
        normalisation: Of the images that it was trained on.

    Returns:
        The predicted label of each image, shape (n,); its softmax probability, shape (n,); the number of
        correct predictions; and the mean cross-entropy in nats.
    """
    use_one_thread()
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels).long()
    logits = predict_logits(load_network(network, weights), pixels, normalisation)
    probabilities, predicted = logits.softmax(1).max(1)
    loss, correct = loss_and_correct(logits, labels)
    return predicted.to(torch.uint8).numpy(), probabilities.numpy(), correct, loss
