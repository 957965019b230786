"""Compares the networks of the grid, and chooses one.

Reads data/training, data/evaluation and the labels in data/prepared; of params.yaml `data.dataset`, `models`,
`kernels`, `train` and `compare`.
Writes metrics/networks.json and metrics/summary.json; under plots/ runs.csv, networks.csv, effects.csv,
learning_curves.csv, confusion.csv, missed_images.csv, study.json and choice.json.
"""

from typing import Any

import pandas as pd

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_json
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EVALUATION, METRICS, PLOTS, PREPARED, TRAINING
from mnist_cnn.core.tables import write_table
from mnist_cnn.documents import Choice, NetworkMetrics, StudySummary
from mnist_cnn.statistics.confusion import confusion, missed_by_all
from mnist_cnn.statistics.predictions import load_predictions
from mnist_cnn.statistics.runs import load_curves, load_runs, remove_other_networks
from mnist_cnn.statistics.study import analyse


def describe_choice(summary: StudySummary, params: Params) -> Choice:
    """Describes the chosen network, or the most accurate one if none is chosen, and its training."""
    name = summary.chosen or summary.most_accurate
    network = next(network for network in params.networks() if network.name == name)
    return Choice(
        name=summary.chosen,
        model=network.model,
        kernel=network.kernel,
        kernel_size=network.kernel_size,
        conv_channels=network.conv_channels,
        hidden_units=network.hidden_units,
        dataset=params.data.dataset,
        recipe=summary.recipe,
    )


def headline_metrics(networks: pd.DataFrame, summary: StudySummary) -> dict[str, Any]:
    """Returns the numbers that `dvc metrics diff` shows besides the accuracies; None where there is none."""
    accuracy, cost = (
        networks.set_index("network")[column].to_dict() for column in ("accuracy", "multiply_accumulates")
    )
    return {
        "chosen_accuracy": accuracy.get(summary.chosen),
        "chosen_multiply_accumulates": cost.get(summary.chosen),
        "best_accuracy": accuracy[summary.most_accurate],
        "good_enough": len(summary.good),
        "lose_more": len(summary.worse),
        "half_width": summary.half_width,
    }


def main() -> None:
    """Runs the stage."""
    params = load_params()
    for directory in (EVALUATION, TRAINING):
        remove_other_networks(directory, params.networks())
    runs = load_runs(params)
    study = analyse(runs, params)
    choice = describe_choice(study.summary, params)
    labels = load_training_set(PREPARED).images.labels
    predicted, probabilities = load_predictions(params)
    by_classifier = (-1, len(labels))
    tables = {
        "runs": runs,
        "networks": study.networks,
        "effects": study.effects,
        "learning_curves": load_curves(params),
        "confusion": confusion(
            labels, predicted[params.networks().index(choice.network)], study.summary.classes
        ),
        "missed_images": missed_by_all(
            labels, predicted.reshape(by_classifier), probabilities.reshape(by_classifier)
        ),
    }
    for name, table in tables.items():
        write_table(PLOTS / f"{name}.csv", table)
    study.summary.write(PLOTS / "study.json")
    choice.write(PLOTS / "choice.json")
    accuracy = study.networks.set_index("network")["accuracy"].dropna()
    NetworkMetrics(accuracy={str(name): value for name, value in accuracy.items()}).write(
        METRICS / "networks.json"
    )
    write_json(METRICS / "summary.json", headline_metrics(study.networks, study.summary))
    print(f"compare: {len(runs)} runs of {len(params.networks())} networks; chosen: {choice.name or 'none'}")


if __name__ == "__main__":
    run(main)
