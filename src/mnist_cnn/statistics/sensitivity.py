"""Which verdicts depend on how the study was analysed: two re-analyses of the accuracies.

*Root:* the square root of the number of errors as the response, whose error variance does not grow with the
number of errors. A margin in accuracy has no fixed counterpart on that scale (it is worth more roots for a
network with few errors), so only what needs no margin is compared: the direction that an effect is shown to
have, and who may be the best. "No practical difference" and "inconclusive" both have no direction, and
change if the root has one.

*Overlap:* the variance of Nadeau & Bengio (2003) for training sets that overlap, on the same estimates; every
verdict is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mnist_cnn.statistics.blocks import BlockFit, FloatArray, block_fit, overlap_factor
from mnist_cnn.statistics.comparisons import compare_with_best
from mnist_cnn.statistics.contrasts import Contrast
from mnist_cnn.statistics.effects import Direction, Judgement, estimate_effects, judge


@dataclass(frozen=True)
class Analyses:
    """The block model of the accuracies, and the same study analysed in the two other ways."""

    plain: BlockFit
    root: BlockFit
    overlap: BlockFit


@dataclass(frozen=True)
class EffectCheck:
    """What each analysis says about an effect on accuracy."""

    contrast: Contrast
    plain: Judgement
    root: Direction
    overlap: Judgement

    @property
    def root_changes(self) -> bool:
        """Whether the root of the error count shows another direction."""
        return self.root is not self.plain.direction

    @property
    def overlap_changes(self) -> bool:
        """Whether the correction for overlap changes verdict or direction."""
        return self.overlap != self.plain


@dataclass(frozen=True)
class Membership:
    """Whether a network may be the best, and is shown within the margin of the best (None: not asked)."""

    may_be_best: bool
    within_margin: bool | None


@dataclass(frozen=True)
class NetworkCheck:
    """What each analysis says about a network."""

    plain: Membership
    root: Membership
    overlap: Membership

    @property
    def root_changes(self) -> bool:
        """Whether the root of the error count changes who may be the best."""
        return self.root.may_be_best is not self.plain.may_be_best

    @property
    def overlap_changes(self) -> bool:
        """Whether the correction for overlap changes either membership."""
        return self.overlap != self.plain


def analyse(accuracy: FloatArray, validation_images: int, training_images: int) -> Analyses:
    """Fits the study in three ways.

    Args:
        accuracy: Fractions, shape (networks, folds).
        validation_images: Images that each run is validated on.
        training_images: Images that each run is trained on.

    Returns:
        The fits; the root has its sign turned, so that higher is better in all three.
    """
    plain = block_fit(accuracy)
    root = block_fit(-np.sqrt((1 - accuracy) * validation_images))
    factor = overlap_factor(plain.folds, validation_images, training_images)
    return Analyses(plain, root, replace(plain, variance_factor=factor))


def check_effects(
    analyses: Analyses, contrasts: Sequence[Contrast], margin: float, confidence: float
) -> tuple[EffectCheck, ...]:
    """Judges one family of contrasts in all three analyses, each with its own simultaneous intervals.

    Args:
        analyses: Of the accuracies.
        contrasts: The whole family.
        margin: Smallest difference in accuracy that matters, a fraction.
        confidence: Probability that all intervals of one analysis hold.

    Returns:
        One check a contrast, in their order.
    """
    plain, root, overlap = (
        [judge(effect, margin) for effect in estimate_effects(fit, contrasts, confidence)]
        for fit in (analyses.plain, analyses.root, analyses.overlap)
    )
    return tuple(
        EffectCheck(contrast, plain[i], root[i].direction, overlap[i]) for i, contrast in enumerate(contrasts)
    )


def check_networks(analyses: Analyses, margin: float, confidence: float) -> tuple[NetworkCheck, ...]:
    """Compares each network with the best in all three analyses.

    Args:
        analyses: Of the accuracies.
        margin: Largest loss of accuracy against the best that does not matter, a fraction.
        confidence: Probability that all intervals of one analysis hold.

    Returns:
        One check a network, in the order of the accuracies.
    """
    plain, root, overlap = (
        _memberships(fit, limit, confidence)
        for fit, limit in ((analyses.plain, margin), (analyses.root, None), (analyses.overlap, margin))
    )
    return tuple(NetworkCheck(*checks) for checks in zip(plain, root, overlap, strict=True))


def _memberships(fit: BlockFit, margin: float | None, confidence: float) -> list[Membership]:
    """Says of each network what one analysis shows."""
    best = compare_with_best(fit, confidence)
    within = [None] * len(fit.means) if margin is None else best.shown_within(margin).tolist()
    return [Membership(*pair) for pair in zip(best.may_be_best.tolist(), within, strict=True)]
