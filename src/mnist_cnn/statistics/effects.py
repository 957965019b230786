"""What kernel and layers do: one thing varied at a time, over matched networks.

Kernels are compared within each layout (`model`); numbers of layers between layouts of which one is the other
with layers added at its end.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_cnn.core.grid import Network
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, FloatArray, t_critical

FACTORS = ("kernel", "conv", "linear")
MOST_EFFECTS = 8
COLUMNS = (
    *("effect", "factor", "high", "low", "high_value", "low_value", "layouts"),
    *("estimate", "lower", "upper", "verdict", "direction"),
)


@dataclass(frozen=True)
class Contrast:
    """A planned comparison, high minus low.

    Attributes:
        factor: What differs: kernel, conv or linear.
        high: Value (kernel size in pixels, or number of layers) and name of the larger level.
        low: The same of the smaller level.
        pairs: Matched networks (high, low), of which it is the mean difference.
    """

    factor: str
    high: tuple[int, str]
    low: tuple[int, str]
    pairs: tuple[tuple[Network, Network], ...]


def planned_contrasts(networks: Sequence[Network]) -> list[Contrast]:
    """Derives the family of contrasts from a grid, whatever it holds.

    Each level against the next smaller one, and the largest kernel against the smallest. Of more than eight
    the factors take turns, the kernel's whole range first: the more questions, the wider every interval.

    Args:
        networks: Those that are compared, at most one of each model with each kernel.

    Returns:
        Of the kernel, of convolutional layers, of linear layers; empty where nothing can be compared.
    """
    families = [list(_contrasts(networks, factor)) for factor in FACTORS]
    turns = [contrast for turn in zip_longest(*families) for contrast in turn if contrast][:MOST_EFFECTS]
    return sorted(turns, key=lambda c: (FACTORS.index(c.factor), c in families[0][:1], c.low))


def _contrasts(networks: Sequence[Network], factor: str) -> Iterator[Contrast]:
    """Compares neighbouring levels; of the kernel, before these, the largest with the smallest."""
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
    """Whether `larger` is `smaller` with another kernel, or with layers of one kind added at their end."""
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
    """Estimates one family of contrasts; all intervals hold together with `confidence` (Bonferroni).

    Null hypothesis of each: high and low have the same true mean. Pairing: within folds, layouts and the
    other factors. Positive: the high level has the higher value, which is better for accuracy, and worse for
    time.

    Args:
        fit: The block model of accuracies (fractions) or of log seconds.
        networks: In the order of the fit.
        contrasts: The whole family: its size sets the width of the intervals.
        margin: Smallest difference that matters, in the unit of the fit.
        confidence: Of the family.

    Returns:
        One row a contrast: effect (its name), factor, high, low, high_value, low_value, layouts (how many
        matched ones), estimate, lower, upper in the unit of the fit, verdict, direction.
    """
    place = {network: index for index, network in enumerate(networks)}
    critical = t_critical(len(contrasts), fit.df, confidence)
    rows = []
    for contrast in contrasts:
        weights = np.zeros(len(networks))
        for larger, smaller in contrast.pairs:
            weights[place[larger]] += 1 / len(contrast.pairs)
            weights[place[smaller]] -= 1 / len(contrast.pairs)
        middle = math.fsum(weights * fit.means)
        half = critical * fit.error * math.sqrt(math.fsum(weights * weights))
        (high_value, high), (low_value, low) = contrast.high, contrast.low
        layouts = len({(a.model, b.model) for a, b in contrast.pairs})
        ends = (middle, middle - half, middle + half)
        described = (
            f"{contrast.factor} {high}-{low}",
            contrast.factor,
            high,
            low,
            high_value,
            low_value,
            layouts,
        )
        rows.append((*described, *ends, *verdict(*ends[1:], margin)))
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict(lower: float, upper: float, margin: float) -> tuple[str, int]:
    """Says what an interval shows of an effect.

    Args:
        lower: Lower end, in the unit of the margin; NaN where there is no interval, which leaves all open.
        upper: Upper end.
        margin: Smallest difference that matters, above 0.

    Returns:
        `more` than the margin, `at_most` the margin (both are shown), or `open`; and the direction, 1 or -1
        where the interval excludes 0.
    """
    lower, upper = round(lower, DECIMALS), round(upper, DECIMALS)
    direction = int(lower > 0) - int(upper < 0)
    if lower > margin or upper < -margin:
        return "more", direction
    return "at_most" if -margin < lower and upper < margin else "open", direction


def unlike(fit: BlockFit, networks: Sequence[Network]) -> tuple[FloatArray, int]:
    """Takes out of each mean what its layout and its kernel make of it: the interaction of the two.

    Returns:
        What is left, shape (networks,), 0 in layouts that lack a kernel; and its degrees of freedom.
    """
    cells = pd.Series(fit.means, index=[[n.model for n in networks], [n.kernel for n in networks]])
    whole = cells.unstack(sort=False).dropna()
    rest = whole.sub(whole.mean(axis=1), axis=0) - whole.mean() + whole.to_numpy().mean()
    left = rest.stack().reindex(cells.index, fill_value=0.0)
    return left.to_numpy(dtype=np.float64), (whole.shape[0] - 1) * (whole.shape[1] - 1)


def interaction(
    fit: BlockFit, networks: Sequence[Network], margin: float, confidence: float
) -> dict[str, Any] | None:
    """Tests once whether the kernel acts alike in all layouts.

    Null hypothesis: it has the same effect in all of them (F test). Pairing: within folds. It matters where
    the test rejects, and the largest minus the smallest kernel is shown to lie on different sides of 0, or of
    the margin, in two layouts (simultaneous intervals over the layouts).

    Returns:
        f, df1, df2, p, matters, by_layout; None without an error, or where nothing could interact. The test
        leaves out layouts that lack a kernel.
    """
    rest, df = unlike(fit, networks)
    if df < 1 or fit.df == 0:
        return None
    f = math.fsum(rest * rest) / (fit.factor * df * fit.mse)
    p = float(stats.f.sf(f, df, fit.df))
    whole = next(_contrasts(networks, "kernel"))
    alone = [replace(whole, pairs=(pair,)) for pair in whole.pairs]
    effects = estimate(fit, networks, alone, margin, confidence)
    effects.insert(0, "model", [pair[0].model for pair in whole.pairs])
    sides = set(effects.direction) >= {1, -1} or set(effects.verdict) >= {"more", "at_most"}
    by_layout = effects[["model", "estimate", "lower", "upper", "verdict", "direction"]].to_dict("records")
    return {
        "f": f,
        "df1": df,
        "df2": fit.df,
        "p": p,
        "matters": bool(p < 1 - confidence and sides),
        "by_layout": by_layout,
    }
