"""Writes what the study found: the report as Markdown and as a page, with its figures.

Reads the tables under plots/; for the galleries of mistakes data/prepared and data/evaluation; of params.yaml
`models` and `kernels`, which say whose evaluations those are.
Writes report/report.md, report/index.html and report/figures/.
"""

import shutil
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.command import run
from mnist_cnn.data.prepared import load_test_images, load_training_set
from mnist_cnn.figures.all import draw_figures
from mnist_cnn.figures.style import save_figure
from mnist_cnn.files import write_text
from mnist_cnn.mistakes import Mistakes, hard_digits, test_mistakes
from mnist_cnn.paths import EVALUATION, PLOTS, PREPARED, REPORT
from mnist_cnn.report.content import compose
from mnist_cnn.report.markdown import to_markdown
from mnist_cnn.report.page import to_page
from mnist_cnn.tables import read_tables

FIGURES = REPORT / "figures"


def read_predictions(network: Network, name: str) -> NDArray[Any]:
    """Reads one array of what the models of a network answered; the others stay on the disk."""
    with safe_open(EVALUATION / network.place / "predictions.safetensors", "numpy") as file:
        array: NDArray[Any] = file.get_tensor(name)
    return array


def read_mistakes(params: Params, shown: str) -> Mistakes:
    """Reads the digits that the shown network mistakes, and those that most networks do."""
    networks = {network.name: network for network in params.networks()}
    test, validation = load_test_images(PREPARED), load_training_set(PREPARED).images
    answers = (read_predictions(networks[shown], name) for name in ("test_labels", "test_probabilities"))
    everyone = np.stack([read_predictions(one, "validation_labels") for one in networks.values()])
    return Mistakes(test=test_mistakes(test, *answers), validation=hard_digits(validation, everyone))


def main() -> None:
    """Runs the stage."""
    params = load_params()
    tables = read_tables(PLOTS)
    figures = draw_figures(tables, read_mistakes(params, tables.summary.shown_network))
    shutil.rmtree(FIGURES, ignore_errors=True)  # those of another study
    for figure in figures:
        save_figure(figure, FIGURES)
    report = compose(tables, figures)
    images = {figure.name: (FIGURES / f"{figure.name}.svg").read_bytes() for figure in figures}
    write_text(REPORT / "report.md", to_markdown(report))
    write_text(REPORT / "index.html", to_page(report, images))
    print(fill(report.finding, 100))
    print(f"\nReport: {REPORT / 'index.html'}, {REPORT / 'report.md'}")
    print(f"Plots: `dvc plots show`; their data: {PLOTS}/")


if __name__ == "__main__":
    run(main)
