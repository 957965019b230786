"""Which digits are shown as mistakes, on cases made by hand."""

import numpy as np

from mnist_cnn.data.dataset import Images
from mnist_cnn.mistakes import hard_digits
from mnist_cnn.mistakes import test_mistakes as find_test_mistakes


def images(labels: list[int]) -> Images:
    """Makes images whose every pixel is their index."""
    pixels = np.broadcast_to(np.arange(len(labels), dtype=np.uint8)[:, None, None], (len(labels), 28, 28))
    return Images(pixels.copy(), np.array(labels, np.uint8))


def test_the_most_missed_come_first_then_the_most_sure():
    predicted = np.array([[1, 1, 5, 3, 9], [1, 7, 5, 3, 4], [1, 7, 2, 8, 4]], np.uint8)
    sure = np.array([[0.9, 0.9, 0.8, 0.6, 0.7], [0.9, 0.5, 0.9, 0.7, 0.99], [0.9, 0.6, 0.9, 0.9, 0.99]])
    gallery = find_test_mistakes(images([1, 1, 2, 0, 4]), predicted, sure.astype(np.float32))

    assert [mistake.index for mistake in gallery.mistakes] == [3, 2, 1, 4]
    assert [mistake.missed for mistake in gallery.mistakes] == [3, 2, 2, 1]
    assert [mistake.missed_by_all for mistake in gallery.mistakes] == [True, False, False, False]
    assert (gallery.missed_by_all, gallery.images, gallery.judges) == (1, 5, 3)
    assert gallery.pixels[:, 0, 0].tolist() == [3, 2, 1, 4]


def test_the_probability_is_that_of_the_answer_that_is_named():
    """Two models say 3, with 0.6 and 0.7; the third says 8, with 0.9, which does not count."""
    predicted = np.array([[3], [3], [8]], np.uint8)
    sure = np.array([[0.6], [0.7], [0.9]], np.float32)
    (mistake,) = find_test_mistakes(images([0]), predicted, sure).mistakes
    assert (mistake.label, mistake.predicted) == (0, 3)
    assert mistake.probability is not None
    assert abs(mistake.probability - 0.65) < 1e-6


def test_of_equally_common_answers_the_surer_is_named_then_the_lower():
    predicted = np.array([[3, 3], [8, 8]], np.uint8)
    sure = np.array([[0.6, 0.5], [0.7, 0.5]], np.float32)
    gallery = find_test_mistakes(images([0, 0]), predicted, sure)
    assert {mistake.index: mistake.predicted for mistake in gallery.mistakes} == {0: 8, 1: 3}


def test_no_mistake_is_an_empty_gallery():
    gallery = find_test_mistakes(images([1, 2]), np.array([[1, 2]], np.uint8), np.ones((1, 2), np.float32))
    assert (len(gallery.mistakes), gallery.pixels.shape, gallery.missed_by_all) == (0, (0, 28, 28), 0)


def test_hard_digits_are_those_that_more_than_half_of_the_networks_miss():
    predicted = np.array([[0, 5, 6, 7], [0, 5, 6, 3], [0, 1, 6, 3], [0, 1, 4, 3]], np.uint8)
    gallery = hard_digits(images([0, 1, 9, 3]), predicted)
    (mistake,) = gallery.mistakes  # image 1 is missed by two of four: not most
    assert (mistake.index, mistake.label, mistake.predicted, mistake.probability) == (2, 9, 6, None)
    assert (mistake.missed, mistake.judges, mistake.missed_by_all) == (4, 4, True)


def test_an_image_that_no_run_judged_is_neither_hard_nor_counted():
    predicted = np.array([[255, 5, 5], [255, 5, 255], [255, 5, 255]], np.uint8)
    gallery = hard_digits(images([0, 1, 1]), predicted)
    assert [(mistake.index, mistake.judges) for mistake in gallery.mistakes] == [(1, 3), (2, 1)]
    assert gallery.images == 2


def test_of_equally_missed_digits_those_come_first_whose_wrong_answers_agree():
    predicted = np.array([[5, 6], [4, 6], [3, 6]], np.uint8)
    assert [mistake.index for mistake in hard_digits(images([1, 1]), predicted).mistakes] == [1, 0]
