"""The block design, its intervals, verdicts, tiers and choice: hand values, statsmodels, simulation."""

import ast
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formula
from scipy import stats
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.proportion import proportion_confint

from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics.blocks import best_critical, block_fit, pair_critical, t_critical
from mnist_cnn.statistics.choice import NONE, REPEATS, predict, smallest_set, stand
from mnist_cnn.statistics.effects import estimate, interaction, planned_contrasts, unlike, verdict
from mnist_cnn.statistics.study import analyse, contradictions, definite, effects_on_time

MODELS = {
    "conv1_linear1": ((16,), ()),
    "conv1_linear2": ((16,), (32,)),
    "conv2_linear1": ((16, 16), ()),
    "conv2_linear2": ((16, 16), (32,)),
    "conv3_linear2": ((16, 16, 32), (32,)),
}
KERNELS = {"small": 3, "medium": 5, "large": 7}
CHOICES = Criteria(target_accuracy=0.98, margin=0.002, confidence=0.95)
ROOM = Path(__file__).parents[2] / "src" / "mnist_cnn" / "statistics"


def grid(models=MODELS, kernels=KERNELS):
    return [
        Network(model, kernel, size, conv, hidden)
        for model, (conv, hidden) in models.items()
        for kernel, size in kernels.items()
    ]


def cells(means, folds=6, noise=0.0009, seed=0):
    """Cells around true means, with luck of the folds on top; shape (networks, folds)."""
    rng = np.random.default_rng(seed)
    means = np.asarray(means, dtype=float)
    return means[:, None] + rng.normal(0, noise, (len(means), folds)) + rng.normal(0, 0.001, folds)


def table_of_runs(networks, accuracy, seeds=(0,)):
    """A table of runs with the given accuracies, of shape (networks, folds), for each seed."""
    rows = [
        {
            "network": network.name,
            "seed": seed,
            "fold": fold,
            "validation_correct": round(float(accuracy[i, fold]) * 10_000),
            "validation_images": 10_000,
            "validation_loss": 0.05,
            "test_correct": 1_640 + i,
            "test_images": 1_667,
            "train_accuracy": 0.99,
        }
        for (i, network), seed, fold in product(enumerate(networks), seeds, range(accuracy.shape[1]))
    ]
    return pd.DataFrame(rows)


def named(table, name, key="effect"):
    return table.set_index(key).loc[name]


# The fit


def test_fit_by_hand():
    fit = block_fit(np.array([[1.0, 2.0], [3.0, 6.0]]))  # residuals ±0.5
    assert fit.means.tolist() == [1.5, 4.5]
    assert (fit.mse, fit.df, fit.folds) == (1.0, 1, 2)
    assert fit.level_variance == (0.5 + 4.5) / 2  # variances of the two networks, 0.5 and 4.5
    assert fit.error == pytest.approx(math.sqrt(1 / 2))
    assert fit.own_half_width(0.95) == pytest.approx(12.706 * math.sqrt(2.5 / 2), abs=1e-3)


def test_fit_and_interaction_equal_statsmodels_on_shuffled_input():
    rng = np.random.default_rng(1)
    networks = [grid()[i] for i in rng.permutation(15)]
    y = cells(0.98 + rng.normal(0, 0.003, 15), folds=4, seed=2)
    frame = pd.DataFrame(
        [
            {"y": y[i, fold], "model": n.model, "kernel": n.kernel, "name": n.name, "fold": fold}
            for (i, n), fold in product(enumerate(networks), range(4))
        ]
    ).sample(frac=1, random_state=3)
    fit = block_fit(y)
    oracle = anova_lm(formula.ols("y ~ C(model)*C(kernel) + C(fold)", frame).fit())
    assert fit.mse == pytest.approx(oracle.loc["Residual", "mean_sq"], rel=1e-9)
    assert fit.df == oracle.loc["Residual", "df"]
    found = interaction(fit, networks, 0.002, 0.95)
    assert found["f"] == pytest.approx(oracle.loc["C(model):C(kernel)", "F"], rel=1e-9)
    assert found["p"] == pytest.approx(oracle.loc["C(model):C(kernel)", "PR(>F)"], rel=1e-6)
    assert (found["df1"], found["df2"]) == (8, 42)
    one = estimate(fit, networks, planned_contrasts(networks)[:1], 0.002, 0.95).iloc[0]
    model = formula.ols("y ~ 0 + C(name) + C(fold, Sum)", frame).fit()
    names = {kernel: [f"C(name)[{n.name}]" for n in networks if n.kernel == kernel] for kernel in KERNELS}
    test = model.t_test(f"({' + '.join(names['medium'])} - {' - '.join(names['small'])}) / 5 = 0")
    assert one.estimate == pytest.approx(float(np.squeeze(test.effect)), rel=1e-9)
    assert [one.lower, one.upper] == pytest.approx(np.squeeze(test.conf_int()), rel=1e-7)


