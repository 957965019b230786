"""What `prepare` writes, and that it reads unchanged files alone."""

import gzip
import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import prepare
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import load_test_images, load_training_set
from mnist_cnn.core.paths import PARAMS, PLOTS, PREPARED, raw_directory
from mnist_cnn.core.tables import read_table
from mnist_cnn.sources.idx import FILES, SPLITS, idx_bytes, md5
from tests.support.digits import make_images
from tests.support.repositories import TOP, tree


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Writes the raw files of a small data set, one of them compressed; returns their content."""
    monkeypatch.chdir(tmp_path)
    PARAMS.write_bytes((TOP / PARAMS).read_bytes())
    contents = {}
    for names, images in zip(SPLITS.values(), (make_images(600), make_images(210, seed=1)), strict=True):
        contents |= dict(zip(names, map(idx_bytes, (images.pixels, images.labels)), strict=True))
    contents["t10k-labels-idx1-ubyte.gz"] = gzip.compress(contents.pop("t10k-labels-idx1-ubyte"), mtime=0)
    monkeypatch.setitem(FILES, "MNIST", {name: md5(content) for name, content in contents.items()})
    raw_directory("MNIST").mkdir(parents=True)
    for name, content in contents.items():
        (raw_directory("MNIST") / name).write_bytes(content)
    return contents


@pytest.mark.usefixtures("raw")
def test_folds_normalisation_samples_and_counts_are_written() -> None:
    prepare.main()
    train, test = make_images(600), make_images(210, seed=1)
    data = load_training_set(PREPARED)
    assert (data.images.pixels == train.pixels).all()
    assert (load_test_images(PREPARED).labels == test.labels).all()
    moments = (data.normalisation.mean, data.normalisation.std)
    assert moments == pytest.approx((train.pixels.mean(), train.pixels.std()), rel=1e-7)
    counts = read_table(PLOTS / "class_counts.csv")
    assert counts["class"].tolist() == [*range(10)] * 7
    assert (counts["images"] == [10] * 60 + [21] * 10).all()
    assert counts["part"].unique().tolist() == [f"fold {fold}" for fold in range(6)] + ["test"]
    image = matplotlib.image.imread(io.BytesIO((PLOTS / "samples.png").read_bytes()))
    assert image.shape[:2] == (280, 560)
    first = train.pixels[np.flatnonzero(train.labels == 3)[0]] / 255
    assert np.abs(1 - image[84:112, :28, 0] - first).max() < 0.03  # a row per class, dark on white


def test_a_class_without_images_is_counted() -> None:
    rows = prepare.class_counts({"fold 0": np.array([1, 1, 3], np.uint8)}, tuple("0123456789"))
    assert [row["images"] for row in rows] == [0, 2, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_changed_file_is_refused_and_nothing_is_written(raw: dict[str, bytes], tmp_path: Path) -> None:
    prepare.main()
    before = tree(tmp_path)
    images, labels = (raw_directory("MNIST") / name for name in SPLITS["train"])
    for content in (b"", raw[images.name][:-1], raw[labels.name]):
        images.write_bytes(content)
        message = f"^{images}: MD5 {md5(content)}, must be {FILES['MNIST'][images.name]}; remove it and run `"
        with pytest.raises(UserError, match=message):
            prepare.main()
    images.unlink()
    with pytest.raises(UserError, match=f"^{images} is missing; run `dvc repro`"):
        prepare.main()
    images.write_bytes(raw[images.name])
    assert tree(tmp_path) == before
