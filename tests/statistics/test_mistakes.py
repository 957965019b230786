"""What is shown as mistakes, on cases made by hand."""

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.statistics.confusion import confusion, missed_by_all


def digits(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def test_confusion_counts_every_pair_of_classes():
    table = confusion(digits([1, 1, 7])[0], digits([1, 7, 7], [7, 7, 1]), list("abcdefghij"))
    counts = {(row.actual, row.predicted): row.images for row in table.itertuples() if row.images}
    assert counts == {("b", "b"): 1, ("b", "h"): 3, ("h", "h"): 1, ("h", "b"): 1}
    assert len(table) == 100


def test_confusion_leaves_out_what_no_run_judged():
    assert confusion(digits([1, 2])[0], digits([255, 2], [255, 255]), list("abcdefghij"))["images"].sum() == 1


def test_only_images_that_every_judge_gets_wrong_are_listed():
    predicted = digits([0, 5, 6, 7], [0, 5, 6, 3], [0, 1, 4, 3])
    table = missed_by_all(digits([0, 1, 9, 3])[0], predicted, np.ones((3, 4), np.float32))
    assert table.to_dict("records") == [
        {"image": 2, "actual": 9, "predicted": 6, "judges": 3, "share": 2 / 3}
    ]


def test_an_image_counts_by_those_who_judged_it():
    """The first was judged by none, the second by one who is wrong, the third by two of whom one is right."""
    predicted = digits([255, 5, 5], [255, 255, 1])
    table = missed_by_all(digits([0, 1, 1])[0], predicted, np.ones((2, 3), np.float32))
    assert table[["image", "judges"]].to_numpy().tolist() == [[1, 1]]


def test_those_come_first_on_which_the_judges_agree_and_are_sure():
    predicted = digits([5, 6, 7, 7], [4, 6, 7, 7], [3, 6, 7, 7])
    sure = np.array([[0.9, 0.5, 0.6, 0.6]] * 3, np.float32)
    assert missed_by_all(digits([1, 1, 1, 1])[0], predicted, sure)["image"].tolist() == [2, 3, 1, 0]


def test_of_equally_common_answers_the_lower_is_named():
    table = missed_by_all(digits([0])[0], digits([8], [3]), np.ones((2, 1), np.float32))
    assert table["predicted"].tolist() == [3]


def test_no_mistake_is_an_empty_table():
    table = missed_by_all(digits([1, 2])[0], digits([1, 2]), np.ones((1, 2), np.float32))
    assert table.empty
    assert list(table) == ["image", "actual", "predicted", "judges", "share"]
