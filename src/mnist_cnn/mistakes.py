"""Which digits are shown as mistakes: those that the recommended network, or most networks, get wrong.

The caller hands over the arrays as `evaluate` wrote them, and the images of `data/prepared`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.data.dataset import Images
from mnist_cnn.data.mnist import CLASSES

NOT_JUDGED = 255  # the label of an image that no run was validated on


@dataclass(frozen=True)
class Mistake:
    """An image that is taken for another digit.

    Attributes:
        index: Its place among the images, from 0.
        label: The digit that it is.
        predicted: The digit that it is most often mistaken for.
        probability: Mean probability of that answer, over the models that give it; None if not known.
        missed: Models that get it wrong.
        judges: Models that were asked.
    """

    index: int
    label: int
    predicted: int
    probability: float | None
    missed: int
    judges: int

    @property
    def missed_by_all(self) -> bool:
        """Whether every model that was asked gets it wrong."""
        return self.missed == self.judges


@dataclass(frozen=True)
class Gallery:
    """Mistakes with their pictures.

    Attributes:
        mistakes: Sorted, the most missed first.
        pixels: uint8, shape (mistakes, 28, 28), 0 is paper and 255 is ink.
        images: How many images were looked at.
        judges: How many models were asked.
    """

    mistakes: Sequence[Mistake]
    pixels: NDArray[np.uint8]
    images: int
    judges: int

    @property
    def missed_by_all(self) -> int:
        """How many of the mistakes every model makes."""
        return sum(mistake.missed_by_all for mistake in self.mistakes)


class Mistakes(NamedTuple):
    """Both galleries of the report."""

    test: Gallery
    validation: Gallery


def test_mistakes(
    images: Images, predicted: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> Gallery:
    """Lists the test images that at least one of a network's models gets wrong.

    Args:
        images: The n test images.
        predicted: The digit that each fold's model sees, shape (folds, n).
        probabilities: Its probability of that digit, shape (folds, n).

    Returns:
        All of them: first those that most models miss, then those with the most probable wrong answer.
    """
    wrong = predicted != images.labels
    answers = _answers(predicted, wrong)
    common = _most_common(answers, _answers(predicted, wrong, probabilities))
    missed = wrong.sum(axis=0)
    given = (predicted == common) & wrong
    surety = (probabilities * given).sum(axis=0) / np.maximum(given.sum(axis=0), 1)
    order = np.lexsort((np.arange(len(missed)), -surety, -missed))
    chosen = order[missed[order] > 0]
    mistakes = [
        Mistake(i, int(images.labels[i]), int(common[i]), float(surety[i]), int(missed[i]), len(predicted))
        for i in chosen.tolist()
    ]
    return Gallery(mistakes, images.pixels[chosen], len(images.labels), len(predicted))


def hard_digits(images: Images, predicted: NDArray[np.uint8]) -> Gallery:
    """Lists the training images that most networks get wrong, each as the run that did not train on it.

    Args:
        images: The n training images.
        predicted: The digit that each network sees, shape (networks, n); 255 where no run was validated.

    Returns:
        Those that more than half of the networks miss: the most missed first, then those whose wrong answers
        agree most, then by index.
    """
    asked = predicted != NOT_JUDGED
    wrong = (predicted != images.labels) & asked
    answers = _answers(predicted, wrong)
    missed, judges = wrong.sum(axis=0), asked.sum(axis=0)
    share = missed / np.maximum(judges, 1)
    order = np.lexsort((np.arange(len(missed)), -answers.max(axis=0), -share))
    chosen = order[share[order] > 0.5]
    common = _most_common(answers)
    mistakes = [
        Mistake(i, int(images.labels[i]), int(common[i]), None, int(missed[i]), int(judges[i]))
        for i in chosen.tolist()
    ]
    return Gallery(mistakes, images.pixels[chosen], int(asked.any(axis=0).sum()), len(predicted))


def _answers(
    predicted: NDArray[np.uint8], wrong: NDArray[np.bool_], weights: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Adds up the wrong answers, or their weights, for each digit: shape (10, n)."""
    given = (wrong & (predicted == digit) for digit in range(CLASSES))  # one at a time: a byte an answer
    sums = [one.sum(axis=0) if weights is None else (one * weights).sum(axis=0, dtype=float) for one in given]
    return np.stack(sums).astype(np.float64)


def _most_common(
    answers: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Picks the most frequent wrong answer; of equals, that with the larger weight, then the lower digit."""
    tied = answers == answers.max(axis=0)
    chosen: NDArray[np.intp] = np.where(tied, 1 if weights is None else 1 + weights, 0).argmax(axis=0)
    return chosen
