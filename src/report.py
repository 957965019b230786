"""Draws the figures and writes down what was found, in two languages.

Reads plots/networks.csv, effects.csv, learning_curves.csv, confusion.csv and statements.json; for the images
that every network gets wrong data/prepared and data/evaluation; of params.yaml `models` and `kernels`.
Writes report/figures/, report/report.md and report/answer.md (Russian: .ru.md). Its last act puts the answer
into README.md and README.ru.md, between two markers: those are no outputs, which DVC would delete first.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from mnist_cnn.core.command import run
from mnist_cnn.core.files import read_json, reading, write_text
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import FIGURES, PLOTS, PREPARED, REPORT
from mnist_cnn.core.tables import read_table
from mnist_cnn.reporting.figures import (
    accuracy_cost,
    effects,
    interaction,
    learning_curves,
    mistakes,
    ranking,
    style,
)
from mnist_cnn.reporting.text import SUFFIXES, refuse_markup, render_answer, render_report, replace_answer
from mnist_cnn.statistics.confusion import missed_by_all
from mnist_cnn.statistics.runs import load_predictions

TABLES = ("networks", "effects", "learning_curves", "confusion")


def draw_all(tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> dict[str, Figure]:
    """Draws the figures of the report, by name."""
    data, networks = load_training_set(PREPARED), tables["networks"]
    hard = missed_by_all(data.images.labels, *load_predictions(load_params().networks()))
    return {
        "accuracy_cost": accuracy_cost.draw(networks, facts),
        "ranking": ranking.draw(networks, facts),
        "effects": effects.draw(tables["effects"], facts),
        "interaction": interaction.draw(networks),
        "learning_curves": learning_curves.draw(tables["learning_curves"]),
        "mistakes": mistakes.draw(tables["confusion"], hard, data.images.pixels, facts),
    }


def main() -> None:
    """Runs the stage."""
    tables = {name: read_table(PLOTS / f"{name}.csv") for name in TABLES}
    facts = read_json(PLOTS / "statements.json")
    with reading(PLOTS):
        refuse_markup(facts, *(table.to_dict("list") for table in tables.values()))
    networks, steps, curves, confusion = tables.values()
    figures, texts = draw_all(tables, facts), {}
    for language, suffix in SUFFIXES.items():
        texts[f"report{suffix}"] = render_report(networks, steps, facts, curves, confusion, language)
        texts[f"answer{suffix}"] = render_answer(networks, steps, facts, language)
    for name, figure in figures.items():
        style.save(figure, FIGURES / f"{name}.svg")
    for name, text in texts.items():
        write_text(REPORT / name, text)
    for language, suffix in SUFFIXES.items():
        readme = Path(f"README{suffix}")
        answer = render_answer(networks, steps, facts, language, f"{REPORT}/")
        if readme.exists():
            write_text(readme, replace_answer(readme.read_text(encoding="utf-8"), answer))
        print(f"{REPORT}/report{suffix}, and its answer in {readme}")


if __name__ == "__main__":
    run(main)
