"""The randomised complete block design, `cell = network + fold + error`, and its critical values.

A cell (network, fold) is the mean over the seeds. Run f of every network is validated on the same images, so
the fold is a block: what makes it easy for all networks cancels in their differences. The error between cells
holds the noise of seeds and folds, whatever the share of each.

What decides is summed by `math.fsum` or element by element, and critical values are rounded: the last bit of
a logarithm depends on the processor.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

FloatArray = NDArray[np.float64]
DECIMALS = 12  # of an accuracy, beyond which there is rounding alone


@dataclass(frozen=True, eq=False)
class BlockFit:
    """The block model, fitted; in the unit of the cells.

    Attributes:
        means: Mean of each network over the folds, shape (networks,).
        mse: Error variance of one cell; NaN with one fold, which leaves no error to judge by.
        df: Degrees of freedom of `mse`.
        level_variance: Variance of a network's cells over folds, the folds' luck included; pooled.
        folds: Number of folds.
        factor: Variance of a mean per error variance. 1/folds speaks of networks trained on these images;
            1/folds + validation/training images, of networks trained on other images drawn like them, whose
            training sets do not overlap (Nadeau & Bengio 2003, the corrected resampled t-test).
    """

    means: FloatArray
    mse: float
    df: int
    level_variance: float
    folds: int
    factor: float

    @property
    def error(self) -> float:
        """Standard error of one mean within a difference; times the norm of its weights, a contrast's."""
        return math.sqrt(self.mse * self.factor)

    def own_half_width(self, confidence: float) -> float:
        """Half-width of a network's own t interval: how far its mean lies from the truth, folds included.

        One interval each, not simultaneous, and not for comparing networks. The variance is pooled; folds - 1
        degrees of freedom are cautious, because networks share the folds.
        """
        return t_critical(1, self.folds - 1, confidence) * math.sqrt(self.level_variance * self.factor)

    def best_half_width(self, confidence: float) -> float:
        """W, half-width of the distances of all networks from the best: Dunnett's one-sided value."""
        return best_critical(len(self.means), self.df, confidence) * math.sqrt(2) * self.error

    def pair_half_width(self, confidence: float) -> float:
        """Half-width of the differences of all pairs of networks together (Tukey)."""
        return pair_critical(len(self.means), self.df, confidence) * math.sqrt(2) * self.error


def block_fit(cells: FloatArray) -> BlockFit:
    """Fits network + fold + error by least squares (balanced, so by means).

    A network alone has no fold effect to take out: its error is the whole spread of its folds.

    Args:
        cells: One finite value a network and fold, shape (networks, folds): fractions, or log seconds.
    """
    assert np.isfinite(cells).all(), "complete and finite"
    networks, folds = cells.shape
    means = np.array([math.fsum(row) / folds for row in cells])
    own = cells - means[:, None]
    luck = own.mean(axis=0) if networks > 1 else np.zeros(folds)
    df = max(networks - 1, 1) * (folds - 1)
    mse = math.fsum(np.square(own - luck).flat) / df if df else math.nan
    level = math.fsum(np.square(own).flat) / (networks * (folds - 1)) if df else math.nan
    return BlockFit(means, mse, df, level, folds, 1 / folds)


@cache
def t_critical(count: int, df: int, confidence: float) -> float:
    """Critical t of `count` two-sided intervals that hold together (Bonferroni); NaN without an error."""
    return round(float(stats.t.isf((1 - confidence) / (2 * count), df)), 9) if df and count else math.nan


@cache
def pair_critical(networks: int, df: int, confidence: float) -> float:
    """Critical value of all pairs of networks (Tukey), in standard errors of a difference."""
    if df == 0 or networks == 1:
        return math.nan
    return round(float(stats.studentized_range.ppf(confidence, networks, df)) / math.sqrt(2), 6)


@cache
def best_critical(networks: int, df: int, confidence: float) -> float:
    """Critical value of the comparisons with the best, in standard errors of a difference.

    Solves E[Φ(z + sqrt(2) d s)^(networks - 1)] = confidence for d, over standard normal z and
    s = sqrt(chi²(df)/df), by Gauss-Legendre quadrature: Dunnett's (1955) one-sided value for networks - 1
    treatments and a control, 2.15 for 3 networks and 10 degrees of freedom. 0 for a network alone.
    """
    if df == 0 or networks == 1:
        return 0.0 if df else math.nan
    x, weights = np.polynomial.legendre.leggauss(200)
    z, z_weights = 9 * x, 9 * weights * stats.norm.pdf(9 * x)
    low, high = float(stats.chi.ppf(1e-14, df)), float(stats.chi.isf(1e-14, df))
    chi = low + (high - low) * (x + 1) / 2
    s, s_weights = chi / math.sqrt(df), weights * (high - low) / 2 * stats.chi.pdf(chi, df)

    def excess(d: float) -> float:
        inner = np.exp((networks - 1) * special.log_ndtr(z + math.sqrt(2) * d * s[:, None]))
        return float(s_weights @ inner @ z_weights) - confidence

    bonferroni = float(stats.t.isf((1 - confidence) / (networks - 1), df))  # never smaller than d
    return round(float(optimize.brentq(excess, -1, bonferroni + 1, xtol=1e-12)), 9)
