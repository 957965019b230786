"""The randomised complete block design: `y = network + fold + error`.

Arrays `y` have shape (networks, folds) and hold accuracies (fractions) or the logarithm of CPU seconds. Run
f of every network is validated on the same images, so the fold is a block: networks are compared within
folds, and what makes a fold easy for all of them cancels. Differences have one pooled error, on
(networks - 1)(folds - 1) degrees of freedom. Pairs and comparisons with the best stand in `comparisons`,
the table of variation in `anova`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from mnist_cnn.command import UserError

FloatArray = NDArray[np.float64]
ROUNDING = 1e-12  # relative size below which residuals are floating-point noise


class StudyError(UserError, ValueError):
    """Results that allow no honest comparison; one line says what, which and what to do."""


@dataclass(frozen=True, eq=False)
class BlockFit:
    """The block model, fitted.

    Attributes:
        means: Mean of each network over the folds, shape (networks,), in the unit of `y`.
        sum_squares: Residual sum of squares.
        df: Degrees of freedom of the residuals; 0 for one network, which has nothing to differ from.
        folds: Number of folds.
        variance_factor: Variance of a network's mean, as far as it enters differences, per error variance:
            1/folds, or `overlap_factor`.
    """

    means: FloatArray
    sum_squares: float
    df: int
    folds: int
    variance_factor: float

    @property
    def mse(self) -> float:
        """Error variance of a single run, in the unit of `y` squared."""
        if self.df == 0:
            raise StudyError("one network has nothing to differ from: add a model or a kernel to params.yaml")
        return self.sum_squares / self.df

    @property
    def mean_error(self) -> float:
        """Standard error of one mean within a difference; times the norm of its weights, a contrast's."""
        return math.sqrt(self.mse * self.variance_factor)


def block_fit(y: FloatArray) -> BlockFit:
    """Fits network + fold + error by least squares (randomised complete blocks, balanced).

    Args:
        y: One value per network and fold, shape (networks, folds), finite.

    Returns:
        Means, and the error that is left when network and fold are taken out.

    Raises:
        StudyError: There is only one fold, or the folds differ by nothing but their level.
    """
    assert np.isfinite(y).all(), "complete and finite: see observations"
    networks, folds = y.shape
    _need_two_folds(folds)
    means = y.mean(axis=1)
    residuals = y - means[:, None] - y.mean(axis=0) + y.mean()
    if networks > 1 and np.abs(residuals).max() <= ROUNDING * np.abs(y).max():
        raise StudyError(
            f"zero error variance: {networks} networks differ by the same amounts in each of {folds} folds,"
            " so no interval can be trusted: check that the runs are no copies, or add to train.folds"
        )
    df = (networks - 1) * (folds - 1)
    return BlockFit(means, float(np.square(residuals).sum()) if df else 0.0, df, folds, 1 / folds)


def _need_two_folds(folds: int) -> None:
    """Refuses a study with no error to judge differences by."""
    if folds < 2:
        raise StudyError("one fold leaves no error to judge by: name two or more in train.folds")


def overlap_factor(folds: int, validation_images: int, training_images: int) -> float:
    """Variance of a mean over folds per error variance, for training sets that overlap.

    1/folds speaks of networks trained on these images; 1/folds + validation/training, of networks trained
    on other images drawn like them. Put it in with `dataclasses.replace(fit, variance_factor=...)`.

    Source: Nadeau & Bengio 2003, the corrected resampled t-test.
    """
    return 1 / folds + validation_images / training_images


def bonferroni_critical(count: int, df: int, confidence: float) -> float:
    """Critical t of `count` two-sided intervals that hold together with `confidence` (Bonferroni)."""
    return float(stats.t.isf((1 - confidence) / (2 * count), df))