def test_seeds_are_averaged_within_a_cell():
    networks, rng = grid(), np.random.default_rng(4)
    first, second = (cells(np.linspace(0.98, 0.99, 15), seed=seed).round(4) for seed in (1, 2))
    runs = pd.concat([table_of_runs(networks, first, [7]), table_of_runs(networks, second, [3])])
    study = analyse(runs.sample(frac=1, random_state=rng.integers(99)), networks, CHOICES)
    fit = block_fit((first + second) / 2)
    assert study.networks.accuracy.tolist() == pytest.approx(fit.means)
    assert study.facts["error_sd"] == pytest.approx(math.sqrt(fit.mse))
    assert study.facts["df"] == 70
    assert study.networks.network.tolist() == [network.name for network in networks]


# Critical values


def test_critical_values_are_the_printed_ones():
    assert best_critical(3, 10, 0.95) == pytest.approx(2.15, abs=5e-3)  # Dunnett 1955, one-sided
    assert best_critical(2, 10, 0.95) == pytest.approx(1.8125, abs=1e-4)  # Student's, one-sided
    assert pair_critical(3, 10, 0.95) == pytest.approx(3.877 / math.sqrt(2), abs=1e-3)  # studentized range
    assert t_critical(7, 28, 0.95) == pytest.approx(2.902, abs=1e-3)  # Bonferroni
    assert best_critical(1, 5, 0.95) == 0
    assert all(math.isnan(f(3, 0, 0.95)) for f in (best_critical, pair_critical, t_critical))


# Contrasts


@pytest.mark.parametrize(
    ("models", "kernels", "expected"),
    [
        (MODELS, KERNELS, ["kernel medium-small", "kernel large-medium", "kernel large-small",
                           "conv 2-1", "conv 3-2", "linear 2-1"]),
        ({"a": ((16,), ())}, {"only": 3}, []),
        ({"a": ((16,), ())}, {"big": 9, "little": 3}, ["kernel big-little"]),
        ({"a": ((16,), ()), "b": ((16, 8), ())}, {"only": 3}, ["conv 2-1"]),
        ({"a": ((16,), ()), "b": ((8, 16), ())}, {"only": 3}, []),  # the first layer differs too
        ({"a": ((16,), ()), "b": ((16, 8), (64,))}, {"only": 3}, []),  # both kinds differ
        ({"a": ((16,), ()), "b": ((32,), ())}, {"only": 3}, []),  # width is no number of layers
        ({"a": ((16,), (64,)), "b": ((16,), (64, 32)), "c": ((16,), ())}, {"only": 3},
         ["linear 2-1", "linear 3-2"]),
        (MODELS, {f"k{size}": size for size in range(1, 28, 2)},  # eight of nineteen, in turns
         ["kernel k3-k1", "kernel k5-k3", "kernel k7-k5", "kernel k9-k7", "kernel k27-k1",
          "conv 2-1", "conv 3-2", "linear 2-1"]),
    ],
)  # fmt: skip
def test_contrasts_follow_from_any_grid(models, kernels, expected):
    networks = grid(models, kernels)
    fit = block_fit(cells(np.full(len(networks), 0.98)))
    table = estimate(fit, networks, planned_contrasts(networks), 0.002, 0.95)
    assert table.effect.tolist() == expected


