"""Contrasts of any grid, their intervals and verdicts, and the verdicts that another analysis changes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mnist_cnn.choices.network import Network
from mnist_cnn.statistics.anova import anova
from mnist_cnn.statistics.blocks import block_fit
from mnist_cnn.statistics.contrasts import Factor, planned_contrasts, simple_kernel_contrasts
from mnist_cnn.statistics.effects import (
    Direction,
    Effect,
    Judgement,
    Verdict,
    as_ratio,
    estimate_effects,
    judge,
    kernel_depends_on_layout,
)
from mnist_cnn.statistics.sensitivity import analyse, check_effects, check_networks

MODELS = {
    "conv1_linear1": ((16,), ()),
    "conv1_linear2": ((16,), (64,)),
    "conv2_linear1": ((16, 16), ()),
    "conv2_linear2": ((16, 16), (64,)),
    "conv3_linear2": ((16, 16, 32), (64,)),
}
KERNELS = {"medium": 5, "large": 7, "small": 3}


def grid(models=MODELS, kernels=KERNELS):
    return [
        Network(model, kernel, size, conv, hidden)
        for model, (conv, hidden) in models.items()
        for kernel, size in kernels.items()
    ]


def study(means, folds=6, noise=0.0005, seed=0):
    rng = np.random.default_rng(seed)
    return np.array(means)[:, None] + rng.normal(0, noise, (len(means), folds)) + rng.normal(0, 0.001, folds)


def summary(contrasts):
    return [f"{c.factor} {c.high.value}-{c.low.value}" for c in contrasts]


def by_name(effects):
    return {summary([effect.contrast])[0]: effect for effect in effects}


# Contrasts


def test_contrasts_of_the_default_grid():
    contrasts = planned_contrasts(grid())
    assert summary(contrasts) == [
        "kernel 5-3", "kernel 7-5", "kernel 7-3", "conv 2-1", "conv 3-2", "conv 3-1", "linear 2-1",
    ]  # fmt: skip
    kernel, conv, linear = contrasts[0], contrasts[3], contrasts[6]
    assert (kernel.factor, kernel.high.name, kernel.low.name) == (Factor.KERNEL, "medium", "small")
    assert kernel.models == tuple((model, model) for model in sorted(MODELS))
    assert conv.models == (("conv2_linear1", "conv1_linear1"), ("conv2_linear2", "conv1_linear2"))
    assert contrasts[4].models == (("conv3_linear2", "conv2_linear2"),)
    assert contrasts[5].models == (("conv3_linear2", "conv1_linear2"),)
    assert linear.models == (("conv1_linear2", "conv1_linear1"), ("conv2_linear2", "conv2_linear1"))
    assert kernel.weights == pytest.approx([0.2, 0, -0.2] * 5)
    assert conv.weights == pytest.approx(np.repeat([-1, -1, 1, 1, 0], 3) / 6)
    assert linear.weights == pytest.approx(np.repeat([-1, 1, -1, 1, 0], 3) / 6)


@pytest.mark.parametrize(
    ("models", "kernels", "expected"),
    [
        ({"a": ((16,), ())}, {"only": 3}, []),
        ({"a": ((16,), ())}, {"big": 9, "small": 3}, ["kernel 9-3"]),
        ({"a": ((16,), ()), "b": ((16, 8), ())}, {"only": 3}, ["conv 2-1"]),
        ({"a": ((16,), ()), "b": ((8, 16), ())}, {"only": 3}, []),  # the first layer differs too
        ({"a": ((16,), ()), "b": ((16, 8), (64,))}, {"only": 3}, []),  # both kinds differ
        ({"a": ((16,), ()), "b": ((32,), ())}, {"only": 3}, []),  # width is no number of layers
        ({"a": ((16,), (64,)), "b": ((16,), (64, 32)), "c": ((16,), ())}, {"only": 3},
         ["linear 2-1", "linear 3-2", "linear 3-1"]),
        ({"a": ((16,), (64,)), "b": ((16,), (32, 64)), "c": ((16,), ())}, {"only": 3},
         ["linear 2-1", "linear 3-1"]),
        ({"a": ((8,), ()), "b": ((8, 8, 8, 8), ())}, dict(zip("pqrs", (9, 3, 7, 5), strict=True)),
         ["kernel 5-3", "kernel 7-5", "kernel 9-7", "kernel 9-3", "conv 4-1"]),
    ],
)  # fmt: skip
def test_contrasts_follow_from_any_grid(models, kernels, expected):
    networks = grid(models, kernels)
    contrasts = planned_contrasts(networks)
    assert summary(contrasts) == expected
    assert all(abs(contrast.weights.sum()) < 1e-12 for contrast in contrasts)
    y = study(np.full(len(networks), 0.98))
    assert len(estimate_effects(block_fit(y), contrasts, 0.95)) == len(expected)


def test_one_smaller_model_may_match_several_larger_ones():
    (contrast,) = planned_contrasts(
        grid({"a": ((16,), ()), "b": ((16, 8), ()), "c": ((16, 16), ())}, {"k": 3})
    )
    assert contrast.models == (("b", "a"), ("c", "a"))
    assert contrast.weights.tolist() == [-1, 0.5, 0.5]


def test_contrasts_of_1000_networks_take_seconds():
    models = {f"m{i}_{j}": ((8,) * i, (16,) * j) for i in range(1, 5) for j in range(25)}
    contrasts = planned_contrasts(grid(models, {f"k{size}": size for size in range(1, 11)}))
    assert len(contrasts) == 10 + 4 + 25
    assert contrasts[10].models[0] == ("m2_0", "m1_0")
    assert len(contrasts[10].models) == 25


# Effects


def known_study(networks, noise=0.0005):
    """Additive truth: kernel 5-3 +0.30 points, 7-5 +0.02; conv 2-1 +0.5, 3-2 -0.1; linear 2-1 -0.3."""
    truth = [
        0.98
        + {3: 0, 5: 0.0030, 7: 0.0032}[n.kernel_size]
        + {1: 0, 2: 0.005, 3: 0.004}[n.conv_layers]
        - 0.003 * (n.linear_layers - 1)
        for n in networks
    ]
    return study(truth, noise=noise)


def test_effects_recover_the_truth_within_their_intervals():
    networks = grid()
    effects = by_name(estimate_effects(block_fit(known_study(networks)), planned_contrasts(networks), 0.95))
    truth = {
        "kernel 5-3": 0.0030, "kernel 7-5": 0.0002, "kernel 7-3": 0.0032,
        "conv 2-1": 0.005, "conv 3-2": -0.001, "conv 3-1": 0.004, "linear 2-1": -0.003,
    }  # fmt: skip
    assert effects.keys() == truth.keys()
    for name, value in truth.items():
        assert effects[name].lower < value < effects[name].upper
        assert effects[name].upper - effects[name].lower < 0.0016


def test_interval_is_bonferroni_over_the_family():
    networks = grid()
    fit = block_fit(known_study(networks))
    effect = estimate_effects(fit, planned_contrasts(networks), 0.95)[4]  # conv 3-2: 3 networks each side
    half = stats.t.ppf(1 - 0.05 / 14, 70) * math.sqrt(fit.mse / 6 * (1 / 3 + 1 / 3))
    y = fit.means.reshape(5, 3)
    assert effect.estimate == pytest.approx(y[4].mean() - y[3].mean())
    assert effect.upper - effect.estimate == pytest.approx(half)
    assert effect.estimate - effect.lower == pytest.approx(half)


def test_order_of_networks_and_folds_changes_no_effect():
    networks, rng = grid(), np.random.default_rng(3)
    y, rows, columns = known_study(networks), rng.permutation(15), rng.permutation(6)
    shuffled = [networks[i] for i in rows]
    for derive in (planned_contrasts, simple_kernel_contrasts):
        before = estimate_effects(block_fit(y), derive(networks), 0.95)
        after = estimate_effects(block_fit(y[rows][:, columns]), derive(shuffled), 0.95)
        for old, new in zip(before, after, strict=True):
            assert new.contrast == old.contrast
            assert (new.estimate, new.lower, new.upper) == pytest.approx((old.estimate, old.lower, old.upper))


def test_time_effects_are_ratios():
    networks = grid()
    log_seconds = np.log([10 * 1.8 ** (n.kernel_size == 7) * 2 ** (n.conv_layers - 1) for n in networks])
    effects = estimate_effects(block_fit(study(log_seconds, noise=0.02)), planned_contrasts(networks), 0.95)
    ratios = by_name(as_ratio(effect) for effect in effects)
    assert ratios["kernel 7-5"].lower < 1.8 < ratios["kernel 7-5"].upper < 1.9
    assert ratios["conv 3-1"].lower < 4 < ratios["conv 3-1"].upper < 4.3
    assert ratios["linear 2-1"].lower < 1 < ratios["linear 2-1"].upper


# Verdicts


@pytest.mark.parametrize(
    ("lower", "upper", "verdict", "direction"),
    [
        (2.1, 3, Verdict.BEYOND_MARGIN, Direction.UP),
        (2.0, 3, Verdict.SIZE_OPEN, Direction.UP),
        (0.1, 2.1, Verdict.SIZE_OPEN, Direction.UP),
        (0.1, 2.0, Verdict.NEGLIGIBLE, Direction.UP),
        (0.0, 1.9, Verdict.SAME, Direction.NONE),
        (-1.9, 1.9, Verdict.SAME, Direction.NONE),
        (-1.9, 2.0, Verdict.INCONCLUSIVE, Direction.NONE),
        (-5, 0.1, Verdict.INCONCLUSIVE, Direction.NONE),
    ],
)
def test_verdicts_at_their_borders_and_mirrored(lower, upper, verdict, direction):
    contrast = planned_contrasts(grid())[0]
    mirrored = {Direction.UP: Direction.DOWN}.get(direction, direction)
    assert judge(Effect(contrast, 0, lower, upper), 2) == Judgement(verdict, direction)
    assert judge(Effect(contrast, 0, -upper, -lower), 2) == Judgement(verdict, mirrored)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("effect", "noise", "verdict"),
    [
        (0.004, 0.0005, Verdict.BEYOND_MARGIN),
        (0.002, 0.0005, Verdict.SIZE_OPEN),
        (0.001, 0.0005, Verdict.NEGLIGIBLE),
        (0, 0.0005, Verdict.SAME),
        (0, 0.01, Verdict.INCONCLUSIVE),
    ],
)
def test_a_known_effect_gets_its_verdict(effect, noise, verdict, sign):
    networks = grid(kernels={"small": 3, "large": 7})
    y = study([0.98 + sign * effect * (n.kernel == "large") for n in networks], noise=noise)
    judged = judge(estimate_effects(block_fit(y), planned_contrasts(networks), 0.95)[0], 0.002)
    assert judged.verdict is verdict
    assert judged.direction is (
        Direction.NONE if effect == 0 else Direction.UP if sign > 0 else Direction.DOWN
    )


# Does the kernel's effect depend on the layout?


def interaction(y, networks):
    table = anova(y, [n.model for n in networks], [n.kernel for n in networks])
    simple = estimate_effects(block_fit(y), simple_kernel_contrasts(networks), 0.95)
    return table, simple, kernel_depends_on_layout(table, simple, 0.95)


def test_simple_effects_are_one_family_within_each_layout():
    networks = grid()
    y = known_study(networks)
    _, simple, depends = interaction(y, networks)
    fit = block_fit(y)
    assert len(simple) == 15
    assert not depends
    effect = next(
        e for e in simple if e.contrast.models == (("conv2_linear1",) * 2,) and e.contrast.high.value == 5
    )
    places = {n.name: i for i, n in enumerate(networks)}
    medium, small = (fit.means[places[f"conv2_linear1-{kernel}"]] for kernel in ("medium", "small"))
    assert effect.estimate == pytest.approx(medium - small)
    assert effect.upper - effect.estimate == pytest.approx(
        stats.t.ppf(1 - 0.05 / 30, 70) * math.sqrt(2 * fit.mse / 6)
    )


def test_kernel_that_acts_in_one_layout_only_depends_on_layout():
    networks = grid()
    y = study([0.98 + 0.004 * (n.kernel == "large" and n.model == "conv1_linear1") for n in networks])
    table, _, depends = interaction(y, networks)
    assert depends
    assert kernel_depends_on_layout(table, (), 0.95)


def test_opposite_shown_signs_depend_on_layout_whatever_the_interaction_says():
    up, down = planned_contrasts(grid())[:2]
    assert kernel_depends_on_layout((), [Effect(up, 2, 1, 3), Effect(up, -2, -3, -1)], 0.95)
    assert not kernel_depends_on_layout((), [Effect(up, 2, 1, 3), Effect(up, -2, -3, 1)], 0.95)
    assert not kernel_depends_on_layout((), [Effect(up, 2, 1, 3), Effect(down, -2, -3, -1)], 0.95)


# Sensitivity


def test_overlap_widens_intervals_and_changes_verdicts_that_hang_on_them():
    networks = grid(kernels={"small": 3, "large": 7})
    contrasts = planned_contrasts(networks)
    large = np.array([[n.kernel == "large"] for n in networks])
    y = study(np.full(10, 0.98), noise=0.0004)
    null = estimate_effects(block_fit(y), contrasts, 0.95)[0]
    y = y + large * (1.3 * (null.upper - null.estimate) - null.estimate)  # 1.3 half-widths; overlap: 1.48
    analyses = analyse(y, 10_000, 50_000)
    plain, overlap = (estimate_effects(fit, contrasts, 0.95)[0] for fit in (analyses.plain, analyses.overlap))
    wider = (overlap.upper - overlap.lower) / (plain.upper - plain.lower)
    assert wider == pytest.approx(math.sqrt(1 + 6 / 5))  # (1/6 + 1/5) / (1/6)
    assert plain.estimate == overlap.estimate
    check = check_effects(analyses, contrasts, 0.002, 0.95)[0]
    assert check.plain == Judgement(Verdict.NEGLIGIBLE, Direction.UP)
    assert check.overlap == Judgement(Verdict.SAME, Direction.NONE)
    assert check.overlap_changes
    strong = check_effects(analyse(y + 0.01 * large, 10_000, 50_000), contrasts, 0.002, 0.95)
    assert strong[0].plain == strong[0].overlap == Judgement(Verdict.BEYOND_MARGIN, Direction.UP)
    assert not strong[0].overlap_changes
    assert not strong[0].root_changes


def test_root_of_errors_changes_a_sign_that_averages_unlike_layouts():
    """1000 -> 980 errors in one layout and 16 -> 25 in the other: fewer errors, more of their roots."""
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ())}, {"small": 3, "large": 7})
    rng = np.random.default_rng(0)
    y = 1 - np.array([1000, 980, 16, 25])[:, None] / 10_000 + rng.normal(0, 1e-5, (4, 6))
    check = check_effects(analyse(y, 10_000, 50_000), planned_contrasts(networks), 0.0001, 0.95)[0]
    assert check.contrast.factor is Factor.KERNEL
    assert (check.plain.direction, check.root, check.root_changes) == (Direction.UP, Direction.DOWN, True)


def test_higher_is_better_in_all_analyses_and_memberships_are_compared():
    y = study([0.990, 0.9895, 0.950], noise=0.0006)
    analyses = analyse(y, 10_000, 50_000)
    assert all(np.argmax(fit.means) == 0 for fit in (analyses.plain, analyses.root, analyses.overlap))
    assert analyses.root.means[2] == pytest.approx(-np.sqrt((1 - y[2]) * 10_000).mean())
    first, second, last = check_networks(analyses, 0.0015, 0.95)
    assert (first.plain.within_margin, first.root.within_margin) == (True, None)
    assert (second.plain.within_margin, second.overlap.within_margin) == (True, False)
    assert second.overlap_changes
    assert not last.plain.may_be_best
    assert not last.root_changes
    assert not last.overlap_changes


def test_root_of_errors_changes_who_may_be_the_best():
    """A third network with many, widely scattered errors hides a difference that the roots show."""
    rng = np.random.default_rng(1)
    errors = np.array([100, 113, 2500])[:, None] + rng.normal(0, 1, (3, 6)) * np.array([1, 1, 60])[:, None]
    checks = check_networks(analyse(1 - errors / 10_000, 10_000, 50_000), 0.002, 0.95)
    assert (checks[1].plain.may_be_best, checks[1].root.may_be_best) == (True, False)
    assert [check.root_changes for check in checks] == [False, True, False]


def test_sensitivity_of_a_single_network_is_trivial():
    (check,) = check_networks(analyse(study([0.98]), 10_000, 50_000), 0.002, 0.95)
    assert not check.root_changes
    assert not check.overlap_changes
    assert check.plain == replace(check.root, within_margin=True)
