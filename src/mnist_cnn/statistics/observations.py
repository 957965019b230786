"""Results of single runs, put into an array of shape (networks, folds), or refused with the runs' names."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mnist_cnn.statistics.blocks import FloatArray, StudyError

# A network that answers with one class alone gets at most 11.4 %; the weakest that learned anything in our
# grids and in the published ones, above 90 %. Below one half most answers are wrong: a failed training, not
# a weak network.
COLLAPSED_BELOW = 0.5
NAMED = 12  # runs named in one message

Cells = Mapping[tuple[str, int], float]


def accuracies(cells: Cells, networks: Sequence[str], folds: Sequence[int]) -> FloatArray:
    """Puts validation accuracies in order; a study with a failed or a missing run is refused.

    Args:
        cells: Accuracy (fraction) by (network name, fold); others than those asked for are ignored.
        networks: Names, in the order of the rows.
        folds: Folds, in the order of the columns.

    Returns:
        Accuracies, shape (networks, folds).

    Raises:
        StudyError: A run is missing, is no number from 0 to 1, or collapsed (below `COLLAPSED_BELOW`).
    """
    y = _complete(cells, networks, folds, "accuracy", lambda value: 0 <= value <= 1, "from 0 to 1")
    collapsed = [(networks[i], folds[j]) for i, j in np.argwhere(y < COLLAPSED_BELOW)]
    if collapsed:
        raise StudyError(
            f"{len(collapsed)} of {y.size} runs collapsed (validation accuracy below {COLLAPSED_BELOW:.0%}):"
            f" {_named(collapsed)}: change train (a smaller learning_rate, say) or drop the network"
        )
    return y


def seconds(cells: Cells, networks: Sequence[str], folds: Sequence[int]) -> FloatArray:
    """Puts training times in order; take their logarithm to estimate effects as ratios.

    Args:
        cells: CPU seconds by (network name, fold); others than those asked for are ignored.
        networks: Names, in the order of the rows.
        folds: Folds, in the order of the columns.

    Returns:
        CPU seconds, shape (networks, folds).

    Raises:
        StudyError: A run is missing, or its time is not above 0.
    """
    return _complete(cells, networks, folds, "seconds", lambda value: 0 < value < math.inf, "above 0")


def _complete(
    cells: Cells,
    networks: Sequence[str],
    folds: Sequence[int],
    quantity: str,
    allowed: Callable[[float], bool],
    range_words: str,
) -> FloatArray:
    """Takes every cell of the grid; names those that are missing or not allowed."""
    grid = [(network, fold) for network in networks for fold in folds]
    missing = [cell for cell in grid if cell not in cells]
    if missing:
        raise StudyError(
            f"incomplete grid: no {quantity} for {len(missing)} of {len(grid)} runs: {_named(missing)}:"
            " run `dvc repro`, or take them out of params.yaml"
        )
    wrong = [cell for cell in grid if not allowed(cells[cell])]
    if wrong:
        raise StudyError(
            f"{quantity} must be a number {range_words}, not {cells[wrong[0]]}: {_named(wrong)}: train again"
        )
    return np.array([cells[cell] for cell in grid], dtype=np.float64).reshape(len(networks), len(folds))


def _named(runs: Sequence[tuple[str, int]]) -> str:
    """Names runs in one line."""
    names = [f"{network} fold {fold}" for network, fold in runs[:NAMED]]
    return ", ".join(names) + (f" and {len(runs) - NAMED} more" if len(runs) > NAMED else "")
