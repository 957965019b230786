"""Tiers, the choice and the predicted choices: hand values, borders, a plain loop, and simulation."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics.blocks import BlockFit, block_fit, gap_critical
from mnist_cnn.statistics.choice import (
    NO_CHOICE,
    REPEATS,
    compare_with_best,
    likely_choices,
    predict_choices,
)
from mnist_cnn.statistics.effects import estimate, interaction_residuals, planned_contrasts
from tests.support.studies import grid, simulate_fold_means

NETWORKS = grid().networks()
CRITERIA = grid().criteria
THREE = grid({"a": ((8,), ()), "b": ((8, 8), ()), "c": ((8, 8, 8), ())}, {"k": 3}).networks()


def compare(fold_means: NDArray[np.float64], networks: tuple[Network, ...] = NETWORKS) -> pd.DataFrame:
    return compare_with_best(block_fit(fold_means), networks, CRITERIA)


def test_comparison_with_the_best_by_hand() -> None:
    fold_means = simulate_fold_means([0.980, 0.990, 0.991])
    fit, table = block_fit(fold_means), compare(fold_means, THREE)
    w = gap_critical(3, 10, 0.95) * math.sqrt(2 * fit.mse / 6)
    a, b, c = fit.means
    assert table.gap.tolist() == pytest.approx([c - a, c - b, 0])
    assert table.gap_low.tolist() == pytest.approx([b - a - w, 0, 0])  # b may be the best too
    assert table.gap_high.tolist() == pytest.approx([c - a + w, c - b + w, b - c + w])
    half = 2.5706 * math.sqrt(fit.fold_variance / 6)  # t table, 5 df
    assert table.accuracy_low.tolist() == pytest.approx(fit.means - half, abs=1e-7)
    assert table.tier.tolist() == ["worse", "good", "good"]
    assert table.chosen.tolist() == [False, True, False]


def at_border(margin: float = 0.002, target: float = 0.98) -> pd.DataFrame:
    fit = block_fit(simulate_fold_means([0.985, 0.990, 0.9905], noise=0.0004))
    return compare_with_best(fit, THREE, Criteria(target_accuracy=target, margin=margin, confidence=0.95))


def test_tiers_change_where_an_interval_passes_the_margin() -> None:
    good, worse = float(at_border().gap_high[1]), float(at_border().gap_low[0])
    steps = (-1e-9, 0, 1e-9)
    assert [at_border(good + step).tier[1] for step in steps] == ["undecided", "undecided", "good"]
    assert [at_border(worse + step).tier[0] for step in steps] == ["worse", "undecided", "undecided"]


def test_a_network_below_the_target_is_not_good_however_close_to_the_best() -> None:
    border = round(float(at_border().accuracy_low[2]), 12)
    for step, meets in ((-1e-9, True), (0, True), (1e-9, False)):
        assert (at_border(target=border + step).tier[2] == "good") is meets
    table = at_border(target=0.999)
    assert not table.chosen.any()
    assert table.tier.tolist() == ["worse", "undecided", "undecided"]


def test_the_choice_has_the_fewest_multiply_accumulates_of_the_good() -> None:
    networks = NETWORKS[::-1]
    means = np.where([network.conv_layers > 1 for network in networks], 0.99, 0.97)
    table = compare(simulate_fold_means(means, noise=0.0003), networks)
    assert (table.tier == "good").sum() == 9
    assert table.network[table.chosen].tolist() == ["conv2_linear1-small"]


def test_ties_share_the_first_place() -> None:
    fold_means = simulate_fold_means([0.985, 0.985, 0.97, 0.97])
    fold_means[1] = fold_means[0]
    table = compare(fold_means, grid({"a": ((8,), ()), "b": ((9,), ())}, {"s": 3, "l": 5}).networks())
    assert table.gap[:2].tolist() == table.gap_low[:2].tolist() == [0, 0]
    assert table.gap_high[0] == table.gap_high[1] > 0
    assert table.network[table.chosen].tolist() in ([], ["a-s"])


def test_an_accuracy_lies_between_0_and_1_and_the_best_loses_nothing() -> None:
    fold_means = simulate_fold_means([0.97, 0.9995], noise=0.002)
    fit, table = block_fit(fold_means), compare(fold_means, THREE[:2])
    half = fit.accuracy_half_width(0.95)
    assert table.accuracy_high.tolist() == pytest.approx([fit.means[0] + half, 1])
    assert fit.means[1] + half > 1
    assert table.gap_high[1] == 0
    table = compare(simulate_fold_means([0.0001, 0.5], noise=0.002), THREE[:2])
    assert table.accuracy_low[0] == 0 < table.accuracy_low[1]


def predict_in_a_loop(fit: BlockFit, networks: tuple[Network, ...], criteria: Criteria) -> dict[str, float]:
    """Predicts choices one repeat at a time; no network is below the target."""
    rng, (residuals, df) = np.random.default_rng(99), interaction_residuals(fit, networks)
    f = (residuals**2).sum() * fit.folds / df / fit.mse if df else math.inf
    counts = dict.fromkeys([*(network.name for network in networks), NO_CHOICE], 0)
    for _ in range(REPEATS):
        drawn = rng.normal(fit.means - min(1, 1 / f) * residuals, math.sqrt(2.5 * fit.mse / fit.folds))
        half = fit.gap_half_width(0.95) * math.sqrt(rng.f(fit.df, fit.df))
        good = [
            network
            for i, network in enumerate(networks)
            if drawn[i] - np.delete(drawn, i).max() - half > -criteria.margin
        ]
        counts[min(good, key=lambda n: n.multiply_accumulates).name if good else NO_CHOICE] += 1
    return {name: count / REPEATS for name, count in counts.items()}


def test_predictions_are_those_of_a_plain_loop() -> None:
    fit = block_fit(simulate_fold_means(np.linspace(0.985, 0.9885, 15), seed=8))
    shares = predict_choices(fit, NETWORKS, CRITERIA)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1)
    for name, share in predict_in_a_loop(fit, NETWORKS, CRITERIA).items():
        assert shares.get(name, 0) == pytest.approx(share, abs=0.03)


def test_each_repeat_draws_its_own_error() -> None:
    """On two folds the widths of a repeat's intervals vary by far more than its means."""
    fit = replace(block_fit(simulate_fold_means([0.9, 0.95, 0.95], 2, noise=0.0001)), df=2)
    criteria = replace(CRITERIA, target_accuracy=0.001, margin=fit.gap_half_width(0.95) * 1.5)
    none = predict_in_a_loop(fit, NETWORKS[:3], criteria)[NO_CHOICE]
    assert 0.2 < none < 0.4
    assert predict_choices(fit, NETWORKS[:3], criteria)[NO_CHOICE] == pytest.approx(none, abs=0.03)


