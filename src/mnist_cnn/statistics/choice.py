"""Which network to take: a rule fixed before the runs, and what other margins would buy.

A network qualifies if its accuracy is assured to reach the target and it is *shown* to lie within the
margin of the best: "not significantly worse" would reward studies with few folds. The cheapest that
qualifies is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnist_cnn.statistics.blocks import folds_needed
from mnist_cnn.statistics.ranking import TIED, Goal, Standing

SAME_TIME = 1.05  # a network that takes up to 5 % longer is not dearer: machines differ by more
MARGINS = (0.001, 0.002, 0.003, 0.005)  # of the price list, fractions


class Reason(StrEnum):
    """Why a network is recommended."""

    CHEAPEST = "the cheapest of those that qualify"
    ONLY_ONE = "the most accurate, and the only one that qualifies"
    NONE_SHOWN = "the most accurate, but none is shown within the margin"
    GOAL_MISSED = "the most accurate, but none is assured to reach the target"


@dataclass(frozen=True)
class Offer:
    """What a margin buys.

    Attributes:
        margin: Accepted loss of accuracy against the best, a fraction.
        standing: The cheapest network that qualifies; None if none does.
        candidate: The cheapest network that would be preferred to `standing`, and whose mean lies within the
            margin although it is not shown to lie there; None if there is none.
        folds_needed: About how many folds it would take to show it of the candidate; None without one.
    """

    margin: float
    standing: Standing | None
    candidate: Standing | None
    folds_needed: int | None


@dataclass(frozen=True)
class Choice:
    """The recommended network, why, and what its margin buys."""

    standing: Standing
    reason: Reason
    offer: Offer


def cheapest(standings: Sequence[Standing]) -> Standing:
    """Takes the network with the smallest median training time.

    Among those within 5 % of it: fewer parameters, then a smaller kernel, then fewer layers.

    Args:
        standings: At least one.
    """
    limit = SAME_TIME * min(standing.seconds for standing in standings)
    return min((standing for standing in standings if standing.seconds <= limit), key=_cost)


def _cost(standing: Standing) -> tuple[int, int, int, float, str]:
    """Orders networks that take the same time; the name makes the order complete."""
    network = standing.network
    layers = network.conv_layers + network.linear_layers
    return standing.parameters, network.kernel_size, layers, standing.seconds, network.name


def offer(standings: Sequence[Standing], margin: float, folds: int) -> Offer:
    """Finds what a margin buys, and what it would buy with more folds.

    Args:
        standings: Of all networks.
        margin: Accepted loss of accuracy against the best, a fraction.
        folds: Folds of the study.

    Returns:
        The cheapest network that qualifies, and the next candidate.
    """
    qualified = _qualified(standings, margin)
    bought = cheapest(qualified) if qualified else None
    pool = [
        s for s in standings if s.goal is Goal.ASSURED and s.best_lower <= -margin and _room(s, margin) > 0
    ]
    if bought is not None:
        pool.append(bought)
    candidate = cheapest(pool) if pool else None
    if candidate is None or candidate is bought:
        return Offer(margin, bought, None, None)
    half_width = candidate.difference - candidate.best_lower  # not cut at 0: the bound lies below -margin
    return Offer(margin, bought, candidate, folds_needed(folds, half_width, _room(candidate, margin)))


def _room(standing: Standing, margin: float) -> float:
    """What the mean leaves of the margin; exactly 0 where only rounding is left."""
    return round(margin + standing.difference, TIED)


def _qualified(standings: Sequence[Standing], margin: float) -> list[Standing]:
    """Networks that pass both gates: assured to reach the target, and shown within the margin of the best."""
    return [s for s in standings if s.goal is Goal.ASSURED and s.best_lower > -margin]


def price_list(
    standings: Sequence[Standing], folds: int, margins: Sequence[float] = MARGINS
) -> tuple[Offer, ...]:
    """Finds what each margin buys, for readers with another taste than the study's margin.

    Args:
        standings: Of all networks.
        folds: Folds of the study.
        margins: Fractions.

    Returns:
        One offer a margin, in their order.
    """
    return tuple(offer(standings, margin, folds) for margin in margins)


def choose(standings: Sequence[Standing], margin: float, folds: int) -> Choice:
    """Recommends a network.

    Where none qualifies it is the one with the highest mean, and the reason says what could not be shown.

    Args:
        standings: Of all networks, as `rank` sorts them: the highest mean first.
        margin: Largest loss against the best that does not matter, a fraction.
        folds: Folds of the study.
    """
    bought = offer(standings, margin, folds)
    if bought.standing is None:
        reached = any(standing.goal is Goal.ASSURED for standing in standings)
        return Choice(standings[0], Reason.NONE_SHOWN if reached else Reason.GOAL_MISSED, bought)
    alone = len(_qualified(standings, margin)) == 1
    return Choice(bought.standing, Reason.ONLY_ONE if alone else Reason.CHEAPEST, bought)
