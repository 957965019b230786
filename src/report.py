"""Draws the figures and writes down what was found, in two languages.

Reads plots/networks.csv, effects.csv, learning_curves.csv, confusion.csv and statements.json; for the images
that every network gets wrong data/prepared and data/evaluation; of params.yaml `models` and `kernels`.
Writes report/figures/, report/report.md and report/answer.md (Russian: .ru.md). Its last act puts the answer
into README.md and README.ru.md, between two markers: those are no outputs, which DVC would delete first.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from safetensors import safe_open

from mnist_cnn.command import run
from mnist_cnn.data import TrainingSet, load_training_set
from mnist_cnn.figures import accuracy_cost, effects, interaction, learning_curves, mistakes, ranking, style
from mnist_cnn.files import read_json, write_text
from mnist_cnn.mistakes import missed_by_all
from mnist_cnn.params import load_params
from mnist_cnn.paths import EVALUATION, FIGURES, PLOTS, PREPARED, REPORT
from mnist_cnn.tables import read_table
from mnist_cnn.words import SUFFIXES, render_answer, render_report, replace_answer

TABLES = ("networks", "effects", "learning_curves", "confusion")


def hard_images(data: TrainingSet) -> pd.DataFrame:
    """Lists the training images that every network of the grid gets wrong."""
    answers: dict[str, list[Any]] = {"validation_labels": [], "validation_probabilities": []}
    for network in load_params().networks():
        with safe_open(EVALUATION / network.place / "predictions.safetensors", "numpy") as file:
            for name, arrays in answers.items():
                arrays.append(file.get_tensor(name))
    return missed_by_all(data.images.labels, *(np.concatenate(arrays) for arrays in answers.values()))


def draw_all(tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> dict[str, Figure]:
    """Draws the figures of the report, by name."""
    data, networks = load_training_set(PREPARED), tables["networks"]
    return {
        "accuracy_cost": accuracy_cost.draw(networks, facts),
        "ranking": ranking.draw(networks, facts),
        "effects": effects.draw(tables["effects"], facts),
        "interaction": interaction.draw(networks),
        "learning_curves": learning_curves.draw(tables["learning_curves"]),
        "mistakes": mistakes.draw(tables["confusion"], hard_images(data), data.images.pixels, facts),
    }


def main() -> None:
    """Runs the stage."""
    tables = {name: read_table(PLOTS / f"{name}.csv") for name in TABLES}
    facts = read_json(PLOTS / "statements.json")
    for name, figure in draw_all(tables, facts).items():
        style.save(figure, FIGURES / f"{name}.svg")
    networks, steps, curves, confusion = tables.values()
    for language, suffix in SUFFIXES.items():
        report = render_report(networks, steps, facts, curves, confusion, language)
        write_text(REPORT / f"report{suffix}", report)
        write_text(REPORT / f"answer{suffix}", render_answer(networks, steps, facts, language))
        print(f"{REPORT}/report{suffix}, and its answer in README{suffix}")
    for language, suffix in SUFFIXES.items():
        readme = Path(f"README{suffix}")
        answer = render_answer(networks, steps, facts, language, f"{REPORT}/")
        if readme.exists():
            write_text(readme, replace_answer(readme.read_text(encoding="utf-8"), answer))


if __name__ == "__main__":
    run(main)