def test_contrasts_are_mean_differences_over_matched_layouts():
    networks = grid()
    means = np.random.default_rng(0).normal(0.985, 0.003, 15)
    m = means.reshape(5, 3)
    table = estimate(block_fit(cells(means, noise=0)), networks, planned_contrasts(networks), 0.002, 0.95)
    expected = {
        "kernel medium-small": (m[:, 1] - m[:, 0]).mean(),
        "kernel large-small": (m[:, 2] - m[:, 0]).mean(),
        "conv 2-1": (m[2:4] - m[:2]).mean(),
        "conv 3-2": (m[4] - m[3]).mean(),
        "linear 2-1": (m[[1, 3]] - m[[0, 2]]).mean(),
    }
    for name, value in expected.items():
        assert named(table, name).estimate == pytest.approx(value, abs=1e-12)
    assert table.layouts.tolist() == [5, 5, 5, 2, 1, 2]
    assert named(table, "conv 3-2")[["factor", "high", "low", "high_value", "low_value"]].tolist() == [
        "conv", "3", "2", 3, 2,
    ]  # fmt: skip


def test_interval_is_bonferroni_over_the_family():
    networks = grid()
    fit = block_fit(cells(np.full(15, 0.98)))
    conv = named(estimate(fit, networks, planned_contrasts(networks), 0.002, 0.95), "conv 3-2")
    half = stats.t.ppf(1 - 0.05 / 12, 70) * math.sqrt(fit.mse / 6 * (1 / 3 + 1 / 3))
    assert (conv.upper - conv.estimate, conv.estimate - conv.lower) == pytest.approx((half, half))


# Verdicts


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (2.1, 3.0, ("more", 1)),
        (2.0, 3.0, ("open", 1)),  # touching the margin shows nothing
        (0.1, 2.1, ("open", 1)),
        (0.1, 1.9, ("at_most", 1)),
        (0.0, 1.9, ("at_most", 0)),
        (-1.9, 1.9, ("at_most", 0)),
        (-1.9, 2.0, ("open", 0)),
        (-5.0, 5.0, ("open", 0)),
        (math.nan, math.nan, ("open", 0)),
    ],
)
def test_verdicts_at_their_borders_and_mirrored(lower, upper, expected):
    assert verdict(lower, upper, 2) == expected
    assert verdict(-upper, -lower, 2) == (expected[0], -expected[1])


def test_a_verdict_does_not_hang_on_the_last_bit():
    assert verdict(0.1 + 0.2, 1, 0.3) == verdict(0.3, 1, 0.3) == ("open", 1)


@pytest.mark.parametrize(
    ("kernel_effects", "matters"),
    [
        ([0.004] * 5, False),  # alike
        ([0.005, 0.004, 0.004, 0.004, 0.0], True),  # more than the margin here, at most the margin there
        ([0.004, 0.004, 0.004, 0.004, -0.004], True),  # opposite
        ([0.009, 0.008, 0.006, 0.006, 0.005], False),  # differs, but on the same side
    ],
)
def test_interaction_matters_where_sides_differ(kernel_effects, matters):
    networks = grid()
    large = np.array([network.kernel == "large" for network in networks])
    means = 0.98 + np.repeat(kernel_effects, 3) * large
    found = interaction(block_fit(cells(means, noise=0.0004)), networks, 0.002, 0.95)
    assert found["matters"] is matters
    assert (found["p"] < 0.05) == (len(set(kernel_effects)) > 1)
    assert [row["model"] for row in found["by_layout"]] == list(MODELS)
    for row, truth in zip(found["by_layout"], kernel_effects, strict=True):
        assert row["lower"] < truth < row["upper"]


@pytest.mark.parametrize("networks", [grid(kernels={"only": 3}), grid({"a": ((8,), ())}), grid()[:1]])
def test_no_interaction_without_two_layouts_and_two_kernels(networks):
    assert interaction(block_fit(cells(np.full(len(networks), 0.98))), networks, 0.002, 0.95) is None


# Tiers and choice


