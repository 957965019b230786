"""Which networks are good enough, which one is chosen, and what repeats of the study would choose."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, FloatArray
from mnist_cnn.statistics.effects import interaction_residuals

BoolArray = NDArray[np.bool_]
REPEATS = 2_000
VARIANCE_FACTOR = 2.5  # of a repeat's mean: 1 for this study, 1 for the repeat, 0.5 for selection bias
COVERAGE = 0.9  # share of the predicted choices that the likely ones have together
NO_CHOICE = "none"  # the choice where no network is shown to be good enough


def compare_with_best(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> pd.DataFrame:
    """Compares each network with the best one and with the target (higher is better), and chooses one.

    Null hypothesis of the tier `good`: the network lies at least the margin below the best one, or below the
    target. Of `worse`: it lies at most the margin below the best one. Pairing: within folds. The lower ends
    of the gaps to the best hold simultaneously with `confidence`, and so do the upper ends; the intervals of
    the accuracies hold one by one.

    Sources: Hsu 1984, constrained multiple comparisons with the best (`gap_high`: the highest other mean -
    own mean + W); Edwards & Hsu 1983 (`gap_low`: the lowest mean of those that may be the best - own mean -
    W).

    Args:
        fit: The block model of accuracies, fractions.
        networks: In the order of the fit.
        criteria: Target, margin and confidence.

    Returns:
        One row per network: network, accuracy_low, accuracy_high (interval of its accuracy), gap (highest
        mean - own mean), gap_low, gap_high (interval of the highest true mean - own true mean, at least 0),
        tier, chosen. With one fold the intervals are NaN, the tiers undecided, and nothing is chosen.
    """
    half = fit.gap_half_width(criteria.confidence)
    accuracy_half = fit.accuracy_half_width(criteria.confidence)
    difference = _difference_to_best_other(fit.means)
    may_be_best = difference + half >= 0
    gap_low = np.min(fit.means, where=may_be_best, initial=math.inf) - fit.means - half
    good = _good_enough(fit, fit.means, criteria)
    worse = np.round(gap_low, DECIMALS) > criteria.margin
    return pd.DataFrame(
        {
            "network": [network.name for network in networks],
            "accuracy_low": np.maximum(fit.means - accuracy_half, 0),
            "accuracy_high": np.minimum(fit.means + accuracy_half, 1),
            "gap": fit.means.max() - fit.means,
            "gap_low": np.maximum(gap_low, 0),
            "gap_high": np.maximum(half - difference, 0),
            "tier": np.select([good, worse], ["good", "worse"], "undecided"),
            "chosen": np.arange(len(networks)) == _choose(good, networks),
        }
    )


def _difference_to_best_other(means: FloatArray) -> FloatArray:
    """Subtracts from each mean the highest other one, shape (..., networks); 0 for a single network."""
    if means.shape[-1] == 1:
        return np.zeros_like(means)
    top = np.partition(means, -2)[..., -2:]
    difference: FloatArray = means - np.where(means == top[..., 1:], top[..., :1], top[..., 1:])
    return difference


def _good_enough(
    fit: BlockFit, means: FloatArray, criteria: Criteria, width_factors: FloatArray | float = 1.0
) -> BoolArray:
    """Whether networks meet the target and lose less than the margin; for means of shape (..., networks)."""
    half = fit.gap_half_width(criteria.confidence) * width_factors
    lower = means - fit.accuracy_half_width(criteria.confidence)
    meets_target = np.round(lower, DECIMALS) >= criteria.target_accuracy
    gap_high = np.round(half - _difference_to_best_other(means), DECIMALS)
    good: BoolArray = meets_target & (gap_high < criteria.margin)
    return good


def _choose(good: BoolArray, networks: Sequence[Network]) -> NDArray[np.intp]:
    """Chooses the network with the fewest multiply-accumulates of those that are good enough.

    Args:
        good: Shape (..., networks).
        networks: In that order; ties go to the one with fewer parameters, then to the first one.

    Returns:
        Its index, shape (...); `len(networks)` where none is good enough.
    """
    cost = [(network.multiply_accumulates, network.parameters) for network in networks]
    order = np.array([*sorted(range(len(networks)), key=cost.__getitem__), len(networks)])
    none = np.ones((*good.shape[:-1], 1), dtype=bool)
    chosen: NDArray[np.intp] = order[np.concatenate([good[..., order[:-1]], none], axis=-1).argmax(axis=-1)]
    return chosen


def predict_choices(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> dict[str, float]:
    """Predicts what repeats of the study would choose.

    The means of a repeat are drawn with variance `VARIANCE_FACTOR` · mse / folds, for the noise of this study
    and its own (a plain bootstrap has 1, which makes the shares too sure), and its error variance is drawn
    too. The interaction of layout and kernel is partly noise that a repeat does not have: it is shrunken by
    1 - 1/F (empirical Bayes; Efron & Morris 1973). The draws are seeded and rounded before anything is
    decided, so that every processor predicts the same.

    Args:
        fit: The block model of accuracies.
        networks: In the order of the fit.
        criteria: Target, margin and confidence.

    Returns:
        Share of the `REPEATS` repeats by the name of the network that they choose, or `NO_CHOICE`: the
        largest share first, ties in the order of the networks. Empty with one fold.
    """
    if fit.df == 0:
        return {}
    rng = np.random.default_rng(0)
    draws = np.round(rng.standard_normal((REPEATS, len(networks))), 6)
    width_factors = np.round(np.sqrt(rng.f(fit.df, fit.df, (REPEATS, 1))), 6).astype(np.float64)
    residuals, df = interaction_residuals(fit, networks)
    shrinkage = 0.0
    if df and residuals.any():
        shrinkage = min(1, df * fit.mse / fit.folds / math.fsum(residuals * residuals))
    means = fit.means - shrinkage * residuals + math.sqrt(VARIANCE_FACTOR * fit.mse / fit.folds) * draws
    choices = _choose(_good_enough(fit, means, criteria, width_factors), networks)
    counts = np.bincount(choices, minlength=len(networks) + 1)
    names = [*(network.name for network in networks), NO_CHOICE]
    order = np.argsort(-counts, kind="stable")
    return {names[index]: int(counts[index]) / REPEATS for index in order if counts[index]}


def likely_choices(shares: dict[str, float]) -> tuple[str, ...]:
    """Returns the fewest choices with `COVERAGE` of the predicted ones, starting with the largest share."""
    cumulative = np.round(np.cumsum(list(shares.values())), DECIMALS)
    return tuple(shares)[: int(np.searchsorted(cumulative, COVERAGE)) + 1]
