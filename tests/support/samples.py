"""Studies as the frames and facts that `compare` writes, made up in a moment: a usual one, and the edges."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mnist_cnn.core.mnist import DATASETS
from mnist_cnn.core.params import Params, Targets, load_params
from mnist_cnn.statistics.confusion import confusion
from mnist_cnn.statistics.runs import describe
from mnist_cnn.statistics.study import analyse
from tests.support.fake_study import accuracy
from tests.support.params import changed

PARAMS = load_params()
LONGER = {"epochs": 5.0, "runs": 180, "only_here": ["conv 3-2"], "contradicted": [], "chosen": "a-b"}
AGAINST = LONGER | {"contradicted": ["conv 2-1"], "only_here": []}
LAST = list(PARAMS.models)[-1]
HIGH = Targets(**dict.fromkeys(DATASETS, 0.9999))
CASES: dict[str, Params] = {
    "usual": PARAMS,
    "one fold": changed(PARAMS, folds=(0,)),
    "two folds": changed(PARAMS, folds=(0, 1)),
    "two seeds": changed(PARAMS, seeds=(0, 1)),
    "none chosen": changed(PARAMS, compare=PARAMS.compare.model_copy(update={"target_accuracy": HIGH})),
    "one kernel": changed(PARAMS, kernels={"medium": 5}),
    "four kernels": changed(PARAMS, kernels={"tiny": 1, "small": 3, "medium": 5, "large": 7}),
    "one layout": changed(PARAMS, models={LAST: PARAMS.models[LAST]}),
    "one network": changed(PARAMS, models={LAST: PARAMS.models[LAST]}, kernels={"medium": 5}),
    "a run collapsed": PARAMS,
    "a network collapsed": PARAMS,
    "contradicted": PARAMS,
    "clothes": changed(PARAMS, data=PARAMS.data.model_copy(update={"dataset": "FashionMNIST"})),
}


def about(dataset: str) -> dict[str, Any]:
    """Returns the facts that say which data set a study is about."""
    return {"dataset": dataset, "classes": list(DATASETS[dataset].classes)}


@dataclass(frozen=True, eq=False)
class Sample:
    """What the words and figures of a study are made of."""

    networks: pd.DataFrame
    effects: pd.DataFrame
    facts: dict[str, Any]
    curves: pd.DataFrame
    confusion: pd.DataFrame


def sample_runs(params: Params) -> pd.DataFrame:
    """Makes plots/runs.csv: known effects, and noise."""
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 0.001, params.data.folds)
    cells = [(seed, fold) for seed in params.train.seeds for fold in params.train.folds]
    rows = []
    for network in params.networks():
        for seed, fold in cells:
            right = accuracy(network) + luck[fold] + rng.normal(0, 0.0006)
            counts = {"validation_correct": round(10_000 * right), "validation_images": 10_000}
            test = {"test_correct": round(1600 * right), "test_images": 1600}
            rest = {"validation_loss": 3.3 * (1 - right), "train_loss": 0.02, "train_accuracy": right + 0.004}
            rows.append({**describe(network), "seed": seed, "fold": fold, **counts, **test, **rest})
    return pd.DataFrame(rows)


@cache
def sample(case: str = "usual") -> Sample:
    """Makes the study of one of `CASES`."""
    params = CASES[case]
    runs = sample_runs(params)
    if "collapsed" in case:
        runs.loc[range(1 if "run" in case else 6), "validation_correct"] = 1135
    study = analyse(runs, params.networks(), params.criteria)
    longer = {"usual": LONGER, "contradicted": AGAINST}.get(case)
    labels = np.arange(600, dtype=np.uint8) % 10
    predicted = np.where(np.arange(600) % 50 < 2, (labels + 3) % 10, labels)[np.newaxis]
    return Sample(
        study.networks,
        study.effects,
        study.facts | {"epochs": params.train.epochs, "longer": longer, **about(params.data.dataset)},
        sample_curves(params),
        confusion(labels, predicted.astype(np.uint8), DATASETS[params.data.dataset].classes),
    )


def sample_curves(params: Params) -> pd.DataFrame:
    """Makes plots/learning_curves.csv with two points a network."""
    labels = ["network", "model", "kernel", "kernel_size"]
    rows = [
        {key: describe(network)[key] for key in labels}
        | {"epoch": params.train.epochs / step, "train_loss": 0.06 * step, "train_accuracy": 1 - 0.01 * step}
        | {"validation_loss": 3.3 * step * error, "validation_accuracy": 1 - step * error}
        for network in params.networks()
        for error in [1 - accuracy(network)]
        for step in (2, 1)
    ]
    return pd.DataFrame(rows)
