"""Simulated studies with known effects: the files that `compare` and `timing` read, and their results."""

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mnist_cnn.core.files import write_tensors
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, Normalisation, TrainingSet, save_prepared, stratified_folds
from mnist_cnn.core.machine import Machine
from mnist_cnn.core.mnist import CLASS_NAMES, NOT_CLASSIFIED, TEST_IMAGES, TRAIN_IMAGES
from mnist_cnn.core.params import Architecture, Compare, Params, Targets, load_params
from mnist_cnn.core.paths import EVALUATION, PREPARED, TIMING, TRAINING
from mnist_cnn.core.tables import write_table
from mnist_cnn.documents import StudySummary
from mnist_cnn.statistics.confusion import confusion, missed_by_all
from mnist_cnn.statistics.runs import EVALUATED, network_columns
from mnist_cnn.statistics.study import analyse
from tests.support.params import changed, write_params
from tests.support.repositories import TOP
from timing import mean_seconds, time_ratios

Layers = dict[str, tuple[tuple[int, ...], tuple[int, ...]]]  # model → conv_channels and hidden_units
MODELS: Layers = {
    "conv1_linear1": ((16,), ()),
    "conv1_linear2": ((16,), (32,)),
    "conv2_linear1": ((16, 16), ()),
    "conv2_linear2": ((16, 16), (32,)),
    "conv3_linear2": ((16, 16, 32), (32,)),
}
KERNELS = {"small": 3, "medium": 5, "large": 7}
FOLD_SD, RUN_SD = 0.0010, 0.0007  # about as on MNIST
MACHINE = Machine(processor="Test processor", cores="2", system="Linux x86_64", python="3.11", torch="2.14.1")
PARAMS = load_params(TOP / "params.yaml")
FORTY = {
    f"conv{conv}_linear{linear}": Architecture(conv_channels=(16,) * conv, hidden_units=(32,) * (linear - 1))
    for conv in range(1, 5)
    for linear in (1, 2)
}
LAST_MODEL = dict([list(PARAMS.models.items())[-1]])
HIGH_TARGETS = Targets(**dict.fromkeys(CLASS_NAMES, 0.9999))
CASES: dict[str, Params] = {
    "usual": PARAMS,
    "one fold": changed(PARAMS, folds=(0,)),
    "two folds": changed(PARAMS, folds=(0, 1)),
    "one seed": changed(PARAMS, seeds=(0,)),
    "none chosen": changed(
        PARAMS, compare=PARAMS.compare.model_copy(update={"target_accuracy": HIGH_TARGETS})
    ),
    "one kernel": changed(PARAMS, kernels={"medium": 5}),
    "four kernels": changed(PARAMS, kernels={"tiny": 1, "small": 3, "medium": 5, "large": 7}),
    "forty networks": changed(PARAMS, models=FORTY, kernels={f"k{size}": size for size in (1, 3, 5, 7, 9)}),
    "one layout": changed(PARAMS, models=LAST_MODEL),
    "one network": changed(PARAMS, models=LAST_MODEL, kernels={"medium": 5}),
    "a run collapsed": PARAMS,
    "a network collapsed": PARAMS,
    "clothes": changed(PARAMS, data=PARAMS.data.model_copy(update={"dataset": "FashionMNIST"})),
}


def true_accuracy(network: Network) -> float:
    """Returns an accuracy that is close to what MNIST gives."""
    kernel = 0.0022 * min(network.kernel_size - 3, 2) / 2 - 0.0001 * max(network.kernel_size - 5, 0)
    layers = 0.0031 * (network.conv_layers > 1) + 0.0008 * (network.conv_layers > 2)
    return 0.9840 + kernel + layers + 0.0005 * (network.linear_layers - 1)


def true_seconds(network: Network) -> float:
    """Returns the CPU seconds of a run."""
    return 6 + network.multiply_accumulates / 3e5


