"""What a trained network says of images that it was not trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_cnn.data import Images, TrainingSet
from mnist_cnn.grid import Network
from mnist_cnn.network import build_network
from mnist_cnn.numerics import use_one_thread
from mnist_cnn.training import Weights, loss_and_hits, predict


@dataclass(frozen=True)
class Answers:
    """What a network says of some images.

    Attributes:
        places: The images' indices, int64, shape (n,).
        labels: The most probable digit of each, uint8, shape (n,).
        probabilities: Its softmax probability, float32, shape (n,).
        correct: How many of the answers are right.
        loss: Mean cross-entropy, nats.
    """

    places: NDArray[np.int64]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    correct: int
    loss: float


@dataclass(frozen=True)
class JudgedRun:
    """One run's network, judged on its fold of the training images and on its share of the test images."""

    seed: int
    fold: int
    validation: Answers
    test: Answers


def load_network(network: Network, weights: Weights) -> nn.Sequential:
    """Returns the trained network, ready to predict."""
    model = build_network(network, torch.Generator())
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


def judge_run(
    network: Network,
    seed: int,
    fold: int,
    weights: Weights,
    data: TrainingSet,
    test: Images,
    test_places: NDArray[np.int64],
) -> JudgedRun:
    """Judges the network that run (`seed`, `fold`) trained, on images that it was not trained on.

    Args:
        network: Its layers.
        seed: The run's seed.
        fold: The fold that it was not trained on.
        weights: What the run left.
        data: The training images.
        test: The official test images.
        test_places: Indices of those among them that this run judges.
    """
    use_one_thread()
    model = load_network(network, weights)

    def answers(images: Images, places: NDArray[np.int64]) -> Answers:
        pixels, labels = torch.from_numpy(images.pixels[places]), torch.from_numpy(images.labels[places])
        return _answers(places, predict(model, pixels, data.mean, data.std), labels.long())

    return JudgedRun(seed, fold, answers(data.images, data.inside(fold)), answers(test, test_places))


def _answers(places: NDArray[np.int64], logits: Tensor, labels: Tensor) -> Answers:
    probabilities, digits = logits.softmax(1).max(1)
    loss, correct = loss_and_hits(logits, labels)
    return Answers(places, digits.to(torch.uint8).numpy(), probabilities.numpy(), correct, loss)
