"""The cut into folds, the pictures and counts of the data, and what `prepare` writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import prepare
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import (
    Images,
    TrainingSet,
    class_counts,
    contact_sheet,
    load_test_images,
    load_training_set,
    save_prepared,
    stratified_folds,
)
from mnist_cnn.core.mnist import DATASETS, SPLITS, Dataset, idx_bytes, md5
from mnist_cnn.core.paths import PARAMS, PLOTS, PREPARED, raw_directory
from mnist_cnn.core.tables import read_table
from tests.support.digits import make_images
from tests.support.repositories import TOP


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


def test_contact_sheet_has_a_row_a_class() -> None:
    labels = np.tile(np.arange(10, dtype=np.uint8), 3)
    pixels = np.broadcast_to(labels[:, None, None], (30, 28, 28)).copy()
    sheet = contact_sheet(Images(pixels, labels), columns=3)
    assert sheet.shape == (280, 84)
    assert (sheet[::28, 0] == np.arange(10)).all()
    assert (sheet == sheet[:, :1]).all()


def test_prepare_writes_folds_pictures_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PARAMS.write_bytes((TOP / PARAMS).read_bytes())
    raw = raw_directory("MNIST")
    raw.mkdir(parents=True)
    train, test = make_images(600), make_images(210, seed=1)
    files = {}
    for names, images in zip(SPLITS.values(), (train, test), strict=True):
        for name, array in zip(names, (images.pixels, images.labels), strict=True):
            (raw / name).write_bytes(idx_bytes(array))
            files[name] = md5(idx_bytes(array))
    monkeypatch.setitem(DATASETS, "MNIST", Dataset(files, DATASETS["MNIST"].classes))
    prepare.main()
    data = load_training_set(PREPARED)
    assert (data.images.pixels == train.pixels).all()
    assert (load_test_images(PREPARED).labels == test.labels).all()
    assert (data.mean, data.std) == pytest.approx((train.pixels.mean(), train.pixels.std()), rel=1e-7)
    counts = read_table(PLOTS / "class_counts.csv").groupby("part")["images"].sum()
    assert counts.to_dict() == {f"fold {fold}": 100 for fold in range(6)} | {"test": 210}
    assert (PLOTS / "samples.png").read_bytes().startswith(b"\x89PNG")
    labels = raw / SPLITS["test"][1]
    for content in (b"cut", idx_bytes(test.pixels), idx_bytes(test.labels[::-1])):
        labels.write_bytes(content)
        fault = f"^{labels}: MD5 {md5(content)}, must be {files[labels.name]}; remove it and run `dvc repro"
        with pytest.raises(UserError, match=fault):
            prepare.main()


def test_every_class_is_counted_even_where_it_has_no_image() -> None:
    assert class_counts(np.array([1, 1, 3], np.uint8)) == [0, 2, 0, 1, 0, 0, 0, 0, 0, 0]


def test_what_is_prepared_comes_back(tmp_path: Path) -> None:
    train, test = make_images(60), make_images(30, seed=1)
    folds = stratified_folds(train.labels, 3, seed=0)
    save_prepared(tmp_path, TrainingSet(train, folds, 33.25, 78.5), test)
    data, images = load_training_set(tmp_path), load_test_images(tmp_path)
    for here, there in (
        *((data.images.pixels, train.pixels), (data.images.labels, train.labels), (data.folds, folds)),
        *((images.pixels, test.pixels), (images.labels, test.labels)),
    ):
        assert here.dtype == np.uint8
        assert (here == there).all()
    assert (data.mean, data.std) == (33.25, 78.5)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("folds.npy", np.zeros(59, np.uint8), "59 folds of 60 images"),
        ("train_labels.npy", np.full(60, 10, np.uint8), "60 labels up to 10 of 60 images"),
        ("train_labels.npy", np.zeros(61, np.uint8), "61 labels up to 0 of 60 images"),
        ("train_images.npy", np.zeros((60, 28, 27), np.uint8), "uint8 of shape (60, 28, 27)"),
        ("folds.npy", np.zeros(60), "float64 of shape (60,)"),
        ("normalisation.json", {"mean": -0.1, "std": 1}, "mean -0.1, std 1.0"),
        ("normalisation.json", {"mean": 255.1, "std": 1}, "mean 255.1, std 1.0"),
        ("normalisation.json", {"mean": 1, "std": 0}, "mean 1.0, std 0.0"),
        ("normalisation.json", {"mean": 1, "std": 255.1}, "mean 1.0, std 255.1"),
        ("normalisation.json", {"mean": 0, "std": 0.5}, ""),
        ("normalisation.json", {"mean": 255, "std": 255}, ""),
    ],
)
def test_what_is_prepared_is_checked(tmp_path: Path, name: str, content: Any, said: str) -> None:
    train = make_images(60)
    folds = stratified_folds(train.labels, 3, seed=0)
    save_prepared(tmp_path, TrainingSet(train, folds, 33.0, 78.0), train)
    if isinstance(content, dict):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    else:
        np.save(tmp_path / name, content)
    if not said:
        load_training_set(tmp_path)
        return
    with pytest.raises(UserError) as refusal:
        load_training_set(tmp_path)
    assert f"{tmp_path / name} is not as its stage wrote it: ValueError('{said}')" in str(refusal.value)
