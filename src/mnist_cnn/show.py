"""Shows in the terminal what the study found: `python -m mnist_cnn.show`."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from mnist_cnn.command import run
from mnist_cnn.paths import PLOTS, REPORT
from mnist_cnn.selection import leading_networks, network_cut
from mnist_cnn.tables import NetworkRow, StudyTables, read_tables

HEADS = ("network", "kernel", "parameters", "MACs", "training s", "validation accuracy", "test accuracy")


def network_table(rows: Sequence[NetworkRow]) -> Table:
    """Makes the table of the networks; "±" is one standard deviation over the folds."""
    table = Table(*(Column(head, justify="left" if head == "network" else "right") for head in HEADS))
    for row in rows:
        spread = "" if row.validation_accuracy_std is None else f" ± {100 * row.validation_accuracy_std:.2f}"
        table.add_row(
            row.model,
            f"{row.kernel_size}×{row.kernel_size}",
            f"{row.parameters:,}",
            f"{row.multiply_accumulates:,}",
            f"{row.training_seconds:.1f}",
            f"{100 * row.validation_accuracy:.2f}{spread} %",
            f"{100 * row.test_accuracy:.2f} %",
        )
    return table


def print_table(tables: StudyTables) -> None:
    """Prints the table of the networks, as wide as it needs to be where no terminal limits it."""
    console, shown = Console(), set(leading_networks(tables))
    if not console.is_terminal:
        console.width = 120
    console.print(network_table([row for row in tables.networks if row.network in shown]))
    cut = network_cut(tables)
    if cut:
        print(f"{cut}All are in {PLOTS}/networks.csv.")


def main() -> None:
    """Prints the table, and where the rest is."""
    print_table(read_tables(PLOTS))
    print("± is one standard deviation over the folds; seconds are CPU seconds on the machine that trained.")
    print(f"Report: {REPORT}/index.html, {REPORT}/report.md; plots: `dvc plots show`, their data: {PLOTS}/")


if __name__ == "__main__":
    run(main)
