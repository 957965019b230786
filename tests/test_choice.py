"""Ranking, choice and price list: what qualifies, what is cheapest, and what more folds could show."""

import numpy as np
import pytest

from mnist_cnn.choices.network import Network
from mnist_cnn.statistics.blocks import StudyError
from mnist_cnn.statistics.choice import MARGINS, Reason, cheapest, choose, offer, price_list
from mnist_cnn.statistics.ranking import Goal, Standing, rank


def network(name, size=3, conv=(16,), hidden=()):
    return Network(name, "k", size, conv, hidden)


def standing(name, difference, seconds, *, half=0.001, goal=Goal.ASSURED, parameters=1000, **layers):
    """A network as `rank` gives it, with an uncut half-width of its own."""
    return Standing(
        network=network(name, **layers),
        mean=0.99 + difference,
        lower=0.98,
        upper=1.0,
        goal=goal,
        difference=difference,
        best_lower=min(0, difference - half),
        best_upper=max(0, difference + half),
        may_be_best=difference + half > 0,
        within_margin=difference - half > -0.002,
        seconds=seconds,
        parameters=parameters,
    )


def names(standings):
    return [standing.network.model for standing in standings]


def ranked(means, seconds, *, folds=6, noise=0.0003, target=0.98, margin=0.002, order=None):
    """Runs a study with exactly these means through `rank`, the networks optionally in another order."""
    rng = np.random.default_rng(7)
    errors = rng.normal(0, noise, (len(means), folds)) + rng.normal(0, 0.001, folds)
    y = np.array(means)[:, None] + errors - errors.mean(axis=1, keepdims=True)
    order = range(len(means)) if order is None else order
    times = np.outer(seconds, np.ones(folds))
    times[:, 0] *= 50  # one disturbed run: the median does not see it
    networks = [network("abcdefgh"[i]) for i in order]
    rows = list(order)
    return rank(
        networks, y[rows], times[rows], [1000] * len(rows), target=target, margin=margin, confidence=0.95
    )


MEANS, SECONDS = [0.9810, 0.9890, 0.9899, 0.9900], [4, 12, 18, 27]


def test_ranking_by_falling_mean_with_both_memberships():
    standings = ranked(MEANS, SECONDS)
    assert names(standings) == ["d", "c", "b", "a"]
    assert [s.seconds for s in standings] == [27, 18, 12, 4]
    assert [s.within_margin for s in standings] == [True, True, True, False]
    assert [s.may_be_best for s in standings] == [True, True, False, False]
    assert standings[0].difference == -standings[1].difference > 0
    assert all(s.lower < s.mean < s.upper and s.best_lower <= s.difference <= s.best_upper for s in standings)


def test_ranking_does_not_depend_on_the_order_of_networks():
    plain, shuffled = ranked(MEANS, SECONDS), ranked(MEANS, SECONDS, order=[2, 0, 3, 1])
    assert names(plain) == names(shuffled)
    for old, new in zip(plain, shuffled, strict=True):
        assert (new.goal, new.may_be_best, new.within_margin) == (
            old.goal,
            old.may_be_best,
            old.within_margin,
        )
        assert (new.mean, new.best_lower, new.best_upper) == pytest.approx(
            (old.mean, old.best_lower, old.best_upper)
        )


def test_goal_is_assured_by_the_bound_and_reached_by_the_mean():
    y = np.array([[0.990, 0.992], [0.981, 0.983], [0.970, 0.9725]])  # one-sided half-width 0.0068
    standings = rank(
        [network(name) for name in "abc"], y, y, [1, 1, 1], target=0.98, margin=0.002, confidence=0.95
    )
    assert [s.goal for s in standings] == [Goal.ASSURED, Goal.ON_AVERAGE, Goal.MISSED]


def test_equal_means_rank_by_cost():
    dear = [0.9896, 0.984, 0.9806, 0.9802, 0.9922, 0.9937]
    y = np.array([dear, dear[::-1], [0.97, 0.972, 0.971, 0.97, 0.974, 0.97]])
    assert y.mean(axis=1)[0] > y.mean(axis=1)[1]  # by the rounding of a sum alone
    times = np.outer([9.0, 5, 1], np.ones(6))
    standings = rank(
        [network(name) for name in "abc"], y, times, [1, 1, 1], target=0.9, margin=0.1, confidence=0.9
    )
    assert names(standings) == ["b", "a", "c"]


def test_one_network_is_recommended_and_one_fold_refused():
    standings = ranked([0.99], [5])
    assert standings[0].may_be_best
    assert standings[0].within_margin
    choice = choose(standings, 0.002, 6)
    assert (choice.standing, choice.reason) == (standings[0], Reason.ONLY_ONE)
    assert choice.offer.candidate is None
    with pytest.raises(StudyError, match="one fold"):
        ranked([0.99, 0.98], [5, 6], folds=1)


# The rule