def test_standing_by_hand():
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ()), "c": ((8, 8, 8), ())}, {"k": 3})
    fit = block_fit(cells([0.980, 0.990, 0.991]))
    table = stand(fit, networks, CHOICES)
    w = best_critical(3, 10, 0.95) * math.sqrt(2 * fit.mse / 6)
    a, b, c = fit.means
    assert table.difference.tolist() == pytest.approx([a - c, b - c, c - b])
    assert table.best_low.tolist() == pytest.approx([a - c - w, b - c - w, min(0, c - b - w)])
    assert table.best_high.tolist() == pytest.approx([0, b - c + w, c - b + w])  # b may be the best too
    assert table.loss_least.tolist() == pytest.approx([a - b + w, w, c - b + w])
    own = 2.5706 * math.sqrt(fit.level_variance / 6)  # t table, 5 df
    assert table.accuracy_low.tolist() == pytest.approx(fit.means - own, abs=1e-7)
    assert table.comparison_half_width[0] == pytest.approx(
        pair_critical(3, 10, 0.95) * fit.error / math.sqrt(2)
    )
    assert table.tier.tolist() == ["worse", "good", "good"]
    assert table.chosen.tolist() == [False, True, False]


def borders(margin, target=0.98):
    """The standing of three networks, and the margins at which their tiers change."""
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ()), "c": ((8, 8, 8), ())}, {"k": 3})
    fit = block_fit(cells([0.985, 0.990, 0.9905], noise=0.0004))
    return stand(fit, networks, Criteria(target_accuracy=target, margin=margin, confidence=0.95))


def test_tiers_change_where_an_interval_passes_the_margin():
    table = borders(0.002)
    good, worse = -float(table.best_low[1]), -float(table.loss_least[0])
    assert [borders(good + step).tier[1] for step in (-1e-9, 0, 1e-9)] == ["open", "open", "good"]
    assert [borders(worse + step).tier[0] for step in (-1e-9, 0, 1e-9)] == ["worse", "open", "open"]


def test_a_network_below_the_target_is_not_good_however_close_to_the_best():
    edge = round(float(borders(0.002).accuracy_low[2]), 12)
    for step, meets in ((-1e-9, True), (0, True), (1e-9, False)):
        table = borders(0.002, target=edge + step)
        assert (table.meets_target[2], table.tier[2] == "good") == (meets, meets)
    table = borders(0.002, target=0.999)
    assert not table.meets_target.any()
    assert not table.chosen.any()
    assert table.tier.tolist() == ["worse", "open", "open"]


def test_the_choice_has_the_fewest_multiply_accumulates_of_the_good():
    networks = grid()
    fit = block_fit(cells(np.where([n.conv_layers > 1 for n in networks], 0.99, 0.97), noise=0.0003))
    table = stand(fit, networks, CHOICES)
    good = [n for n, tier in zip(networks, table.tier, strict=True) if tier == "good"]
    assert len(good) == 9
    assert table.network[table.chosen].tolist() == ["conv2_linear1-small"]
    assert min(good, key=lambda n: n.multiply_accumulates).name == "conv2_linear1-small"


def test_ties_share_the_first_place():
    y = cells([0.985, 0.985, 0.97, 0.97])
    y[1] = y[0]
    table = stand(block_fit(y), grid({"a": ((8,), ()), "b": ((9,), ())}, {"s": 3, "l": 5}), CHOICES)
    assert table.difference[:2].tolist() == [0, 0]
    assert table.best_low[0] == table.best_low[1] < 0 < table.best_high[1]
    assert table.network[table.chosen].tolist() in ([], ["a-s"])


# What a repeat would choose


def test_predictions_are_what_a_plain_loop_predicts():
    networks = grid()
    fit = block_fit(cells(np.linspace(0.985, 0.9885, 15), seed=8))
    shares = predict(fit, networks, CHOICES)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1)
    rng = np.random.default_rng(99)
    means = fit.means.reshape(5, 3)
    rest = means - means.mean(1, keepdims=True) - means.mean(0) + means.mean()
    f = (rest**2).sum() * 6 / 8 / fit.mse
    centre = (means - min(1, 1 / f) * rest).reshape(15)
    cost = {n.name: n.multiply_accumulates for n in networks}
    counts = dict.fromkeys([*cost, NONE], 0)
    for _ in range(REPEATS):
        drawn = rng.normal(centre, math.sqrt(2 * fit.mse / 6))
        half = fit.best_half_width(0.95) * math.sqrt(rng.f(fit.df, fit.df))
        good = [
            n.name for i, n in enumerate(networks) if drawn[i] - np.delete(drawn, i).max() - half > -0.002
        ]
        counts[min(good, key=cost.__getitem__) if good else NONE] += 1
    for name, count in counts.items():
        assert shares.get(name, 0) == pytest.approx(count / REPEATS, abs=0.06)


