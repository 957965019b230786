"""The cut into folds, and the pictures and counts of the data."""

import numpy as np
import pytest

from mnist_cnn.data.dataset import Images, TrainingSet, class_counts, contact_sheet, stratified_folds


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).choice(10, 60_000, p=np.arange(1, 11) / 55).astype(np.uint8)


def test_folds_are_equal_and_stratified(labels: np.ndarray) -> None:
    folds = stratified_folds(labels, 6, seed=0)
    assert [int((folds == fold).sum()) for fold in range(6)] == [10_000] * 6
    counts = np.array([class_counts(labels[folds == fold]) for fold in range(6)])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_folds_follow_the_seed_alone(labels: np.ndarray) -> None:
    assert (stratified_folds(labels, 6, 0) == stratified_folds(labels, 6, 0)).all()
    assert (stratified_folds(labels, 6, 0) != stratified_folds(labels, 6, 1)).mean() > 0.5


def test_uneven_sizes_differ_by_one_image() -> None:
    folds = stratified_folds(np.array([0] * 7 + [1] * 4, dtype=np.uint8), 3, seed=0)
    assert sorted(np.bincount(folds)) == [3, 4, 4]


def test_inside_and_outside_make_up_the_whole() -> None:
    images = Images(np.zeros((6, 28, 28), np.uint8), np.zeros(6, np.uint8))
    data = TrainingSet(images, np.array([0, 1, 2, 0, 1, 2], np.uint8), 0.0, 1.0)
    assert data.inside(1).tolist() == [1, 4]
    assert data.outside(1).tolist() == [0, 2, 3, 5]


def test_contact_sheet_has_a_row_a_digit() -> None:
    labels = np.tile(np.arange(10, dtype=np.uint8), 3)
    pixels = np.broadcast_to(labels[:, None, None], (30, 28, 28)).copy()
    sheet = contact_sheet(Images(pixels, labels), columns=3)
    assert sheet.shape == (280, 84)
    assert (sheet[::28, 0] == np.arange(10)).all()
    assert (sheet == sheet[:, :1]).all()
