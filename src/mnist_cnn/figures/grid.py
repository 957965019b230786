"""The grid as the figures see it: its layouts, its kernels and what was measured in a cell."""

from collections.abc import Sequence

from mnist_cnn.figures.style import MOST_NETWORKS
from mnist_cnn.tables import NetworkRow, RunRow, StudyTables


def accuracy(row: NetworkRow | RunRow) -> float:
    """Returns the validation accuracy, percent."""
    return 100 * row.validation_accuracy


def seconds(row: NetworkRow | RunRow) -> float:
    """Returns the training time, CPU seconds."""
    return row.training_seconds


def layouts(tables: StudyTables) -> list[str]:
    """Returns the layouts in the order of params.yaml; of a large grid, the most accurate ones."""
    names = list(dict.fromkeys(row.model for row in tables.networks))
    kernels = len({row.kernel_size for row in tables.networks})
    most = max(MOST_NETWORKS // kernels, 1)
    if len(names) <= most:
        return names
    highest = {
        name: max(row.validation_accuracy for row in tables.networks if row.model == name) for name in names
    }
    kept = sorted(names, key=lambda name: -highest[name])[:most]
    return [name for name in names if name in kept]


def cut_sentence(tables: StudyTables, shown: int) -> str:
    """Says how many of the layouts are shown, if not all."""
    total = len({row.model for row in tables.networks})
    return f"The {shown} most accurate of {total} layouts. " if shown < total else ""


def kernel_sizes(tables: StudyTables) -> list[int]:
    """Returns the kernel sizes, the smallest first."""
    return sorted({row.kernel_size for row in tables.networks})


def pareto(rows: Sequence[NetworkRow]) -> list[NetworkRow]:
    """Returns the networks than which none is both faster and more accurate, the fastest first."""
    front: list[NetworkRow] = []
    for row in sorted(rows, key=lambda row: (row.training_seconds, -row.validation_accuracy)):
        if not front or row.validation_accuracy > front[-1].validation_accuracy:
            front.append(row)
    return front