def grid(
    models: Layers = MODELS, kernels: dict[str, int] = KERNELS, folds: int = 6, seeds: tuple[int, ...] = (0,)
) -> Params:
    """Returns parameters with these networks and runs, and fixed criteria."""
    architectures = {
        name: Architecture(conv_channels=conv_channels, hidden_units=hidden_units)
        for name, (conv_channels, hidden_units) in models.items()
    }
    targets = Targets(**dict.fromkeys(CLASS_NAMES, 0.98))
    compare = Compare(target_accuracy=targets, margin=0.002, confidence=0.95)
    runs = {"seeds": seeds, "folds": tuple(range(folds))}
    return changed(PARAMS, models=architectures, kernels=kernels, compare=compare, **runs)


def simulate_fold_means(
    means: ArrayLike, folds: int = 6, noise: float = RUN_SD, seed: int = 0
) -> NDArray[np.float64]:
    """Adds noise, and an effect of each fold, to true means; shape (networks, folds)."""
    rng, truth = np.random.default_rng(seed), np.asarray(means, float)
    return truth[:, None] + rng.normal(0, noise, (len(truth), folds)) + rng.normal(0, FOLD_SD, folds)


def tabulate_runs(params: Params, accuracies: NDArray[np.float64]) -> pd.DataFrame:
    """Makes plots/runs.csv from accuracies of shape (networks, seeds × folds)."""
    images, pairs = TRAIN_IMAGES // params.data.folds, list(product(params.train.seeds, params.train.folds))
    rows = []
    for network, row in zip(params.networks(), accuracies.tolist(), strict=True):
        for index, ((seed, fold), accuracy) in enumerate(zip(pairs, row, strict=True)):
            tests = len(range(index, TEST_IMAGES, len(pairs)))
            counts = round(images * accuracy), images, 3.3 * (1 - accuracy), round(tests * accuracy), tests
            rows.append(
                {
                    **network_columns(network),
                    **{"seed": seed, "fold": fold},
                    **dict(zip(EVALUATED, counts, strict=True)),
                    **{"train_loss": 2 * (1 - accuracy), "train_accuracy": accuracy + 0.004},
                }
            )
    return pd.DataFrame(rows)


def simulate_runs(params: Params, seed: int = 0) -> pd.DataFrame:
    """Simulates plots/runs.csv with the true accuracies of `true_accuracy`."""
    rng, train = np.random.default_rng(seed), params.train
    truth = np.array([true_accuracy(network) for network in params.networks()])
    fold_effect = np.tile(rng.normal(0, FOLD_SD, params.data.folds)[list(train.folds)], len(train.seeds))
    noise = rng.normal(0, RUN_SD, (len(truth), len(fold_effect)))
    return tabulate_runs(params, truth[:, None] + fold_effect + noise)


def simulate_curve(params: Params, accuracy: float) -> pd.DataFrame:
    """Simulates a learning curve that ends at an accuracy."""
    share = np.arange(1, params.train.curve_points + 1) / params.train.curve_points
    error = (1 - accuracy) * share**-0.8
    return pd.DataFrame(
        {
            **{"epoch": params.train.epochs * share},
            **{"train_loss": 3.6 * error, "train_accuracy": 1 - 0.9 * error},
            **{"validation_loss": 3.3 * error, "validation_accuracy": 1 - error},
        }
    )


@dataclass(frozen=True, eq=False)
class Sample:
    """The results of a study, from which texts and figures are made."""

    networks: pd.DataFrame
    effects: pd.DataFrame
    summary: StudySummary
    curves: pd.DataFrame
    confusion: pd.DataFrame
    missed: pd.DataFrame


@cache
def sample(case: str = "usual") -> Sample:
    """Simulates and analyses the study of one of `CASES`."""
    params = CASES[case]
    runs = simulate_runs(params)
    if "collapsed" in case:
        count = 1 if "run" in case else len(params.train.seeds) * len(params.train.folds)
        runs.loc[range(count), "validation_correct"] = 1135
    study = analyse(runs, params)
    curves = [
        simulate_curve(params, true_accuracy(network)).assign(**network_columns(network))
        for network in params.networks()
    ]
    columns = ["network", "model", "kernel", "kernel_size", *curves[0].columns[:5]]
    labels = np.arange(600, dtype=np.uint8) % 10
    predicted = np.where(np.arange(600) % 50 < 2, (labels + 3) % 10, labels).astype(np.uint8)[np.newaxis]
    return Sample(
        study.networks,
        study.effects,
        study.summary,
        pd.concat(curves, ignore_index=True)[columns],
        confusion(labels, predicted, study.summary.classes),
        missed_by_all(labels, predicted, np.full(predicted.shape, 0.9, np.float32)),
    )


