"""What the contrasts of a grid do to accuracy and time: estimates, simultaneous intervals, verdicts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mnist_cnn.statistics.anova import AnovaRow
from mnist_cnn.statistics.blocks import BlockFit, contrast_intervals
from mnist_cnn.statistics.contrasts import Contrast


class Verdict(StrEnum):
    """What an interval says about an effect, held against ±margin."""

    BEYOND_MARGIN = "beyond the margin"
    SIZE_OPEN = "real, size open"
    NEGLIGIBLE = "real but negligible"
    SAME = "no practical difference"
    INCONCLUSIVE = "inconclusive"


class Direction(StrEnum):
    """The side of "no effect" that an interval lies on; NONE where it includes no effect."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True)
class Judgement:
    """The verdict on an effect, with the direction that is shown for it."""

    verdict: Verdict
    direction: Direction


@dataclass(frozen=True)
class Effect:
    """A contrast's estimate and simultaneous interval, in the unit of `y`, or as ratios."""

    contrast: Contrast
    estimate: float
    lower: float
    upper: float


def estimate_effects(fit: BlockFit, contrasts: Sequence[Contrast], confidence: float) -> tuple[Effect, ...]:
    """Estimates one family of contrasts; all intervals hold together with `confidence` (Bonferroni).

    Null hypothesis of each: high and low have the same true mean. Pairing: within folds, and within matched
    models and kernels. Positive: the high level has the higher `y`, which is better for accuracy and worse
    for time. Give each response and each family (planned; simple) its own call.

    Args:
        fit: The block model of accuracy (fractions) or of log seconds.
        contrasts: The whole family; its size sets the width of the intervals.
        confidence: Probability that all intervals hold.

    Returns:
        One effect a contrast, in their order.
    """
    weights = np.array([contrast.weights for contrast in contrasts]).reshape(len(contrasts), len(fit.means))
    estimates, halves = contrast_intervals(fit, weights, confidence)
    return tuple(
        Effect(contrast, float(estimate), float(estimate - half), float(estimate + half))
        for contrast, estimate, half in zip(contrasts, estimates, halves, strict=True)
    )


def as_ratio(effect: Effect) -> Effect:
    """Turns an effect on log seconds into a ratio: how many times as long the high level takes."""
    bounds = (math.exp(value) for value in (effect.estimate, effect.lower, effect.upper))
    return Effect(effect.contrast, *bounds)


def judge(effect: Effect, margin: float) -> Judgement:
    """Holds an interval [l, u] against ±margin.

    For l > 0 (mirrored for u < 0): beyond the margin if l > margin, real with its size open if
    l <= margin < u, real but negligible if u <= margin. If the interval includes 0: no practical difference
    if it lies inside ±margin, else inconclusive. Never "no difference" for want of evidence.

    Args:
        effect: In the unit of the margin, not as a ratio.
        margin: The smallest difference that matters, above 0.

    Returns:
        The verdict, and its direction: UP if the high level is shown to have the higher `y`.
    """
    lower, upper = effect.lower, effect.upper
    assert lower <= upper, "an interval"
    if lower > 0:
        return Judgement(_size(lower, upper, margin), Direction.UP)
    if upper < 0:
        return Judgement(_size(-upper, -lower, margin), Direction.DOWN)
    inside = -margin < lower and upper < margin
    return Judgement(Verdict.SAME if inside else Verdict.INCONCLUSIVE, Direction.NONE)


def _size(least: float, most: float, margin: float) -> Verdict:
    """Judges the size of an effect that is shown to be there."""
    if least > margin:
        return Verdict.BEYOND_MARGIN
    return Verdict.SIZE_OPEN if most > margin else Verdict.NEGLIGIBLE


def kernel_depends_on_layout(table: Sequence[AnovaRow], simple: Sequence[Effect], confidence: float) -> bool:
    """Whether the kernel's effects in each layout are the headline, and not their average.

    That is so if the interaction is significant (null hypothesis: the kernel has the same effect in all
    layouts), or if the same step in kernel size is shown to raise `y` in one layout and to lower it in
    another.

    Args:
        table: The analysis of variance.
        simple: The kernel's effects in each layout, of the same response.
        confidence: 1 - the level of the test of the interaction.
    """
    if any(row.term == "interaction" and row.p is not None and row.p < 1 - confidence for row in table):
        return True
    raised = {(effect.contrast.high, effect.contrast.low) for effect in simple if effect.lower > 0}
    return any((effect.contrast.high, effect.contrast.low) in raised for effect in simple if effect.upper < 0)
