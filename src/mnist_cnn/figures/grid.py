"""The grid as the figures see it: its layouts, its kernels and what was measured in a cell."""

from collections.abc import Sequence

from mnist_cnn.tables import NetworkRow, RunRow, StudyTables


def accuracy(row: NetworkRow | RunRow) -> float:
    """Returns the validation accuracy, percent."""
    return 100 * row.validation_accuracy


def seconds(row: NetworkRow | RunRow) -> float:
    """Returns the training time, CPU seconds."""
    return row.training_seconds


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