def test_predictions_do_not_hang_on_the_last_bit_and_know_none():
    networks, y = grid(), cells(np.full(15, 0.988), noise=0.0016)
    shares = predict(block_fit(y), networks, CHOICES)
    assert shares == predict(block_fit(y * (1 + 4e-16)), networks, CHOICES)
    assert 0 < shares[NONE] < 1
    assert predict(block_fit(y), networks, replace(CHOICES, target_accuracy=0.999)) == {NONE: 1}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"a": 0.5, "b": 0.4, "c": 0.1}, ["a", "b"]),
        ({"a": 0.5, "b": 0.3995, "c": 0.1005}, ["a", "b", "c"]),
        ({"none": 0.95, "a": 0.05}, ["none"]),
        ({"a": 0.3, "b": 0.3, "c": 0.3, "d": 0.1}, ["a", "b", "c"]),  # 0.3 + 0.3 + 0.3 < 0.9 in binary
        ({}, []),
    ],
)
def test_smallest_set_holds_nine_tenths(shares, expected):
    assert smallest_set(shares) == expected


# Over many studies


def test_300_null_studies_make_few_false_statements():
    networks = grid()
    contrasts, wrong = planned_contrasts(networks), np.zeros(3)
    for seed in range(300):
        fit = block_fit(cells(np.full(15, 0.99), seed=seed))
        table = stand(fit, networks, CHOICES)
        wrong += [
            estimate(fit, networks, contrasts, 0.002, 0.95).direction.any(),
            np.ptp(fit.means) > fit.pair_half_width(0.95),
            table.best_high[0] == 0,  # network 0 is shown not to be the best
        ]
    assert (wrong >= 3).all()
    assert (wrong <= 27).all()  # 5 % of 300 is 15


def test_300_studies_at_the_margin_are_rarely_shown_on_either_side():
    networks = grid()
    truth = np.r_[0.988, 0.9880001, np.full(12, 0.987), 0.99]  # 0 at the margin or a hair beyond, 1 within
    good = worse = low = high = 0
    for seed in range(300):
        table = stand(block_fit(cells(truth, seed=seed)), networks, CHOICES)
        good += table.tier[0] == "good"
        worse += table.tier[1] == "worse"
        low += (table.best_low <= truth - 0.99)[:14].all()
        high += (truth - 0.99 <= table.loss_least)[:14].all()
    assert good <= 12
    assert worse <= 12
    assert 273 <= low < 300  # 95 % of 300 is 285
    assert 273 <= high < 300


def test_own_intervals_hold_the_truth():
    held = sum(
        abs(fit.means[0] - 0.99) <= fit.own_half_width(0.95)
        for fit in (block_fit(cells(np.full(15, 0.99), seed=seed)) for seed in range(400))
    )
    assert 368 <= held <= 398


# A whole study


def study(means=None, folds=6, networks=None, change=None):
    networks = networks or grid()
    means = np.linspace(0.984, 0.9905, 15) if means is None else means
    runs = table_of_runs(networks, cells(means, folds))
    for (name, fold), correct in (change or {}).items():
        runs.loc[(runs.network == name) & (runs.fold == fold), "validation_correct"] = correct
    return analyse(runs, networks, CHOICES)


def test_facts_and_tables_agree():
    found = study()
    table, facts = found.networks, found.facts
    assert facts["chosen"] == table.network[table.chosen].item()
    assert facts["most_accurate"] == table.network[table.accuracy.idxmax()]
    for key, tier in (("good", "good"), ("open_tier", "open"), ("worse", "worse")):
        assert facts[key] == table.network[table.tier == tier].tolist()
    assert set(facts["in_set"]) - {NONE} == set(table.network[table.named])
    assert facts["set_share"] == pytest.approx(table.share[table.named].sum())
    assert facts["set_share"] >= 0.9
    assert facts["half_width"] == pytest.approx(float((table.difference - table.best_low)[0]))
    assert (facts["networks"], facts["runs"], facts["folds"], facts["seeds"]) == (15, 90, [*range(6)], [0])
    assert facts["definite"] == definite(found.statements)


