"""Which networks are good enough, which one to take, and what a repeat of the study would take."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, FloatArray
from mnist_cnn.statistics.effects import unlike

BoolArray = NDArray[np.bool_]
REPEATS = 2_000
SPREAD = 2.5  # variances of a mean: one of this study, one of the repeat; a half more, for leaders had luck
CONTENT = 0.9  # share of the predicted choices that the set holds
NONE = "none"  # what is chosen where no network is shown good enough


def stand(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> pd.DataFrame:
    """Says where each network stands against the best one, the target and the choice (higher is better).

    Null hypothesis behind tier `good`: the network lies at least the margin below the best, or below the
    target. Behind `worse`: it lies at most the margin below the best. Pairing: within folds. Lower ends
    against the best hold together with `confidence`, and so do upper ends; own intervals hold one by one.

    Sources: Hsu 1984, constrained multiple comparisons with the best (`best_low`, `best_high`); Edwards & Hsu
    1983 (`loss_least`: own mean - the least mean of those that may be the best + W).

    Args:
        fit: The block model of accuracies, fractions.
        networks: In the order of the fit.
        criteria: Target, margin and confidence.

    Returns:
        One row a network: network, accuracy_low, accuracy_high (its own interval), difference (to the highest
        other mean), best_low, best_high (of true mean minus best other true mean), loss_least (upper end of
        true mean minus best true mean), tier, meets_target, chosen, comparison_half_width (bars
        that do not overlap belong to networks that differ). NaN, open and False with one fold.
    """
    half, own = fit.best_half_width(criteria.confidence), fit.own_half_width(criteria.confidence)
    difference = _to_best(fit.means)
    may_be_best = difference + half >= 0
    loss = fit.means - np.min(fit.means, where=may_be_best, initial=math.inf) + half
    meets, good = _gates(fit, fit.means, criteria)
    worse = np.round(loss, DECIMALS) < -criteria.margin
    return pd.DataFrame(
        {
            "network": [network.name for network in networks],
            "accuracy_low": fit.means - own,
            "accuracy_high": np.minimum(fit.means + own, 1),
            "difference": difference,
            "best_low": np.minimum(0, difference - half),
            "best_high": np.maximum(0, difference + half),
            "loss_least": loss,
            "tier": np.select([good, worse], ["good", "worse"], "open"),
            "meets_target": meets,
            "chosen": np.arange(len(networks)) == _cheapest(good, networks),
            "comparison_half_width": fit.pair_half_width(criteria.confidence) / 2,
        }
    )


def _to_best(means: FloatArray) -> FloatArray:
    """Distance of each mean to the highest other one, shape (..., networks); 0 for a network alone."""
    if means.shape[-1] == 1:
        return np.zeros_like(means)
    top = np.partition(means, -2)[..., -2:]
    difference: FloatArray = means - np.where(means == top[..., 1:], top[..., :1], top[..., 1:])
    return difference


def _gates(
    fit: BlockFit, means: FloatArray, criteria: Criteria, widths: FloatArray | float = 1.0
) -> tuple[BoolArray, BoolArray]:
    """Whether networks meet the target, and are shown good enough; for means of shape (..., networks)."""
    half, own = fit.best_half_width(criteria.confidence) * widths, fit.own_half_width(criteria.confidence)
    meets = np.round(means - own, DECIMALS) >= criteria.target_accuracy
    return meets, meets & (np.round(_to_best(means) - half, DECIMALS) > -criteria.margin)


def _cheapest(good: BoolArray, networks: Sequence[Network]) -> NDArray[np.intp]:
    """Takes the network with the fewest multiply-accumulates of those shown good enough.

    Args:
        good: Shape (..., networks).
        networks: In that order; of equal work the one with fewer parameters, then the first.

    Returns:
        Its index, shape (...); `len(networks)` where none is shown good enough.
    """
    cost = [(network.multiply_accumulates, network.parameters) for network in networks]
    order = np.array([*sorted(range(len(networks)), key=cost.__getitem__), len(networks)])
    none = np.ones((*good.shape[:-1], 1), dtype=bool)
    chosen: NDArray[np.intp] = order[np.concatenate([good[..., order[:-1]], none], axis=-1).argmax(axis=-1)]
    return chosen


def predict(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> dict[str, float]:
    """Predicts what repeats of the study would choose.

    A repeat has its own noise on top of this study's, so its means are drawn with variance `SPREAD` · mse /
    folds (the plain bootstrap has 1; with 1 and 2 the shares are too sure, as docs/statistics.md shows), and
    its error variance is drawn too.
    What a network gains by the interaction of layout and kernel is partly luck, which a repeat does not have:
    it is shrunken by 1 - 1/F (empirical Bayes; Efron & Morris 1973). Seeded, and rounded before anything is
    decided: every processor predicts the same.

    Args:
        fit: The block model of accuracies.
        networks: In the order of the fit.
        criteria: Target, margin and confidence.

    Returns:
        Share of `REPEATS` repeats by name of what they choose, a network or `NONE`: the largest first, equal
        ones in the order of networks. Empty with one fold, which has no noise to draw.
    """
    if fit.df == 0:
        return {}
    rng = np.random.default_rng(0)
    draws = np.round(rng.standard_normal((REPEATS, len(networks))), 6)
    widths = np.round(np.sqrt(rng.f(fit.df, fit.df, (REPEATS, 1))), 6).astype(np.float64)
    rest, df = unlike(fit, networks)
    luck = min(1, df * fit.mse / fit.folds / math.fsum(rest * rest)) if df and rest.any() else 0
    means = fit.means - luck * rest + math.sqrt(SPREAD * fit.mse / fit.folds) * draws
    counts = np.bincount(
        _cheapest(_gates(fit, means, criteria, widths)[1], networks), minlength=len(networks) + 1
    )
    names = [*(network.name for network in networks), NONE]
    order = np.argsort(-counts, kind="stable")
    return {names[index]: int(counts[index]) / REPEATS for index in order if counts[index]}


def smallest_set(shares: dict[str, float]) -> list[str]:
    """Takes the fewest choices that hold `CONTENT` of the predicted ones, from the largest share on."""
    held = np.round(np.cumsum(list(shares.values())), DECIMALS)
    return list(shares)[: int(np.searchsorted(held, CONTENT)) + 1]
