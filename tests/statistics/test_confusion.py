"""Confusions and images that every network gets wrong, in cases made by hand."""

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.core.mnist import NOT_CLASSIFIED
from mnist_cnn.statistics.confusion import confusion, missed_by_all

CLASSES = list("abcdefghij")


def classes(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def test_confusion_counts_every_pair_of_classes() -> None:
    labels, predicted = (
        classes([1, 1, 7, 2])[0],
        classes([1, 7, 7, NOT_CLASSIFIED], [7, 7, 1, NOT_CLASSIFIED]),
    )
    table = confusion(labels, predicted, CLASSES)
    counts = {(row.actual, row.predicted): row.images for row in table.itertuples() if row.images}
    assert counts == {("b", "b"): 1, ("b", "h"): 3, ("h", "h"): 1, ("h", "b"): 1}
    assert len(table) == 100


def test_only_images_that_every_classifier_gets_wrong_are_listed() -> None:
    predicted = classes([0, 5, 6, 7], [0, 5, 6, 3], [0, 1, 4, 3])
    table = missed_by_all(classes([0, 1, 9, 3])[0], predicted, np.ones((3, 4), np.float32))
    expected = {"image": 2, "actual": 9, "predicted": 6, "classifiers": 3, "share": 2 / 3}
    assert table.to_dict("records") == [expected]


def test_an_image_counts_by_those_that_classified_it() -> None:
    """None classified the first image, one the second one (wrong), and two the third one (one is right)."""
    predicted = classes([NOT_CLASSIFIED, 5, 5], [NOT_CLASSIFIED, NOT_CLASSIFIED, 1])
    table = missed_by_all(classes([0, 1, 1])[0], predicted, np.ones((2, 3), np.float32))
    assert table[["image", "classifiers"]].to_numpy().tolist() == [[1, 1]]


def test_images_with_the_most_probable_common_prediction_come_first() -> None:
    none = NOT_CLASSIFIED
    predicted = classes([5, 6, 7, 7, 5], [4, 6, 7, 7, none], [3, 6, 7, 7, none])
    probabilities = np.array([[0.9, 0.5, 0.6, 0.6, 0.7]] * 3, np.float32)
    table = missed_by_all(classes([1, 1, 1, 1, 1])[0], predicted, probabilities)
    assert table["image"].tolist() == [4, 2, 3, 1, 0]


def test_of_equally_common_predictions_the_lower_one_is_named() -> None:
    table = missed_by_all(classes([0])[0], classes([8], [3]), np.ones((2, 1), np.float32))
    assert table["predicted"].tolist() == [3]


def test_no_missed_image_is_an_empty_table() -> None:
    table = missed_by_all(classes([1, 2])[0], classes([1, 2]), np.ones((1, 2), np.float32))
    assert table.empty
    assert list(table) == ["image", "actual", "predicted", "classifiers", "share"]