def test_test_accuracy_is_wilson_over_the_shared_images():
    row = named(study().networks, "conv1_linear1-medium", "network")
    right, images = 6 * 1_641, 6 * 1_667
    assert row.test_accuracy == right / images
    assert [row.test_low, row.test_high] == pytest.approx(proportion_confint(right, images, 0.05, "wilson"))


def test_overlap_makes_what_hangs_on_the_width_open():
    networks = grid(kernels={"small": 3, "large": 7})
    y = cells(np.full(10, 0.985), noise=0.0009)
    large = np.array([[n.kernel == "large"] for n in networks])
    base = analyse(table_of_runs(networks, y), networks, CHOICES).effects.iloc[0]
    half = base.upper - base.estimate
    for times, expected in ((1.3, True), (1.7, False)):  # the correction widens by sqrt(1 + 6/5) = 1.48
        moved = y + large * (0.002 + times * half - base.estimate)
        found = analyse(table_of_runs(networks, moved), networks, CHOICES)
        assert found.effects.verdict[0] == "more"
        assert found.effects.overlap_open[0] == expected
        assert ("kernel large-small" in found.facts["sensitive"]) == expected
    assert set(found.facts["sensitive"]) <= set(found.facts["definite"])


def test_contradictions_and_definite_statements():
    one = {"a": ("more", 1), "b": ("at_most", 0), "c": ("open", 1), "tier x": ("good", 0), "z": ("more", 1)}
    assert definite(one) == ["a", "b", "tier x", "z"]
    assert contradictions(one, one) == []
    same = {"a": ("open", 0), "b": ("open", 1), "c": ("more", 1), "tier x": ("open", 0)}
    assert contradictions(one, same) == contradictions(same, one) == []
    other = {"a": ("more", -1), "b": ("more", 1), "c": ("open", -1), "tier x": ("worse", 0)}
    assert contradictions(one, other) == contradictions(other, one) == ["a", "b", "c", "tier x"]


def test_a_collapsed_run_is_named_and_its_network_left_out():
    bad = "conv3_linear2-large"
    found, whole = study(change={(bad, 2): 1_135, (bad, 4): 980}), study()
    assert found.facts["collapsed"] == [
        {"network": bad, "seed": 0, "fold": 2}, {"network": bad, "seed": 0, "fold": 4},
    ]  # fmt: skip
    row = named(found.networks, bad, "network")
    assert (row.collapsed, row.runs, row.tier, row.share) == (2, 6, "open", 0)
    assert not row.chosen | row.named | row.meets_target
    assert row.accuracy > 0.98
    assert math.isnan(row.accuracy_low)
    assert named(whole.networks, bad, "network").accuracy == pytest.approx(row.accuracy, abs=0.001)
    assert found.facts["df"] == 65
    assert bad in found.facts["open_tier"]
    assert named(found.effects, "kernel large-medium").layouts == 4
    assert len(found.facts["interaction"]["by_layout"]) == 4
    assert found.networks.meets_target.dtype == found.networks.chosen.dtype == bool
    lost = study(change={(bad, fold): 1_135 for fold in range(6)})
    assert math.isnan(named(lost.networks, bad, "network").accuracy)
    with pytest.raises(UserError, match="every network has a collapsed run"):
        study(change={(n.name, 0): 1_000 for n in grid()})


def test_one_fold_gives_means_and_leaves_everything_open():
    found = study(folds=1)
    assert found.networks.accuracy.between(0.98, 1).all()
    assert found.networks[["accuracy_low", "best_low", "best_high", "loss_least"]].isna().all(axis=None)
    assert found.effects.estimate.notna().all()
    assert found.effects[["lower", "upper"]].isna().all(axis=None)
    assert (found.facts["definite"], found.facts["in_set"], found.facts["good"]) == ([], [], [])
    none = ["chosen", "half_width", "error_sd", "interaction", "set_share"]
    assert [found.facts[key] for key in none] == [None] * 5


