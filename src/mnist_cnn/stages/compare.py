"""Compares the networks of the grid: numbers and tables, no pictures.

Reads data/training, data/evaluation and, from data/prepared, labels and folds; of params.yaml `models`,
`kernels`, `train` and `compare`. What an earlier grid left in those folders is not looked at.
Writes metrics/summary.json and metrics/networks.json, and under plots/ the tables of `mnist_cnn.tables`.
"""

from itertools import chain

import numpy as np
from safetensors import safe_open

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.command import run
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.files import read_json, write_json
from mnist_cnn.findings import (
    decide,
    effect_rows,
    gap_rows,
    pair_rows,
    price_rows,
    ranking_rows,
    study_summary,
    variation_rows,
)
from mnist_cnn.paths import EVALUATION, METRICS, PLOTS, PREPARED, TRAINING
from mnist_cnn.show import print_table
from mnist_cnn.study import Study, collect_study
from mnist_cnn.summaries import confusion_rows, headline, nested_metrics, network_rows, run_rows
from mnist_cnn.tables import ConfusionRow, CurveRow, StudyTables, read_table, write_tables


def read_study(params: Params, data: TrainingSet) -> Study:
    """Reads what every run of the grid left."""
    networks = params.networks()
    return collect_study(
        networks,
        params.train.folds,
        len(data.inside(0)),
        len(data.outside(0)),
        costs={one.name: read_json(TRAINING / one.place / "cost.json") for one in networks},
        metrics={one.name: read_json(EVALUATION / one.place / "metrics.json") for one in networks},
    )


def read_confusion(network: Network, folds: tuple[int, ...], data: TrainingSet) -> list[ConfusionRow]:
    """Counts what a network mistakes for what, over all images that it was validated on."""
    with safe_open(EVALUATION / network.place / "predictions.safetensors", "numpy") as file:
        predicted = file.get_tensor("validation_labels")
    judged = np.isin(data.folds, folds)
    return confusion_rows(data.images.labels[judged], predicted[judged])


def tabulate(study: Study, params: Params, data: TrainingSet) -> StudyTables:
    """Draws all tables from the runs."""
    compare, decision = params.compare, decide(study, params.compare)
    machine = read_json(TRAINING / study.networks[0].place / "cost.json")["machine"]
    summary = study_summary(study, params, decision, machine)
    shown = next(network for network in study.networks if network.name == summary.shown_network)
    curves = [read_table(TRAINING / one.place / "curves.csv", CurveRow) for one in study.networks]
    return StudyTables(
        networks=network_rows(study, compare.target_accuracy),
        runs=run_rows(study),
        learning_curves=list(chain.from_iterable(curves)),
        effects=effect_rows(study, compare),
        ranking=ranking_rows(study, decision, compare),
        pairs=pair_rows(study, compare),
        prices=price_rows(decision),
        anova=variation_rows(study),
        gaps=gap_rows(study, compare),
        confusion=read_confusion(shown, study.folds, data),
        summary=summary,
    )


def main() -> None:
    """Runs the stage."""
    params = load_params()
    data = load_training_set(PREPARED)
    tables = tabulate(read_study(params, data), params, data)
    write_tables(PLOTS, tables)
    write_json(METRICS / "networks.json", nested_metrics(tables.networks))
    write_json(METRICS / "summary.json", headline(tables))
    print_table(tables)


if __name__ == "__main__":
    run(main)
