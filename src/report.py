"""Draws the figures, and writes the report and its answer in two languages.

Reads plots/networks.csv, effects.csv, learning_curves.csv, confusion.csv, missed_images.csv and study.json,
and the images in data/prepared.
Writes report/figures/, report/report.md and report/answer.md (in Russian .ru.md). At last it puts the answer
into README.md and README.ru.md, between markers; they are no outputs, since DVC deletes outputs first.
"""

from pathlib import Path

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_text
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.paths import FIGURES, PLOTS, PREPARED, REPORT
from mnist_cnn.core.tables import read_table
from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.figures import (
    accuracy_cost,
    intervals,
    learning_curves,
    mistakes,
    style,
)
from mnist_cnn.reporting.markdown import render_answer, render_report, replace_answer
from mnist_cnn.reporting.text import SUFFIXES


def main() -> None:
    """Runs the stage."""
    names = ("networks", "effects", "learning_curves", "confusion", "missed_images")
    networks, effects, curves, confusion, missed = (read_table(PLOTS / f"{name}.csv") for name in names)
    summary, pixels = StudySummary.read(PLOTS / "study.json"), load_training_set(PREPARED).images.pixels
    figures = {
        "accuracy_cost": accuracy_cost.draw(networks, summary),
        "effects": intervals.draw_effects(effects, summary),
        "learning_curves": learning_curves.draw(curves, networks),
        "mistakes": mistakes.draw(confusion, missed, pixels, summary),
    }
    if summary.interaction:
        figures["interaction"] = intervals.draw_interaction(summary.interaction, networks, summary)
    for name, figure in figures.items():
        style.save(figure, FIGURES / f"{name}.svg")
    for language, suffix in SUFFIXES.items():
        report = render_report(networks, effects, summary, curves, confusion, language)
        write_text(REPORT / f"report{suffix}", report)
        readme, answer = Path(f"README{suffix}"), render_answer(networks, effects, summary, language)
        write_text(REPORT / f"answer{suffix}", "\n".join(answer.values()))
        if readme.exists():
            write_text(readme, replace_answer(readme.read_text(encoding="utf-8"), answer))
        print(f"{REPORT}/report{suffix}, and its answer in {readme}")


if __name__ == "__main__":
    run(main)