@pytest.mark.parametrize(
    ("second", "taken"),
    [
        ({"seconds": 10.4, "parameters": 900}, "b"),  # within 5 %: fewer parameters
        ({"seconds": 10.6, "parameters": 900}, "a"),  # not within 5 %
        ({"seconds": 9.4, "parameters": 9000}, "b"),
        ({"seconds": 9.6, "parameters": 9000}, "a"),
        ({"seconds": 10.4, "size": 1}, "b"),  # then the smaller kernel
        ({"seconds": 9.6, "size": 5}, "a"),
        ({"seconds": 10.4, "conv": (16, 16), "hidden": ()}, "b"),  # then fewer layers
        ({"seconds": 9.6, "conv": (16, 16, 16), "hidden": (64,)}, "a"),
        ({"seconds": 9.9}, "b"),  # then time
        ({"seconds": 9.6, "size": 5, "parameters": 900}, "b"),  # parameters go before the kernel
        ({"seconds": 9.6, "size": 1, "conv": (16, 16), "hidden": (64, 64)}, "b"),  # the kernel before layers
    ],
)
def test_cheapest_and_its_ties(second, taken):
    first = standing("a", 0, 10.0, conv=(16, 16), hidden=(64,))
    other = standing("b", 0, **{"conv": (16, 16), "hidden": (64,), **second})
    assert cheapest([first, other]).network.model == cheapest([other, first]).network.model == taken


def test_cheapest_shown_within_the_margin_is_taken():
    standings = [
        standing("best", 0.0002, 27),
        standing("close", -0.0002, 18),
        standing("open", -0.0015, 12),
        standing("far", -0.009, 4),
    ]
    choice = choose(standings, 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("close", Reason.CHEAPEST)
    assert choice.offer.candidate.network.model == "open"
    assert choice.offer.folds_needed == 25  # 6 * (0.001 / 0.0005)² = 24, to be exceeded


def test_a_cheap_network_without_the_target_is_not_taken():
    standings = [standing("best", 0.0002, 27), standing("cheap", -0.0002, 5, goal=Goal.ON_AVERAGE)]
    choice = choose(standings, 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("best", Reason.ONLY_ONE)
    assert choice.offer.candidate is None  # folds do not help a network that misses the target


def test_most_accurate_is_taken_where_nothing_else_is_shown():
    standings = [standing("best", 0.001, 27), standing("b", -0.0012, 9), standing("c", -0.0014, 5)]
    choice = choose(standings, 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("best", Reason.ONLY_ONE)
    assert (choice.offer.candidate.network.model, choice.offer.folds_needed) == (
        "c",
        17,
    )  # 6 * (1 / 0.6)² = 16.7


def test_most_accurate_is_taken_where_nothing_is_shown_at_all():
    standings = [standing("best", 0.0001, 27, half=0.003), standing("b", -0.0001, 29, half=0.003)]
    choice = choose(standings, 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("best", Reason.NONE_SHOWN)
    assert choice.offer.standing is None
    assert (choice.offer.candidate.network.model, choice.offer.folds_needed) == (
        "best",
        13,
    )  # 6 * (3 / 2.1)² = 12.2


def test_most_accurate_is_taken_where_the_target_is_not_assured():
    standings = [standing("a", 0.001, 27, goal=Goal.ON_AVERAGE), standing("b", -0.001, 9, goal=Goal.MISSED)]
    choice = choose(standings, 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("a", Reason.GOAL_MISSED)
    assert choice.offer == offer(standings, 0.002, 6)
    assert choice.offer.standing is choice.offer.candidate is choice.offer.folds_needed is None


def test_a_dearer_network_is_no_candidate():
    standings = [standing("best", 0.0015, 5), standing("dear", -0.0015, 50)]
    assert choose(standings, 0.002, 6).offer.candidate is None


def test_a_mean_exactly_the_margin_below_the_best_needs_no_astronomical_number_of_folds():
    standings = [standing("best", 0.001, 27), standing("b", -0.001 + 1e-16, 5)]
    assert standings[1].difference > -0.001
    assert offer(standings, 0.001, 6).candidate is None


def test_price_list_buys_cheaper_networks_with_wider_margins():
    standings = [
        standing("3c-7", 0.0001, 27.1, half=0.00147),
        standing("3c-5", -0.0001, 17.9, half=0.00147),
        standing("2c-5", -0.0010, 13.2, half=0.00147),
        standing("3c-3", -0.0032, 11.4, half=0.00147),
    ]
    offers = price_list(standings, 5)
    assert [o.margin for o in offers] == list(MARGINS) == [0.001, 0.002, 0.003, 0.005]
    assert [o.standing and o.standing.network.model for o in offers] == [None, "3c-5", "2c-5", "3c-3"]
    assert [o.candidate and o.candidate.network.model for o in offers] == ["3c-5", "2c-5", None, None]
    assert [o.folds_needed for o in offers] == [14, 11, None, None]  # 5 * (1.47 / 0.9)², 5 * (1.47 / 1)²
    assert choose(standings, 0.002, 5).offer == offers[1]
    assert [o.margin for o in price_list(standings, 5, [0.004])] == [0.004]


def test_predicted_folds_would_show_the_candidate():
    means, seconds = [0.9900, 0.9885], [27, 5]
    standings = ranked(means, seconds, folds=6, noise=0.0012)
    found = choose(standings, 0.002, 6).offer
    assert found.candidate.network.model == "b"
    half = found.candidate.difference - found.candidate.best_lower
    assert half * np.sqrt(6 / found.folds_needed) < 0.002 + found.candidate.difference
    assert half * np.sqrt(6 / (found.folds_needed - 1)) >= 0.002 + found.candidate.difference


def test_a_study_with_known_truth_recommends_the_cheap_close_network():
    choice = choose(ranked(MEANS, SECONDS), 0.002, 6)
    assert (choice.standing.network.model, choice.reason) == ("b", Reason.CHEAPEST)
    strict = choose(ranked(MEANS, SECONDS, target=0.9885), 0.002, 6)
    assert strict.standing.network.model in {"c", "d"}
    assert choose(ranked(MEANS, SECONDS, target=0.995), 0.002, 6).reason is Reason.GOAL_MISSED
