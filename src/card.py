"""Writes the model card of the exported network: its origin, its accuracy, its limits and its use.

Reads data/export/agreement.json; plots/choice.json, networks.csv and study.json.
Writes data/export/README.md.
"""

import pandas as pd
from scipy import stats

from mnist_cnn.core.command import run
from mnist_cnn.core.files import write_text
from mnist_cnn.core.paths import EXPORT, PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.documents import Agreement, Choice, StudySummary
from mnist_cnn.reporting.text import records, render


def render_card(agreement: Agreement, choice: Choice, networks: pd.DataFrame, summary: StudySummary) -> str:
    """Writes the card.

    Args:
        agreement: data/export/agreement.json.
        choice: plots/choice.json.
        networks: plots/networks.csv.
        summary: plots/study.json.
    """
    correct, images, rows = agreement.correct, agreement.images, records(networks)
    interval = stats.binomtest(correct, images).proportion_ci(summary.confidence, method="wilson")
    return render(
        "card.md.j2",
        "en",
        agreement=agreement,
        choice=choice,
        row={row["network"]: row for row in rows}[agreement.network],
        likely=sorted((row for row in rows if row["likely"]), key=lambda row: -row["repeat_share"]),
        test=(correct / images, float(interval.low), float(interval.high)),
        summary=summary,
    )


def main() -> None:
    """Runs the stage."""
    agreement, choice = Agreement.read(EXPORT / "agreement.json"), Choice.read(PLOTS / "choice.json")
    networks, summary = read_table(PLOTS / "networks.csv"), StudySummary.read(PLOTS / "study.json")
    write_text(EXPORT / "README.md", render_card(agreement, choice, networks, summary))
    print(f"{EXPORT / 'README.md'} describes {agreement.network}")


if __name__ == "__main__":
    run(main)
