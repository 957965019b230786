"""The stages one after the other, on tiny data in a folder of their own."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from mnist_cnn.choices.params import load_params
from mnist_cnn.data.mnist import SPLITS, idx_bytes
from mnist_cnn.files import read_csv, read_json
from mnist_cnn.stages import compare, evaluate, prepare, train
from mnist_cnn.statistics.blocks import StudyError
from mnist_cnn.tables import read_tables
from tests.conftest import TOP
from tests.digits import make_images

FOLDS = 3


def write_params(folds: list[int], **kernels: int) -> None:
    """Writes params.yaml for a small grid into the current folder."""
    content = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    content["data"]["folds"] = FOLDS
    content["kernels"] = kernels
    content["models"] = {
        "conv1_linear1": {"conv_channels": [4], "hidden_units": []},
        "conv2_linear1": {"conv_channels": [4, 4], "hidden_units": []},
    }
    content["train"] |= {"folds": folds, "epochs": 2, "batch_size": 8, "curve_images": 50}
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def run_stage(main: Callable[[], None], *arguments: str) -> None:
    """Calls a stage as its command line would."""
    before, sys.argv = sys.argv, ["stage", *arguments]
    try:
        main()
    finally:
        sys.argv = before


def run_grid() -> None:
    """Trains and evaluates every network, and compares them."""
    for network in load_params().networks():
        for main in (train.main, evaluate.main):
            run_stage(main, "--model", network.model, "--kernel", network.kernel)
    run_stage(compare.main)


def write_raw_data() -> None:
    """Writes MNIST's four files with images of our own."""
    raw = Path("data/raw/MNIST/raw")
    raw.mkdir(parents=True)
    for (split, names), count in zip(SPLITS.items(), (1500, 300), strict=True):
        images = make_images(count, seed=len(split), jitter=1)
        (raw / names[0]).write_bytes(idx_bytes(images.pixels))
        (raw / names[1]).write_bytes(idx_bytes(images.labels))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which all stages have run."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("study")
    os.chdir(folder)
    write_raw_data()
    write_params([0, 1, 2], small=3, large=5)
    run_stage(prepare.main)
    run_grid()
    yield folder
    os.chdir(before)


def test_prepare_writes_folds_and_pictures(study: Path) -> None:
    folds = np.load(study / "data/prepared/folds.npy")
    assert np.bincount(folds).tolist() == [500] * FOLDS
    counts = read_csv(study / "plots/class_counts.csv")
    assert len(counts) == 10 * (FOLDS + 1)
    assert sum(int(row["images"]) for row in counts) == 1800
    assert (study / "plots/samples.png").read_bytes().startswith(b"\x89PNG")


def test_train_leaves_weights_curves_and_cost(study: Path) -> None:
    place = "conv2_linear1/large"
    weights = sorted(path.name for path in (study / "data/weights" / place).iterdir())
    assert weights == ["0.safetensors", "1.safetensors", "2.safetensors"]
    curves = read_csv(study / "data/training" / place / "curves.csv")
    assert list(curves[0]) == [
        "model",
        "kernel_size",
        "fold",
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    ]
    assert len(curves) == 8 * FOLDS
    cost = read_json(study / "data/training" / place / "cost.json")
    assert cost["parameters"] == sum(
        array.size for array in load_file(study / "data/weights" / place / "0.safetensors").values()
    )
    assert [run["fold"] for run in cost["runs"]] == [0, 1, 2]
    assert all(run["training_seconds"] > 0 and run["peak_memory_bytes"] > 0 for run in cost["runs"])


def test_evaluate_covers_every_image(study: Path) -> None:
    folder = study / "data/evaluation/conv1_linear1/small"
    predictions = load_file(folder / "predictions.safetensors")
    truth = np.load(study / "data/prepared/train_labels.npy")
    metrics = read_json(folder / "metrics.json")
    right = (predictions["validation_labels"] == truth).mean()
    assert right == pytest.approx(metrics["mean"]["validation_accuracy"])
    assert predictions["test_labels"].shape == predictions["test_probabilities"].shape == (FOLDS, 300)
    confusion = read_csv(folder / "confusion.csv")
    assert len(confusion) == 1500
    assert np.mean([row["actual"] == row["predicted"] for row in confusion]) == pytest.approx(right)
    assert set(read_json(folder / "inference_time.json")) == {
        "single_image_seconds",
        "batch_seconds",
        "batch_images",
        "evaluation_seconds",
    }


def test_compare_tells_the_same_everywhere(study: Path) -> None:
    tables, networks = read_tables(study / "plots"), read_json(study / "metrics/networks.json")
    for row in tables.networks:
        metrics = read_json(study / f"data/evaluation/{row.model}/{row.kernel}/metrics.json")
        assert row.validation_accuracy == pytest.approx(metrics["mean"]["validation_accuracy"])
        assert networks[row.model][row.kernel]["validation_accuracy"] == row.validation_accuracy
        assert networks[row.model][row.kernel]["validation_accuracy_std"] == pytest.approx(
            metrics["std"]["validation_accuracy"]
        )
    summary = read_json(study / "metrics/summary.json")
    assert summary["highest_accuracy"] == max(row.validation_accuracy for row in tables.networks)
    assert summary["recommended"]["network"] == tables.summary.shown_network
    assert "kernel_large_vs_small" in summary["effects_on_accuracy"]
    assert sum(row.images for row in tables.confusion) == 1500


def test_everything_but_times_repeats_to_the_bit(study: Path) -> None:
    place = "conv1_linear1/large"
    files = [
        *(f"data/weights/{place}/{fold}.safetensors" for fold in range(FOLDS)),
        f"data/training/{place}/curves.csv",
        *(
            f"data/evaluation/{place}/{name}"
            for name in ("metrics.json", "confusion.csv", "predictions.safetensors")
        ),
    ]
    before = {name: (study / name).read_bytes() for name in files}
    for main in (train.main, evaluate.main):
        run_stage(main, "--model", "conv1_linear1", "--kernel", "large")
    assert {name: (study / name).read_bytes() for name in files} == before


def test_smaller_grid_takes_nothing_from_the_larger_one(study: Path) -> None:
    write_params([0, 1, 2], small=3)
    run_stage(compare.main)
    tables = read_tables(study / "plots")
    assert {row.kernel for row in tables.networks} == {row.kernel for row in tables.ranking} == {"small"}
    assert "large" not in (study / "metrics/networks.json").read_text(encoding="utf-8")
    assert {row.kernel_size for row in tables.learning_curves} == {3}


def test_one_fold_gives_numbers_and_no_verdict(study: Path) -> None:
    write_params([1], small=3, large=5)
    run_stage(compare.main)
    tables, summary = read_tables(study / "plots"), read_json(study / "metrics/summary.json")
    assert tables.networks[0].validation_accuracy_std is None
    assert not tables.effects
    assert not tables.ranking
    assert "recommended" not in summary
    assert (
        "validation_accuracy_std" not in read_json(study / "metrics/networks.json")["conv1_linear1"]["small"]
    )


def test_run_that_is_missing_is_named(study: Path) -> None:
    write_params([0, 1, 2], small=3, large=5)
    path = study / "data/evaluation/conv2_linear1/small/metrics.json"
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace('"fold": 2', '"fold": 9'), encoding="utf-8")
    try:
        with pytest.raises(StudyError, match=r"incomplete grid.*conv2_linear1-small"):
            run_stage(compare.main)
    finally:
        path.write_text(content, encoding="utf-8")
