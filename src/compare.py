"""Compares the networks of the grid: numbers and tables, no pictures.

Reads data/training, data/evaluation and the labels in data/prepared; benchmarks/reference_runs.csv, the same
grid trained longer; of params.yaml `data.dataset`, `models`, `kernels`, `train` and `compare`.
Writes metrics/networks.json and metrics/summary.json; under plots/ runs.csv, networks.csv, effects.csv,
learning_curves.csv, confusion.csv, statements.json and choice.json.
"""

from typing import Any

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_json
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.mnist import DATASETS
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import METRICS, PLOTS, PREPARED
from mnist_cnn.core.tables import write_table
from mnist_cnn.statistics.confusion import confusion
from mnist_cnn.statistics.runs import load_curves, load_predictions, load_reference, load_runs
from mnist_cnn.statistics.study import Study, analyse, contradictions, definite

RECIPE = {"epochs", "batch_size", "learning_rate", "warmup"}  # what changes a network, but for its seed


def longer(study: Study, params: Params) -> dict[str, Any] | None:
    """Holds what is stated against what the same networks show when they are trained longer."""
    reference = load_reference(params)
    if reference is None:
        return None
    other = analyse(reference, params.networks(), params.criteria)
    here, there = study.statements, definite(other.statements)
    return {
        "epochs": float(reference["epochs"].iloc[0]),
        "runs": len(reference),
        "only_here": [key for key in definite(here) if key not in there],
        "contradicted": contradictions(here, other.statements),
        "chosen": other.facts["chosen"],
    }


def to_take(network: Network, shown: bool, params: Params) -> dict[str, Any]:
    """Describes a network and its recipe; without a name if it was not shown good enough."""
    return {
        "name": network.name if shown else None,
        "shown": shown,
        "model": network.model,
        "kernel": network.kernel,
        "kernel_size": network.kernel_size,
        "conv_channels": network.conv_channels,
        "hidden_units": network.hidden_units,
        "dataset": params.data.dataset,
        "recipe": params.train.model_dump(include=RECIPE),
    }


def headline(study: Study) -> dict[str, Any]:
    """Returns the numbers that `dvc metrics diff` shows beside the accuracies; None where there is none."""
    rows, facts = study.networks.set_index("network"), study.facts
    chosen = None if facts["chosen"] is None else rows.loc[facts["chosen"]]
    return {
        "chosen_accuracy": None if chosen is None else float(chosen["accuracy"]),
        "chosen_multiply_accumulates": None if chosen is None else int(chosen["multiply_accumulates"]),
        "best_accuracy": float(rows.loc[facts["most_accurate"], "accuracy"]),
        "good_enough": len(facts["good"]),
        "lose_more": len(facts["worse"]),
        "half_width": facts["half_width"],
    }


def main() -> None:
    """Runs the stage."""
    params = load_params()
    runs, networks = load_runs(params), params.networks()
    study = analyse(runs, networks, params.criteria)
    dataset = params.data.dataset
    facts = study.facts | {
        "epochs": params.train.epochs,
        "dataset": dataset,
        "classes": DATASETS[dataset].classes,
        "longer": longer(study, params),
    }
    shown = next(one for one in networks if one.name == (facts["chosen"] or facts["most_accurate"]))
    tables = {
        "runs": runs,
        "networks": study.networks,
        "effects": study.effects,
        "learning_curves": load_curves(params),
        "confusion": confusion(
            load_training_set(PREPARED).images.labels, load_predictions([shown])[0], facts["classes"]
        ),
    }
    for name, table in tables.items():
        write_table(PLOTS / f"{name}.csv", table)
    write_json(PLOTS / "statements.json", facts)
    write_json(PLOTS / "choice.json", to_take(shown, facts["chosen"] is not None, params))
    accuracy = study.networks.set_index("network")["accuracy"].dropna()
    write_json(METRICS / "networks.json", {"accuracy": accuracy.to_dict()})
    write_json(METRICS / "summary.json", headline(study))
    print(f"compare: {len(runs)} runs of {len(networks)} networks; chosen: {facts['chosen'] or 'none'}")


if __name__ == "__main__":
    run(main)
