"""The split into folds, and the prepared images as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_json
from mnist_cnn.core.images import (
    NORMALISATION_FILE,
    TEST_FILE,
    TRAIN_FILE,
    Images,
    Normalisation,
    TrainingSet,
    load_test_images,
    load_training_set,
    save_prepared,
    stratified_folds,
)
from tests.support.digits import make_images


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).choice(10, 60_000, p=np.arange(1, 11) / 55).astype(np.uint8)


def test_folds_are_equal_and_stratified(labels: np.ndarray) -> None:
    folds = stratified_folds(labels, 6, seed=0)
    assert [int((folds == fold).sum()) for fold in range(6)] == [10_000] * 6
    counts = np.array([np.bincount(labels[folds == fold], minlength=10) for fold in range(6)])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_folds_depend_on_the_seed_alone(labels: np.ndarray) -> None:
    assert (stratified_folds(labels, 6, 0) == stratified_folds(labels, 6, 0)).all()
    assert (stratified_folds(labels, 6, 0) != stratified_folds(labels, 6, 1)).mean() > 0.5


def test_uneven_sizes_differ_by_one_image() -> None:
    folds = stratified_folds(np.array([0] * 7 + [1] * 4, dtype=np.uint8), 3, seed=0)
    assert sorted(np.bincount(folds)) == [3, 4, 4]


def test_inside_and_outside_are_all_images() -> None:
    images = Images(np.zeros((6, 28, 28), np.uint8), np.zeros(6, np.uint8))
    data = TrainingSet(images, np.array([0, 1, 2, 0, 1, 2], np.uint8), Normalisation(mean=0, std=1))
    assert data.inside(1).tolist() == [1, 4]
    assert data.outside(1).tolist() == [0, 2, 3, 5]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Writes 60 training images in three folds, and 30 test images."""
    train = make_images(60)
    folds = stratified_folds(train.labels, 3, seed=0)
    data = TrainingSet(train, folds, Normalisation(mean=33.25, std=78.5))
    save_prepared(tmp_path, data, make_images(30, seed=1))
    return tmp_path


def test_round_trip(prepared: Path) -> None:
    train, test = make_images(60), make_images(30, seed=1)
    data, images = load_training_set(prepared), load_test_images(prepared)
    for loaded, saved in (
        *((data.images.pixels, train.pixels), (data.images.labels, train.labels)),
        *((images.pixels, test.pixels), (images.labels, test.labels)),
        (data.folds, stratified_folds(train.labels, 3, seed=0)),
    ):
        assert loaded.dtype == np.uint8
        assert (loaded == saved).all()
    assert data.normalisation == Normalisation(mean=33.25, std=78.5)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        (TRAIN_FILE, {"folds": np.zeros(59, np.uint8)}, "59 folds of 60 images"),
        (TRAIN_FILE, {"labels": np.full(60, 10, np.uint8)}, "60 labels up to 10 of 60 images"),
        (TRAIN_FILE, {"images": np.zeros((60, 28, 27), np.uint8)}, "images is ('uint8', 60, 28, 27)"),
        (TEST_FILE, {"labels": np.zeros(29, np.uint8)}, "29 labels up to 0 of 30 images"),
    ],
)
def test_tensors_are_checked(prepared: Path, name: str, changes: dict[str, Any], reason: str) -> None:
    path = prepared / name
    save_file(load_file(path) | changes, path)
    with pytest.raises(UserError) as error:
        (load_training_set if name == TRAIN_FILE else load_test_images)(prepared)
    assert str(error.value).startswith(f"{path} is corrupted or was edited: {reason}")


def test_normalisation_is_on_the_scale_of_pixels(prepared: Path) -> None:
    for mean, std in ((0.0, 0.5), (255.0, 255.0)):
        write_json(prepared / NORMALISATION_FILE, {"mean": mean, "std": std})
        assert load_training_set(prepared).normalisation == Normalisation(mean=mean, std=std)
    for mean, std in ((-0.1, 1.0), (255.1, 1.0), (1.0, 0.0), (1.0, 255.1)):
        write_json(prepared / NORMALISATION_FILE, {"mean": mean, "std": std})
        with pytest.raises(
            UserError, match=rf"{NORMALISATION_FILE} is corrupted or was edited: (mean|std): "
        ):
            load_training_set(prepared)