@cache
def sample_times(case: str = "usual") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulates the training times of one of `CASES`, and returns the seconds of networks and the ratios."""
    params, rng = CASES[case], np.random.default_rng(0)
    runs = product(params.networks(), params.train.folds)
    rows = [(network.name, fold, true_seconds(network) * rng.uniform(0.97, 1.03)) for network, fold in runs]
    times = pd.DataFrame(rows, columns=["network", "fold", "training_seconds"])
    networks, confidence = params.networks(), params.compare.confidence
    return mean_seconds(times, networks), time_ratios(times, networks, confidence)


def simulate_predictions(
    labels: NDArray[np.uint8], correct: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Simulates predictions, so many of them correct; the first images are wrong more often than others."""
    predicted = labels.copy()
    order = np.argsort(np.arange(len(labels)) + rng.exponential(60, len(labels)))
    missed = order[: len(labels) - correct]
    predicted[missed] = (labels[missed] + rng.choice([1, 2, 5], len(missed))) % 10
    return predicted


def write_simulated_study(folder: Path, params: Params, seed: int = 0, clock: float = 1.0) -> None:
    """Writes params.yaml and the files in data/ that `compare` and `timing` read.

    Args:
        folder: The top of a repository.
        params: Its parameters.
        seed: Another seed gives other noise.
        clock: Factor of the measured times; nothing else changes with it.
    """
    rng, seeds = np.random.default_rng(12), params.train.seeds
    train, test = (
        Images(np.zeros((count, 28, 28), np.uint8), rng.integers(0, 10, count).astype(np.uint8))
        for count in (TRAIN_IMAGES, TEST_IMAGES)
    )
    folds = stratified_folds(train.labels, params.data.folds, params.data.seed)
    save_prepared(folder / PREPARED, TrainingSet(train, folds, Normalisation(mean=33.0, std=78.0)), test)
    write_params(folder, params)
    table = simulate_runs(params, seed)
    for index, network in enumerate(params.networks()):
        runs, path = table[table.network == network.name], network.path
        rng = np.random.default_rng([seed, index])  # another network changes no predictions of this one
        curves, validation = [], np.full((len(seeds), TRAIN_IMAGES), NOT_CLASSIFIED, np.uint8)
        test_labels = np.empty_like(test.labels)
        for number, run in enumerate(runs.itertuples()):
            curve = simulate_curve(params, run.validation_correct / run.validation_images)
            curves.append(curve.assign(seed=run.seed, fold=run.fold))
            inside, share = folds == run.fold, slice(number, None, len(runs))
            predicted = simulate_predictions(train.labels[inside], run.validation_correct, rng)
            validation[seeds.index(run.seed), inside] = predicted
            test_labels[share] = simulate_predictions(test.labels[share], run.test_correct, rng)
        seconds = clock * true_seconds(network) * np.exp(rng.normal(0, 0.03, len(runs)))
        times = runs[["seed", "fold"]].assign(training_seconds=seconds, validation_seconds=seconds / 20)
        tensors = {
            "validation_labels": validation,
            "validation_probabilities": np.where(validation == NOT_CLASSIFIED, 0, 0.9).astype(np.float32),
            "test_labels": test_labels,
        }
        write_table(folder / EVALUATION / path / "runs.csv", runs[["seed", "fold", *EVALUATED]])
        write_tensors(folder / EVALUATION / path / "predictions.safetensors", tensors)
        write_table(folder / TRAINING / path / "curves.csv", pd.concat(curves))
        write_table(folder / TIMING / path / "timing.csv", times)
        MACHINE.write(folder / TIMING / path / "timing_machine.json")
