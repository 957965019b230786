"""Sums up the runs of a study: a row a network, a row a run. Nothing is compared here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.choices.network import Network
from mnist_cnn.data.mnist import CLASSES
from mnist_cnn.statistics.blocks import FloatArray
from mnist_cnn.study import Study
from mnist_cnn.tables import ALL_LAYOUTS, ConfusionRow, NetworkRow, RunRow, StudyTables

METRICS = (
    "kernel_size",
    "parameters",
    "multiply_accumulates",
    "training_seconds",
    "validation_accuracy",
    "validation_accuracy_std",
    "test_accuracy",
    "test_accuracy_std",
    "generalisation_gap",
)


def network_cell(network: Network) -> dict[str, Any]:
    """The columns of `NetworkCell`."""
    return {
        "network": network.name,
        "model": network.model,
        "kernel": network.kernel,
        "kernel_size": network.kernel_size,
        "conv_layers": network.conv_layers,
        "linear_layers": network.linear_layers,
    }


def _std(values: FloatArray) -> float | None:
    """The standard deviation over folds, or None where there is one fold alone."""
    return float(values.std(ddof=1)) if len(values) > 1 else None


def network_rows(study: Study, target: float) -> list[NetworkRow]:
    """Sums up each network over its folds."""
    return [
        NetworkRow(
            **network_cell(network),
            parameters=study.parameters[i],
            multiply_accumulates=study.multiply_accumulates[i],
            training_seconds=float(np.median(study.training_seconds[i])),
            validation_accuracy=float(study.validation_accuracy[i].mean()),
            validation_accuracy_std=_std(study.validation_accuracy[i]),
            validation_loss=float(study.validation_loss[i].mean()),
            test_accuracy=float(study.test_accuracy[i].mean()),
            test_accuracy_std=_std(study.test_accuracy[i]),
            test_loss=float(study.test_loss[i].mean()),
            generalisation_gap=float(study.gap[i].mean()),
            calibration_error=float(study.calibration_error[i].mean()),
            meets_target=bool(study.validation_accuracy[i].mean() >= target),
        )
        for i, network in enumerate(study.networks)
    ]


def run_rows(study: Study) -> list[RunRow]:
    """Lists the runs one by one."""
    return [
        RunRow(
            **network_cell(network),
            fold=fold,
            training_seconds=study.training_seconds[i, j],
            train_accuracy=study.train_accuracy[i, j],
            train_loss=study.train_loss[i, j],
            validation_accuracy=study.validation_accuracy[i, j],
            validation_loss=study.validation_loss[i, j],
            test_accuracy=study.test_accuracy[i, j],
            test_loss=study.test_loss[i, j],
        )
        for i, network in enumerate(study.networks)
        for j, fold in enumerate(study.folds)
    ]


def nested_metrics(rows: Sequence[NetworkRow]) -> dict[str, dict[str, Any]]:
    """Nests each network's numbers as model → kernel → number: the dotted names of `dvc metrics diff`."""
    nested: dict[str, dict[str, Any]] = {}
    for row in rows:
        numbers = {name: getattr(row, name) for name in METRICS}
        present = {name: number for name, number in numbers.items() if number is not None}
        nested.setdefault(row.model, {})[row.kernel] = present
    return nested


def confusion_rows(actual: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> list[ConfusionRow]:
    """Counts for each pair of digits how many images of the one were taken for the other."""
    counts = np.bincount(actual.astype(int) * CLASSES + predicted, minlength=CLASSES**2)
    return [
        ConfusionRow(actual=place // CLASSES, predicted=place % CLASSES, images=count)
        for place, count in enumerate(counts.tolist())
    ]


def headline(tables: StudyTables) -> dict[str, Any]:
    """Picks the few numbers that one wants to see move between experiments, for `dvc exp show`.

    The effects are those on accuracy over all layouts, named by the levels of params.yaml, so that they keep
    their names when a kernel size changes.
    """
    summary = tables.summary
    by_name = {row.network: row for row in tables.networks}
    shown, best = by_name[summary.shown_network], by_name[summary.most_accurate]
    content: dict[str, Any] = {
        "highest_accuracy": best.validation_accuracy,
        "highest_accuracy_network": best.network,
        "networks_meeting_target": summary.meeting_target,
        "networks": summary.networks,
    }
    if summary.reason is not None:
        content["recommended"] = {
            "network": shown.network,
            "validation_accuracy": shown.validation_accuracy,
            "test_accuracy": shown.test_accuracy,
            "training_seconds": shown.training_seconds,
        }
    effects = {
        f"{row.factor}_{row.high_name}_vs_{row.low_name}": {
            "estimate": row.estimate,
            "lower": row.lower,
            "upper": row.upper,
        }
        for row in tables.effects
        if row.response == "validation_accuracy" and row.scope == ALL_LAYOUTS
    }
    return content | ({"effects_on_accuracy": effects} if effects else {})
