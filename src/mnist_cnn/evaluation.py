"""How good a trained network is, and how long it takes to answer."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_cnn.choices.network import Network
from mnist_cnn.data.dataset import Images, TrainingSet
from mnist_cnn.data.mnist import CLASSES
from mnist_cnn.training.device import use_one_thread
from mnist_cnn.training.model import build_model
from mnist_cnn.training.records import FoldEvaluation, FoldQuality, InferenceTime, Predictions, Weights
from mnist_cnn.training.run import loss_and_accuracy, predict

CALIBRATION_BINS = 15  # Guo et al. 2017, arXiv 1706.04599
TIMED_BATCH = 250  # images
TIMED_REPEATS = 10


def expected_calibration_error(probabilities: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Returns by how much the stated probability misses the accuracy, on average over the images.

    Equal-width bins of the probability of the predicted class; within a bin |accuracy − mean probability|,
    weighted by the bin's share of the images (Guo et al. 2017, section 2). 0 is perfect.

    Args:
        probabilities: Of the predicted class, shape (n,).
        right: Whether the prediction is the label, shape (n,).
    """
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    surplus = np.bincount(bins, right - probabilities.astype(np.float64), CALIBRATION_BINS)
    return float(np.abs(surplus).sum() / len(right))


def per_digit_accuracy(predicted: NDArray[np.uint8], labels: NDArray[np.uint8]) -> tuple[float, ...]:
    """Returns for each digit the share of its images that are recognised (0 where there are none)."""
    right = np.bincount(labels[predicted == labels], minlength=CLASSES)
    return tuple(float(share) for share in right / np.maximum(np.bincount(labels, minlength=CLASSES), 1))


def load_weights(network: Network, weights: Weights) -> nn.Sequential:
    """Returns the trained network, ready to predict."""
    model = build_model(network, torch.Generator())
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


def _predictions(logits: Tensor) -> Predictions:
    probabilities, labels = logits.softmax(1).max(1)
    return Predictions(labels.to(torch.uint8).numpy(), probabilities.numpy())


def _median_seconds(model: nn.Module, images: Tensor, mean: float, std: float) -> float:
    """Returns the median CPU time of predicting `images` at once."""
    times = []
    for _ in range(TIMED_REPEATS):
        start = time.thread_time()
        predict(model, images, mean, std)
        times.append(time.thread_time() - start)
    return median(times)


def evaluate_run(
    network: Network,
    fold: int,
    weights: Weights,
    data: TrainingSet,
    test: Images,
    report: Callable[[float], None],
) -> FoldEvaluation:
    """Evaluates the network that run `fold` trained, on images that it did not train on.

    Args:
        network: Its layers.
        fold: The fold that it was not trained on.
        weights: What the run left.
        data: The training images.
        test: The official test images.
        report: Is told the share of the work that is done, 0 to 1.
    """
    use_one_thread()
    start = time.thread_time()
    model = load_weights(network, weights)
    images, labels = torch.from_numpy(data.images.pixels), torch.from_numpy(data.images.labels).long()
    test_images, test_labels = torch.from_numpy(test.pixels), torch.from_numpy(test.labels).long()
    seen = torch.from_numpy(data.inside((fold + 1) % (int(data.folds.max()) + 1)))
    unseen = torch.from_numpy(data.inside(fold))

    logits = predict(model, images[unseen], data.mean, data.std)
    report(1 / 3)
    train_logits = predict(model, images[seen], data.mean, data.std)
    report(2 / 3)
    test_logits = predict(model, test_images, data.mean, data.std)
    validation = _predictions(logits)
    truth = data.images.labels[unseen.numpy()]
    right = validation.labels == truth
    quality = FoldQuality(
        fold,
        *loss_and_accuracy(train_logits, labels[seen]),
        *loss_and_accuracy(logits, labels[unseen]),
        int((~right).sum()),
        *loss_and_accuracy(test_logits, test_labels),
        expected_calibration_error(validation.probabilities, right),
        per_digit_accuracy(validation.labels, truth),
    )
    inference = InferenceTime(
        _median_seconds(model, images[:1], data.mean, data.std),
        _median_seconds(model, images[:TIMED_BATCH], data.mean, data.std),
        TIMED_BATCH,
    )
    seconds = time.thread_time() - start
    return FoldEvaluation(quality, validation, _predictions(test_logits), inference, seconds)
