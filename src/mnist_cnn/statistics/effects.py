"""Effects of the kernel and of the number of layers: one factor varied at a time, over matched networks.

Kernels are compared within each layout (`model`), numbers of layers between two layouts of which the larger
one adds layers of one kind after those of the smaller one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

import numpy as np
import pandas as pd
from scipy import stats

from mnist_cnn.core.grid import Network
from mnist_cnn.documents import Interaction, KernelEffect, Verdict
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, FloatArray, t_critical

FACTORS = ("kernel", "conv", "linear")
MAX_EFFECTS = 8
COLUMNS = (
    *("effect", "factor", "high", "low", "high_value", "low_value", "layouts"),
    *("estimate", "lower", "upper", "verdict", "direction"),
)


@dataclass(frozen=True)
class Contrast:
    """A planned comparison, high minus low.

    Attributes:
        factor: The factor that differs: kernel, conv or linear.
        high: The larger level: its value (kernel size in pixels, or number of layers) and its name.
        low: The smaller level: its value and its name.
        pairs: Matched networks (high, low); the effect is the mean of their differences.
    """

    factor: str
    high: tuple[int, str]
    low: tuple[int, str]
    pairs: tuple[tuple[Network, Network], ...]


def planned_contrasts(networks: Sequence[Network]) -> list[Contrast]:
    """Derives the family of contrasts from any grid.

    Each level is compared with the next smaller one, and the largest kernel with the smallest one. More
    contrasts would widen every interval, so that at most `MAX_EFFECTS` are taken, from the three factors in
    turn, and the whole range of the kernel first.

    Args:
        networks: The networks that are compared, at most one for each model and kernel.

    Returns:
        Contrasts of the kernel, of convolutional layers and of linear layers, in this order; empty where
        nothing can be compared.
    """
    families = [list(_contrasts(networks, factor)) for factor in FACTORS]
    turns = [contrast for turn in zip_longest(*families) for contrast in turn if contrast][:MAX_EFFECTS]
    return sorted(turns, key=lambda c: (FACTORS.index(c.factor), c in families[0][:1], c.low))


def _contrasts(networks: Sequence[Network], factor: str) -> Iterator[Contrast]:
    """Compares adjacent levels; of more than two kernels first the largest one with the smallest one."""
    levels = sorted({_level(network, factor) for network in networks})
    steps = [(high, low) for low, high in pairwise(levels)]
    if factor == "kernel" and len(levels) > 2:
        steps.insert(0, (levels[-1], levels[0]))
    for high, low in steps:
        larger = [network for network in networks if _level(network, factor) == high]
        smaller = [network for network in networks if _level(network, factor) == low]
        pairs = tuple((a, b) for a in larger for b in smaller if _matched(a, b, factor))
        if pairs:
            yield Contrast(factor, high, low, pairs)


def _level(network: Network, factor: str) -> tuple[int, str]:
    if factor == "kernel":
        return network.kernel_size, network.kernel
    layers = network.conv_layers if factor == "conv" else network.linear_layers
    return layers, str(layers)


def _matched(larger: Network, smaller: Network, factor: str) -> bool:
    """Whether `larger` is `smaller` with another kernel, or with more layers of one kind after its own."""
    if factor == "kernel":
        return larger.model == smaller.model
    field = "conv_channels" if factor == "conv" else "hidden_units"
    grown, first = getattr(larger, field), getattr(smaller, field)
    return grown[: len(first)] == first and replace(larger, model=smaller.model, **{field: first}) == smaller


def estimate(
    fit: BlockFit,
    networks: Sequence[Network],
    contrasts: Sequence[Contrast],
    margin: float,
    confidence: float,
) -> pd.DataFrame:
    """Estimates one family of contrasts with simultaneous intervals (Bonferroni).

    Null hypothesis of each: high and low have the same true mean. Pairing: within folds, layouts and the
    other factors. A positive effect means that the high level has the higher value, which is better for
    accuracy, and worse for time.

    Args:
        fit: The block model of accuracies (fractions) or of log seconds.
        networks: In the order of the fit.
        contrasts: The whole family: its size sets the width of the intervals.
        margin: Smallest difference that matters, in the unit of the fit.
        confidence: Of all intervals of the family simultaneously.

    Returns:
        One row per contrast: effect (its name), factor, high, low, high_value, low_value, layouts (number of
        matched ones), estimate, lower, upper in the unit of the fit, verdict, direction.
    """
    indices = {network: index for index, network in enumerate(networks)}
    critical = t_critical(len(contrasts), fit.df, confidence)
    rows = []
    for contrast in contrasts:
        weights = np.zeros(len(networks))
        for larger, smaller in contrast.pairs:
            weights[indices[larger]] += 1 / len(contrast.pairs)
            weights[indices[smaller]] -= 1 / len(contrast.pairs)
        effect = math.fsum(weights * fit.means)
        half = critical * fit.standard_error * math.sqrt(math.fsum(weights * weights))
        (high_value, high), (low_value, low) = contrast.high, contrast.low
        layouts = len({(a.model, b.model) for a, b in contrast.pairs})
        name = f"{contrast.factor} {high}-{low}"
        levels = (contrast.factor, high, low, high_value, low_value, layouts)
        interval = (effect - half, effect + half)
        rows.append((name, *levels, effect, *interval, *verdict(*interval, margin)))
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict(lower: float, upper: float, margin: float) -> tuple[Verdict, int]:
    """Compares the interval of an effect with the margin and with 0.

    Args:
        lower: Lower end, in the unit of the margin; NaN where there is no interval.
        upper: Upper end.
        margin: Smallest difference that matters, above 0.

    Returns:
        `more` than the margin, `at_most` the margin, or `undecided`; and the direction: 1 or -1 where the
        interval excludes 0, else 0.
    """
    lower, upper = round(lower, DECIMALS), round(upper, DECIMALS)
    direction = int(lower > 0) - int(upper < 0)
    if lower > margin or upper < -margin:
        return "more", direction
    return "at_most" if -margin < lower and upper < margin else "undecided", direction


def interaction_residuals(fit: BlockFit, networks: Sequence[Network]) -> tuple[FloatArray, int]:
    """Subtracts the effects of the layout and of the kernel from each mean; their interaction remains.

    Returns:
        The residuals, shape (networks,), 0 in layouts that lack a kernel; and their degrees of freedom.
    """
    means = pd.Series(fit.means, index=[[n.model for n in networks], [n.kernel for n in networks]])
    complete = means.unstack(sort=False).dropna()
    residuals = complete.sub(complete.mean(axis=1), axis=0) - complete.mean() + complete.to_numpy().mean()
    of_networks = residuals.stack().reindex(means.index, fill_value=0.0)
    return of_networks.to_numpy(dtype=np.float64), (complete.shape[0] - 1) * (complete.shape[1] - 1)


def interaction(
    fit: BlockFit, networks: Sequence[Network], margin: float, confidence: float
) -> Interaction | None:
    """Tests whether the effect of the kernel depends on the layout.

    Null hypothesis: it is the same in all layouts (F test). Pairing: within folds. It matters where the test
    rejects, and the effects of the largest against the smallest kernel in two layouts are shown to lie on
    different sides of 0, or of the margin (simultaneous intervals over the layouts).

    Returns:
        The test and the effects in each layout; None with one fold, or where nothing could interact. The test
        leaves out layouts that lack a kernel.
    """
    residuals, df = interaction_residuals(fit, networks)
    if df < 1 or fit.df == 0:
        return None
    f = math.fsum(residuals * residuals) / (fit.variance_factor * df * fit.mse)
    p = float(stats.f.sf(f, df, fit.df))
    widest = next(_contrasts(networks, "kernel"))
    within_layouts = [replace(widest, pairs=(pair,)) for pair in widest.pairs]
    effects = estimate(fit, networks, within_layouts, margin, confidence)
    sides_differ = set(effects.direction) >= {1, -1} or set(effects.verdict) >= {"more", "at_most"}
    rows = effects[["estimate", "lower", "upper", "verdict", "direction"]].to_dict("records")
    by_layout = tuple(
        KernelEffect.model_validate({"model": larger.model, **row})
        for (larger, _), row in zip(widest.pairs, rows, strict=True)
    )
    matters = p < 1 - confidence and sides_differ
    return Interaction(f=f, df1=df, df2=fit.df, p=p, matters=matters, by_layout=by_layout)
