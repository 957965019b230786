"""The randomised complete block design, `fold mean = network + fold + error`, and its critical values.

A fold mean is the mean over the seeds of one network on one fold. Fold f of every network has the same
validation images, so the fold is a block: what makes it easy for all networks cancels in their differences.
The error of a fold mean contains the noise of seeds and folds, whatever the share of each.

Sums that decide something are computed by `math.fsum` or element by element, and critical values are rounded,
because the last bit of a logarithm depends on the processor.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

FloatArray = NDArray[np.float64]
DECIMALS = 12  # of an accuracy; further digits are rounding errors


@dataclass(frozen=True, eq=False)
class BlockFit:
    """The fitted block model, in the unit of the fold means.

    Attributes:
        means: Mean of each network over the folds, shape (networks,).
        mse: Error variance of one fold mean; NaN with one fold, from which it cannot be estimated.
        df: Degrees of freedom of `mse`.
        fold_variance: Variance of a network's fold means, the effect of the fold included; pooled.
        folds: Number of folds.
        variance_factor: Variance of a mean divided by the error variance. 1/folds holds for networks trained
            on these images; 1/folds + validation/training images, for networks trained on other images drawn
            like them, whose training sets do not overlap (Nadeau & Bengio 2003, the corrected resampled
            t-test).
    """

    means: FloatArray
    mse: float
    df: int
    fold_variance: float
    folds: int
    variance_factor: float

    @property
    def standard_error(self) -> float:
        """Standard error of a mean within a difference; that of a contrast: times the norm of its weights."""
        return math.sqrt(self.mse * self.variance_factor)

    def accuracy_half_width(self, confidence: float) -> float:
        """Half-width of the t interval of one network's true mean, the effects of the folds included.

        Each interval holds by itself, and is not for comparing networks. The variance is pooled; folds - 1
        degrees of freedom are conservative, because the networks share the folds.
        """
        variance = self.fold_variance * self.variance_factor
        return t_critical(1, self.folds - 1, confidence) * math.sqrt(variance)

    def gap_half_width(self, confidence: float) -> float:
        """W, the half-width of the gaps of all networks to the best one (Dunnett, one-sided)."""
        return gap_critical(len(self.means), self.df, confidence) * math.sqrt(2) * self.standard_error


def block_fit(fold_means: FloatArray) -> BlockFit:
    """Fits network + fold + error by least squares, which means suffice for in a balanced design.

    With a single network no fold effect can be separated: the error is the whole spread over the folds.

    Args:
        fold_means: One finite value per network and fold, shape (networks, folds): fractions, or log seconds.
    """
    assert np.isfinite(fold_means).all(), "complete and finite"
    networks, folds = fold_means.shape
    means = np.array([math.fsum(row) / folds for row in fold_means])
    deviations = fold_means - means[:, None]
    fold_effect = deviations.mean(axis=0) if networks > 1 else np.zeros(folds)
    df = max(networks - 1, 1) * (folds - 1)
    if df == 0:
        return BlockFit(means, math.nan, df, math.nan, folds, 1 / folds)
    mse = math.fsum(np.square(deviations - fold_effect).flat) / df
    fold_variance = math.fsum(np.square(deviations).flat) / (networks * (folds - 1))
    return BlockFit(means, mse, df, fold_variance, folds, 1 / folds)


@cache
def t_critical(count: int, df: int, confidence: float) -> float:
    """Critical t of `count` simultaneous two-sided intervals (Bonferroni); NaN without degrees of freedom."""
    return round(float(stats.t.isf((1 - confidence) / (2 * count), df)), 9) if df and count else math.nan


@cache
def gap_critical(networks: int, df: int, confidence: float) -> float:
    """Critical value for the comparisons with the best, in standard errors of a difference.

    Solves E[Φ(z + sqrt(2) d s)^(networks - 1)] = confidence for d, over standard normal z and
    s = sqrt(chi²(df)/df), by Gauss-Legendre quadrature: Dunnett's (1955) one-sided value for networks - 1
    treatments and a control, 2.15 for 3 networks and 10 degrees of freedom. 0 for a single network.
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