def test_one_network_is_the_best_of_itself():
    found = study([0.985], networks=grid()[:1])
    assert found.effects.empty
    assert found.facts["chosen"] == found.facts["most_accurate"] == "conv1_linear1-small"
    assert found.facts["in_set"] == ["conv1_linear1-small"]
    assert study([0.979], networks=grid()[:1]).facts["chosen"] is None


def test_two_networks_on_two_folds():
    found = study([0.97, 0.985], folds=2, networks=grid()[:2])
    assert found.facts["df"] == 1
    effect = found.effects.iloc[0]
    fit = block_fit(cells([0.97, 0.985], 2).round(4))
    assert effect.upper - effect.estimate == pytest.approx(12.706 * fit.error * math.sqrt(2), rel=1e-3)


def test_zero_error_variance_is_refused():
    copies = np.add.outer([0.97, 0.98, 0.99], [0.0, 0.001, 0.0023])
    with pytest.raises(UserError, match=r"zero error variance: 3 .*3 folds.*train\.folds"):
        analyse(table_of_runs(grid()[:3], copies), grid()[:3], CHOICES)


def test_an_incomplete_table_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="complete"):
        analyse(table_of_runs(grid(), cells(np.full(15, 0.98)))[1:], grid(), CHOICES)


def test_effects_on_time_are_log_ratios():
    networks = grid()
    truth = np.log([10 * 1.8 ** (n.kernel == "large") * 2 ** (n.conv_layers - 1) for n in networks])
    seconds = np.exp(cells(truth, noise=0.02))
    times = pd.DataFrame(
        [
            {"network": n.name, "seed": 0, "fold": fold, "training_seconds": seconds[i, fold]}
            for (i, n), fold in product(enumerate(networks), range(6))
        ]
    ).sample(frac=1, random_state=0)
    table = effects_on_time(times, networks, 0.95)
    for name, ratio in (("kernel large-medium", 1.8), ("conv 3-2", 2), ("linear 2-1", 1)):
        row = named(table, name)
        assert row.lower < math.log(ratio) < row.upper
        assert row.upper - row.lower < 0.1


# The room


def test_statistics_import_no_torch_and_touch_no_files():
    modules = [f"mnist_cnn.statistics.{path.stem}" for path in ROOM.glob("*.py")]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOM.parents[1])}).returncode == 0
    )
    for path in ROOM.glob("*.py"):
        tree = ast.walk(ast.parse(path.read_text()))
        words = {getattr(node, "id", getattr(node, "attr", getattr(node, "module", ""))) for node in tree}
        touched = {
            w for w in words if w and (w in {"open", "Path", "os", "pathlib"} or re.match("read_|to_csv", w))
        }
        assert not touched, path


# At the borders


def test_interaction_of_two_by_two_has_one_degree_of_freedom():
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ())}, {"small": 3, "large": 7})
    found = interaction(block_fit(cells([0.98, 0.985, 0.98, 0.98])), networks, 0.002, 0.95)
    assert found["df1"] == 1
    assert found["p"] < 0.05


def test_sides_that_differ_do_not_matter_where_the_test_does_not_reject():
    models = {f"m{i}": ((8 + i,), ()) for i in range(14)}
    networks = grid(models, {"small": 3, "large": 7})
    noise = cells(np.zeros(28))
    noise -= noise.mean(axis=1, keepdims=True)
    alone = [replace(one, pairs=(pair,)) for one in planned_contrasts(networks)[:1] for pair in one.pairs]
    row = estimate(block_fit(noise), networks, alone, 0.002, 0.95).iloc[0]
    half = row.upper - row.estimate
    effect = half * np.r_[1.01, -1.01, np.zeros(12)]  # in two layouts shown, in opposite directions
    found = interaction(block_fit(noise + np.repeat(effect / 2, 2)[:, None] * np.tile([-1, 1], 14)[:, None]),
                        networks, 0.002, 0.95)  # fmt: skip
    assert {one["direction"] for one in found["by_layout"]} == {-1, 0, 1}
    assert found["p"] > 0.05
    assert not found["matters"]