def contrast_intervals(
    fit: BlockFit, weights: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Estimates a family of contrasts with simultaneous intervals (Bonferroni over the family).

    Null hypothesis of each: the weighted sum of the networks' true means is 0. Pairing: within folds.
    Positive means that the networks with positive weights have the higher `y`.

    Args:
        fit: The block model.
        weights: One contrast a row, shape (contrasts, networks), each row with sum 0.
        confidence: Probability that all intervals hold.

    Returns:
        Estimates and half-widths, each of shape (contrasts,), in the unit of `y`.
    """
    if not len(weights):
        return np.zeros(0), np.zeros(0)
    assert np.abs(weights.sum(axis=1)).max() < 1e-9, "or the folds do not cancel"
    critical = bonferroni_critical(len(weights), fit.df, confidence)
    return weights @ fit.means, critical * fit.mean_error * np.linalg.norm(weights, axis=1)


def mean_intervals(y: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Gives each network's mean a t interval that includes the luck of the folds.

    One interval each, not simultaneous. The variance is the mean of the networks' variances over folds, on
    folds - 1 degrees of freedom: conservative, because networks share the folds. It says how far a mean
    lies from the truth, and must not be used to compare networks. For one network alone give its values as
    one row.

    Args:
        y: Values, shape (networks, folds).
        confidence: Of each interval, two-sided.

    Returns:
        Lower and upper bounds, each of shape (networks,).
    """
    half = float(stats.t.isf((1 - confidence) / 2, y.shape[1] - 1)) * _level_error(y)
    return y.mean(axis=1) - half, y.mean(axis=1) + half


def goal_bounds(y: FloatArray, confidence: float) -> FloatArray:
    """Gives each network's lower one-sided bound, to be held against a goal (higher is better).

    Null hypothesis: the network's true mean lies below the goal; a bound at or above the goal rejects it.
    One test a network. Variance as in `mean_intervals`.

    Returns:
        Lower bounds, shape (networks,).
    """
    means: FloatArray = y.mean(axis=1)
    return means - float(stats.t.isf(1 - confidence, y.shape[1] - 1)) * _level_error(y)


def _level_error(y: FloatArray) -> float:
    """Standard error of a mean's level: within-network variance, fold effect included."""
    _need_two_folds(y.shape[1])
    return math.sqrt(float(y.var(axis=1, ddof=1).mean()) / y.shape[1])


def scale_nodes(df: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights to average over s = sqrt(chi²(df)/df), the estimated over the true error."""
    low, high = float(stats.chi.ppf(1e-14, df)), float(stats.chi.isf(1e-14, df))
    x, weights = np.polynomial.legendre.leggauss(200)
    chi = low + (high - low) * (x + 1) / 2
    return chi / math.sqrt(df), weights * (high - low) / 2 * stats.chi.pdf(chi, df)


def detectable_difference(fit: BlockFit, weight_norm: float, critical: float, power: float = 0.8) -> float:
    """The smallest true effect that this study would have shown with probability `power`.

    Solves P(estimate - critical * standard error > 0) = power, the noncentral t distribution.

    Args:
        fit: The block model.
        weight_norm: Euclidean norm of the contrast's weights; sqrt(2) for two networks.
        critical: The critical value of the family, as a multiple of the standard error.
        power: Chance of showing it.

    Returns:
        The true effect, in the unit of `y`.
    """
    s, weights = scale_nodes(fit.df)

    def excess(shift: float) -> float:
        return float(weights @ special.ndtr(shift - critical * s)) - power

    return float(optimize.brentq(excess, 0, critical * s[-1] + 10)) * weight_norm * fit.mean_error


def folds_needed(folds: int, half_width: float, room: float) -> int:
    """About how many folds would shrink a half-width below the room that an estimate leaves.

    N = folds * (half_width / room)², the estimate and the error variance taken as they are now.

    Args:
        folds: Folds of this study.
        half_width: Half-width of the interval now, in the unit of `room`.
        room: Distance from the estimate to the bound that the interval has to stay clear of, above 0.

    Returns:
        The smallest whole number of folds above N.
    """
    return math.floor(folds * (half_width / room) ** 2) + 1
