"""Where each network stands: accuracy, target, distance from the best, cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mnist_cnn.choices.network import Network
from mnist_cnn.statistics.blocks import FloatArray, block_fit, goal_bounds, mean_intervals
from mnist_cnn.statistics.comparisons import compare_with_best

TIED = 12  # decimals of an accuracy beyond which means differ by rounding alone


class Goal(StrEnum):
    """How a network stands to the target accuracy."""

    ASSURED = "assured"
    ON_AVERAGE = "on average"
    MISSED = "missed"


@dataclass(frozen=True)
class Standing:
    """All that the choice looks at in one network; accuracies and their differences are fractions.

    Attributes:
        network: The network. mean: Validation accuracy, mean over the folds. lower: Lower bound of the
        mean's own t interval (two-sided, the folds' luck included). upper: Upper bound of it. goal: ASSURED
        if the mean's one-sided lower bound reaches the target, ON_AVERAGE if only the mean does.
        difference: Mean minus the highest other mean. best_lower: Lower bound of true mean minus best other
        true mean, at most 0 (Hsu). best_upper: Upper bound of the same, at least 0. may_be_best: Whether it
        may be the most accurate network. within_margin: Whether it is shown to lie within the study's
        margin of the best. seconds: Training time, median over the folds, CPU seconds. parameters: Number
        of trained weights.
    """

    network: Network
    mean: float
    lower: float
    upper: float
    goal: Goal
    difference: float
    best_lower: float
    best_upper: float
    may_be_best: bool
    within_margin: bool
    seconds: float
    parameters: int


def rank(
    networks: Sequence[Network],
    accuracy: FloatArray,
    seconds: FloatArray,
    parameters: Sequence[int],
    *,
    target: float,
    margin: float,
    confidence: float,
) -> tuple[Standing, ...]:
    """Says of each network where it stands; higher accuracy is better.

    Hypotheses, pairing and sources: `compare_with_best` (all networks together), `goal_bounds` and
    `mean_intervals` (each network by itself).

    Args:
        networks: The grid.
        accuracy: Validation accuracies, fractions, shape (networks, folds).
        seconds: CPU seconds of training, same shape.
        parameters: Number of trained weights of each network.
        target: Accuracy to be reached, a fraction.
        margin: Largest loss against the best that does not matter, a fraction.
        confidence: Of bounds and intervals.

    Returns:
        Standings by falling mean, equal means by rising cost. That order alone shows no difference.

    Raises:
        StudyError: As `block_fit`.
    """
    best = compare_with_best(block_fit(accuracy), confidence)
    lower, upper = mean_intervals(accuracy, confidence)
    bounds = goal_bounds(accuracy, confidence)
    within, may_be_best = best.shown_within(margin), best.may_be_best
    means, medians = accuracy.mean(axis=1), np.median(seconds, axis=1)
    standings = [
        Standing(
            network=network,
            mean=float(means[i]),
            lower=float(lower[i]),
            upper=float(upper[i]),
            goal=_goal(means[i], bounds[i], target),
            difference=float(best.difference[i]),
            best_lower=float(best.lower[i]),
            best_upper=float(best.upper[i]),
            may_be_best=bool(may_be_best[i]),
            within_margin=bool(within[i]),
            seconds=float(medians[i]),
            parameters=parameters[i],
        )
        for i, network in enumerate(networks)
    ]
    return tuple(sorted(standings, key=lambda s: (-round(s.mean, TIED), s.seconds, s.network.name)))


def _goal(mean: float, bound: float, target: float) -> Goal:
    """Holds a mean and its one-sided lower bound against the target."""
    if bound >= target:
        return Goal.ASSURED
    return Goal.ON_AVERAGE if mean >= target else Goal.MISSED
