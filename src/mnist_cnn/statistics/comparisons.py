"""Networks against each other in the block model: all pairs (Tukey) and each with the best (Hsu).

SciPy's `tukey_hsd` and `dunnett` and statsmodels' `pairwise_tukeyhsd` know no blocks and are not used: they
put the folds' differences into the error and lose most of their power.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from mnist_cnn.statistics.blocks import BlockFit, FloatArray, scale_nodes


@dataclass(frozen=True, eq=False)
class Pairs:
    """Differences between networks with simultaneous intervals, difference ± half_width.

    Attributes:
        first: Index of the network on the left of the minus sign, shape (pairs,).
        second: Index of the one on its right.
        difference: mean[first] - mean[second], in the unit of `y`.
        half_width: The same for all pairs of a balanced study.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    difference: FloatArray
    half_width: float

    @property
    def differ(self) -> NDArray[np.bool_]:
        """Whether the interval excludes 0, shape (pairs,)."""
        return np.abs(self.difference) > self.half_width


@cache
def tukey_critical(networks: int, df: int, confidence: float) -> float:
    """Critical value of all pairs, in standard errors of a difference: q(networks, df) / sqrt(2)."""
    return float(stats.studentized_range.ppf(confidence, networks, df)) / math.sqrt(2)


def tukey_pairs(fit: BlockFit, confidence: float, with_network: int | None = None) -> Pairs:
    """Compares all pairs of networks (Tukey's studentized range, in the block model).

    Null hypothesis of each pair: equal true means. Pairing: within folds. Positive: `first` has the higher
    `y`. The intervals of all pairs hold together with `confidence`, whether or not all of them are asked
    for.

    Args:
        fit: The block model.
        confidence: Probability that all networks * (networks - 1) / 2 intervals hold.
        with_network: Give only the pairs that have this index as `first`, e.g. the most accurate network.

    Returns:
        The pairs; none for a single network.
    """
    count = len(fit.means)
    first, second = np.triu_indices(count, k=1)
    if with_network is not None:
        second = np.delete(np.arange(count), with_network)
        first = np.full(count - 1, with_network)
    half = math.sqrt(2) * fit.mean_error * tukey_critical(count, fit.df, confidence) if count > 1 else 0.0
    return Pairs(first, second, fit.means[first] - fit.means[second], half)


@dataclass(frozen=True, eq=False)
class BestComparison:
    """Each network against the best of the others; arrays have shape (networks,) and the unit of `y`.

    Attributes:
        difference: Mean minus the highest other mean; positive only for the network with the highest mean.
        lower: Lower bound of true mean minus best other true mean, at most 0.
        upper: Upper bound of the same, at least 0.
        half_width: Half-width before the bounds are cut at 0.
    """

    difference: FloatArray
    lower: FloatArray
    upper: FloatArray
    half_width: float

    @property
    def may_be_best(self) -> NDArray[np.bool_]:
        """Whether the network may be the best: its upper bound lies above 0 (a network alone is the best)."""
        return self.upper > 0 if len(self.upper) > 1 else np.ones(1, dtype=bool)

    def shown_within(self, margin: float) -> NDArray[np.bool_]:
        """Whether the network is shown to lie less than `margin` below the best one."""
        return self.lower > -margin


@cache
def best_critical(networks: int, df: int, confidence: float) -> float:
    """Critical value of the comparisons with the best, in standard errors of a difference.

    Solves E[Φ(z + sqrt(2) d s)^(networks - 1)] = confidence for d, over standard normal z and
    s = sqrt(chi²(df)/df), by Gauss-Legendre quadrature. It is Dunnett's one-sided value for networks - 1
    treatments against a control: 2.15 for 3 networks and 10 degrees of freedom.
    """
    x, weights = np.polynomial.legendre.leggauss(200)
    z, z_weights = 9 * x, 9 * weights * stats.norm.pdf(9 * x)
    s, s_weights = scale_nodes(df)

    def excess(d: float) -> float:
        inner = np.exp((networks - 1) * special.log_ndtr(z + math.sqrt(2) * d * s[:, None]))
        return float(s_weights @ inner @ z_weights) - confidence

    bonferroni = float(stats.t.isf((1 - confidence) / (networks - 1), df))  # never smaller than d
    return float(optimize.brentq(excess, -1, bonferroni + 1, xtol=1e-12))


def compare_with_best(fit: BlockFit, confidence: float) -> BestComparison:
    """Compares each network with the best of the others (higher `y` is better).

    Null hypothesis behind "cannot be the best": the network is the best. Behind "shown within a margin": it
    lies at least the margin below the best. Pairing: within folds. All intervals hold together with
    `confidence`.

    Source: Hsu 1984, constrained multiple comparisons with the best.

    Args:
        fit: The block model.
        confidence: Probability that all intervals hold.

    Returns:
        Differences and bounds; all 0 for a single network, which is the best of itself.
    """
    count = len(fit.means)
    if count == 1:
        return BestComparison(np.zeros(1), np.zeros(1), np.zeros(1), 0.0)
    best = int(np.argmax(fit.means))
    others = np.full(count, fit.means[best])
    others[best] = np.delete(fit.means, best).max()
    difference = fit.means - others
    half = best_critical(count, fit.df, confidence) * math.sqrt(2) * fit.mean_error
    lower, upper = np.minimum(0, difference - half), np.maximum(0, difference + half)
    return BestComparison(difference, lower, upper, half)