def test_predictions_do_not_depend_on_the_last_bit_and_may_be_no_choice() -> None:
    fold_means = simulate_fold_means(np.full(15, 0.988), noise=0.0016)
    shares = predict_choices(block_fit(fold_means), NETWORKS, CRITERIA)
    assert shares == predict_choices(block_fit(fold_means * (1 + 4e-16)), NETWORKS, CRITERIA)
    assert 0 < shares[NO_CHOICE] < 1
    too_high = replace(CRITERIA, target_accuracy=0.999)
    assert predict_choices(block_fit(fold_means), NETWORKS, too_high) == {NO_CHOICE: 1}


def test_no_more_than_all_of_the_interaction_is_noise() -> None:
    fold_means = simulate_fold_means(np.full(15, 0.9875), noise=0.0016, seed=5)
    residuals = interaction_residuals(block_fit(fold_means), NETWORKS)[0][:, None]
    none, little, much = (
        predict_choices(block_fit(fold_means + share * residuals), NETWORKS, CRITERIA)
        for share in (-1, -0.7, 2)
    )
    assert little == none
    assert much != none


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"a": 0.5, "b": 0.4, "c": 0.1}, ("a", "b")),
        ({"a": 0.5, "b": 0.3995, "c": 0.1005}, ("a", "b", "c")),
        ({"none": 0.95, "a": 0.05}, ("none",)),
        ({"a": 0.3, "b": 0.3, "c": 0.3, "d": 0.1}, ("a", "b", "c")),  # 0.3 + 0.3 + 0.3 < 0.9 in binary
        ({}, ()),
    ],
)
def test_likely_choices_have_nine_tenths(shares: dict[str, float], expected: tuple[str, ...]) -> None:
    assert likely_choices(shares) == expected


def test_300_null_studies_make_few_false_statements() -> None:
    contrasts, wrong = planned_contrasts(NETWORKS), 0
    for seed in range(300):
        fit = block_fit(simulate_fold_means(np.full(15, 0.99), seed=seed))
        wrong += estimate(fit, NETWORKS, contrasts, 0.002, 0.95).direction.any()
        assert not compare_with_best(fit, NETWORKS, CRITERIA).gap_low.any()
    assert 3 <= wrong <= 27  # 5 % of 300 is 15


def test_300_studies_at_the_margin_are_rarely_decided() -> None:
    truth = np.r_[0.988, 0.9880001, np.full(12, 0.987), 0.99]  # 0 at the margin or a hair beyond, 1 within
    tables = [compare(simulate_fold_means(truth, seed=seed)) for seed in range(300)]
    assert sum(table.tier[0] == "good" for table in tables) <= 12
    assert sum(table.tier[1] == "worse" for table in tables) <= 12
    gaps = 0.99 - truth
    assert 273 <= sum((table.gap_high >= gaps)[:14].all() for table in tables) < 300  # 95 % of 300 is 285
    assert 273 <= sum((gaps >= table.gap_low)[:14].all() for table in tables) < 300
