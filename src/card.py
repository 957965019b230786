"""Writes the card of the exported network: what it is, how it was chosen, how good it is, how to use it.

Reads data/export/agreement.json; plots/choice.json, networks.csv and statements.json.
Writes data/export/README.md.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import stats

from mnist_cnn.core.command import run
from mnist_cnn.core.files import read_json, reading, write_text
from mnist_cnn.core.paths import EXPORT, PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.reporting.text import NO_BREAK, environment, records, refuse_markup


def wilson(right: int, images: int, confidence: float) -> tuple[float, float]:
    """Returns the interval of a share of independent images (Wilson 1927)."""
    interval = stats.binomtest(right, images).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def render_card(
    agreement: Mapping[str, Any], choice: Mapping[str, Any], networks: pd.DataFrame, facts: Mapping[str, Any]
) -> str:
    """Writes the card.

    Args:
        agreement: data/export/agreement.json.
        choice: plots/choice.json.
        networks: plots/networks.csv.
        facts: plots/statements.json.
    """
    right, images = agreement["correct"], agreement["images"]
    content = {
        "agreement": agreement,
        "choice": choice,
        "row": {row["network"]: row for row in records(networks)}[agreement["network"]],
        "test": (right / images, *wilson(right, images, facts["confidence"])),
        "facts": facts,
    }
    text = environment("en").get_template("card.md.j2").render(content)
    return text.replace(" %", f"{NO_BREAK}%")


def main() -> None:
    """Runs the stage."""
    agreement, choice = read_json(EXPORT / "agreement.json"), read_json(PLOTS / "choice.json")
    facts, networks = read_json(PLOTS / "statements.json"), read_table(PLOTS / "networks.csv")
    with reading(PLOTS):
        refuse_markup(agreement, choice, facts, networks.to_dict("list"))
    write_text(EXPORT / "README.md", render_card(agreement, choice, networks, facts))
    print(f"{EXPORT / 'README.md'} describes {agreement['network']}")


if __name__ == "__main__":
    run(main)
