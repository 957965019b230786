"""What several tests share: the grid of params.yaml, and a study of it with known effects."""

from pathlib import Path

import numpy as np
import pytest

from mnist_cnn import findings, summaries
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.study import Study
from mnist_cnn.tables import CurveRow, StudyTables

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(TOP / "params.yaml")


def simulated_study(params: Params, kernel_effect: float = 0.0015, seed: int = 0) -> Study:
    """Makes results of the grid of `params`: known effects of kernels and layers, and noise."""
    rng = np.random.default_rng(seed)
    networks, folds = params.networks(), params.train.folds
    shape = (len(networks), len(folds))
    sizes = np.array([network.kernel_size for network in networks])
    layers = np.array([network.conv_layers for network in networks])
    level = (
        0.981 + kernel_effect * (sizes - 3) / 2 + 0.004 * np.minimum(layers - 1, 1) + 0.0004 * (layers == 3)
    )
    accuracy = level[:, None] + rng.normal(0, 0.0006, len(folds)) + rng.normal(0, 0.0007, shape)
    accuracy = np.round(accuracy * 10_000) / 10_000
    seconds = (3 + sizes * layers)[:, None] * np.exp(rng.normal(0, 0.03, shape))
    return Study(
        networks=networks,
        folds=folds,
        validation_images=10_000,
        training_images=50_000,
        parameters=tuple(1000 * int(size) * int(layer) for size, layer in zip(sizes, layers, strict=True)),
        multiply_accumulates=tuple(9000 * int(s) * int(n) for s, n in zip(sizes, layers, strict=True)),
        training_seconds=seconds,
        validation_accuracy=accuracy,
        validation_errors=np.round((1 - accuracy) * 10_000).astype(np.int64),
        validation_loss=3.3 * (1 - accuracy),
        train_accuracy=accuracy + 0.004 + 0.001 * layers[:, None] + rng.normal(0, 0.0004, shape),
        train_loss=2.0 * (1 - accuracy),
        test_accuracy=accuracy + 0.001,
        test_loss=3.0 * (1 - accuracy),
        calibration_error=np.full(shape, 0.004),
    )


def simulated_tables(params: Params, study: Study) -> StudyTables:
    """Makes all tables of a study, with invented learning curves and confusions."""
    compare, decision = params.compare, findings.decide(study, params.compare)
    rng = np.random.default_rng(1)
    actual = rng.integers(0, 10, 60_000).astype(np.uint8)
    predicted = np.where(rng.random(60_000) < 0.012, rng.integers(0, 10, 60_000), actual).astype(np.uint8)
    machine = {"processor": "test processor", "cores": "2", "system": "Linux", "python": "3.11", "torch": "2"}
    curves = [
        CurveRow(
            model=network.model,
            kernel_size=network.kernel_size,
            fold=fold,
            epoch=point / 8,
            train_loss=0.6 / point**1.2,
            train_accuracy=1 - 0.2 / point**1.5,
            validation_loss=0.5 / point,
            validation_accuracy=1 - (1 - accuracy) * (9 - point) ** 0.7,
        )
        for network, row in zip(study.networks, study.validation_accuracy, strict=True)
        for fold, accuracy in zip(study.folds, row, strict=True)
        for point in range(1, 9)
    ]
    return StudyTables(
        networks=summaries.network_rows(study, compare.target_accuracy),
        runs=summaries.run_rows(study),
        learning_curves=curves,
        effects=findings.effect_rows(study, compare),
        ranking=findings.ranking_rows(study, decision, compare),
        pairs=findings.pair_rows(study, compare),
        prices=findings.price_rows(decision),
        anova=findings.variation_rows(study),
        gaps=findings.gap_rows(study, compare),
        confusion=summaries.confusion_rows(actual, predicted),
        summary=findings.study_summary(study, params, decision, machine),
    )