def test_layouts_that_lack_a_kernel_are_left_out_of_the_interaction():
    y = cells(np.linspace(0.98, 0.99, 15) ** 2)
    left, df = unlike(block_fit(y[:-1]), grid()[:-1])
    whole, _ = unlike(block_fit(y[:12]), grid()[:12])
    assert left.tolist() == pytest.approx([*whole, 0, 0])
    assert df == 6


def test_luck_is_no_more_than_all_of_the_interaction():
    y = cells(np.full(15, 0.9875), noise=0.0016, seed=5)
    means = block_fit(y).means.reshape(5, 3)
    luck = (means - means.mean(1, keepdims=True) - means.mean(0) + means.mean()).reshape(15, 1)
    none, little, much = (predict(block_fit(y + share * luck), grid(), CHOICES) for share in (-1, -0.7, 2))
    assert little == none
    assert much != none


def test_each_repeat_draws_its_own_error():
    """On two folds the width of a repeat's intervals varies by far more than its means."""
    networks = grid()[:3]
    fit = replace(block_fit(cells([0.9, 0.95, 0.95], 2, noise=0.0001)), df=2)
    criteria = replace(CHOICES, target_accuracy=0.001, margin=fit.best_half_width(0.95) * 1.5)
    rng, good = np.random.default_rng(1), 0
    for _ in range(REPEATS):
        drawn = rng.normal(fit.means, math.sqrt(2.5 * fit.mse / 2))
        half = fit.best_half_width(0.95) * math.sqrt(rng.f(2, 2))
        good += max(drawn[i] - np.delete(drawn, i).max() for i in range(3)) - half > -criteria.margin
    assert 0.6 < good / REPEATS < 0.8
    assert predict(fit, networks, criteria).get(NONE, 0) == pytest.approx(1 - good / REPEATS, abs=0.06)


def test_own_interval_ends_at_one_and_the_best_loses_nothing():
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ())}, {"k": 3})
    fit = block_fit(cells([0.97, 0.9995], noise=0.002))
    table = stand(fit, networks, CHOICES)
    own = fit.own_half_width(0.95)
    assert table.accuracy_high.tolist() == pytest.approx([fit.means[0] + own, 1])
    assert fit.means[1] + own > 1
    assert table.best_low[1] == 0


@pytest.mark.parametrize("margin", np.linspace(0.0005, 0.005, 10).round(4))
def test_the_stricter_analysis_widens_by_the_share_of_images_in_common(margin):
    """Nadeau & Bengio 2003: 1/folds + validation/training images, which are 10,000 and 50,000."""
    networks, criteria = grid(), replace(CHOICES, margin=float(margin))
    runs = table_of_runs(networks, cells(np.linspace(0.984, 0.9905, 15)))
    cut = (runs.validation_correct / 10_000).to_numpy().reshape(15, 6)
    wider = replace(block_fit(cut), factor=1 / 6 + 1 / 5)
    own = analyse(runs, networks, criteria).effects
    other = estimate(wider, networks, planned_contrasts(networks), criteria.margin, 0.95)
    assert own.overlap_open.tolist() == ((own.verdict != "open") & (other.verdict == "open")).tolist()


def test_facts_name_the_criteria_and_means_stand_beside_accuracies():
    networks = grid()[:2]
    runs = table_of_runs(networks, cells([0.97, 0.985], 2))
    runs.loc[0, ["validation_correct", "validation_loss", "train_accuracy"]] = [2_000, 0.07, 0.95]
    found = analyse(runs, networks, replace(CHOICES, confidence=0.9))
    expected = {"target": 0.98, "margin": 0.002, "confidence": 0.9, "longer": None, "collapsed": [], "df": 1}
    assert {key: found.facts[key] for key in expected} == expected
    assert found.facts["half_width"] > 0
    row = found.networks.iloc[0]
    assert [row.validation_loss, row.train_accuracy] == pytest.approx([0.06, 0.97])
    wilson = proportion_confint(2 * 1_640, 2 * 1_667, 0.1, "wilson")
    assert [row.test_low, row.test_high] == pytest.approx(wilson)
