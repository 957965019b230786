"""Contrasts, verdicts and the interaction: hand values, and statsmodels on shuffled input."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formula
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.anova import anova_lm

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Params
from mnist_cnn.documents import Interaction
from mnist_cnn.statistics.blocks import BlockFit, block_fit
from mnist_cnn.statistics.effects import (
    estimate,
    interaction,
    interaction_residuals,
    planned_contrasts,
    verdict,
)
from tests.support.studies import KERNELS, MODELS, Layers, grid, simulate_fold_means

NETWORKS = grid().networks()
TWO_KERNELS = {"small": 3, "large": 7}


def estimate_all(fit: BlockFit, networks: tuple[Network, ...] = NETWORKS) -> pd.DataFrame:
    return estimate(fit, networks, planned_contrasts(networks), 0.002, 0.95).set_index("effect")


def interaction_of(
    fold_means: NDArray[np.float64], networks: tuple[Network, ...] = NETWORKS
) -> Interaction | None:
    return interaction(block_fit(fold_means), networks, 0.002, 0.95)


def test_fit_effects_and_interaction_equal_statsmodels_on_shuffled_input() -> None:
    rng = np.random.default_rng(1)
    networks = tuple(NETWORKS[index] for index in rng.permutation(15))
    fold_means = simulate_fold_means(0.98 + rng.normal(0, 0.003, 15), folds=4, seed=2)
    frame = pd.DataFrame(
        [
            {"y": fold_means[i, fold], "model": n.model, "kernel": n.kernel, "name": n.name, "fold": fold}
            for (i, n), fold in product(enumerate(networks), range(4))
        ]
    ).sample(frac=1, random_state=3)
    fit, found = block_fit(fold_means), interaction_of(fold_means, networks)
    oracle = anova_lm(formula.ols("y ~ C(model)*C(kernel) + C(fold)", frame).fit())
    assert found is not None
    assert (fit.df, found.df1, found.df2) == (oracle.loc["Residual", "df"], 8, 42)
    assert fit.mse == pytest.approx(oracle.loc["Residual", "mean_sq"], rel=1e-9)
    assert found.f == pytest.approx(oracle.loc["C(model):C(kernel)", "F"], rel=1e-9)
    assert found.p == pytest.approx(oracle.loc["C(model):C(kernel)", "PR(>F)"], rel=1e-6)
    one = estimate(fit, networks, planned_contrasts(networks)[:1], 0.002, 0.95).iloc[0]
    model = formula.ols("y ~ 0 + C(name) + C(fold, Sum)", frame).fit()
    names = {kernel: [f"C(name)[{n.name}]" for n in networks if n.kernel == kernel] for kernel in KERNELS}
    test = model.t_test(f"({' + '.join(names['medium'])} - {' - '.join(names['small'])}) / 5 = 0")
    assert one.estimate == pytest.approx(float(np.squeeze(test.effect)), rel=1e-9)
    assert [one.lower, one.upper] == pytest.approx(np.squeeze(test.conf_int()), rel=1e-7)


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
        ({"a": ((16,), ()), "b": ((32,), ())}, {"only": 3}, []),  # the width is not a number of layers
        ({"a": ((16,), (64,)), "b": ((16,), (64, 32)), "c": ((16,), ())}, {"only": 3},
         ["linear 2-1", "linear 3-2"]),
        (MODELS, {f"k{size}": size for size in range(1, 28, 2)},  # eight of nineteen, in turn
         ["kernel k3-k1", "kernel k5-k3", "kernel k7-k5", "kernel k9-k7", "kernel k27-k1",
          "conv 2-1", "conv 3-2", "linear 2-1"]),
    ],
)  # fmt: skip
def test_contrasts_follow_from_any_grid(models: Layers, kernels: dict[str, int], expected: list[str]) -> None:
    networks = grid(models, kernels).networks()
    fit = block_fit(simulate_fold_means(np.full(len(networks), 0.98)))
    assert estimate_all(fit, networks).index.tolist() == expected


def test_contrasts_are_mean_differences_over_matched_layouts() -> None:
    means = np.random.default_rng(0).normal(0.985, 0.003, 15)
    m = means.reshape(5, 3)
    table = estimate_all(block_fit(np.repeat(means[:, None], 6, axis=1)))
    expected = {
        "kernel medium-small": (m[:, 1] - m[:, 0]).mean(),
        "kernel large-medium": (m[:, 2] - m[:, 1]).mean(),
        "kernel large-small": (m[:, 2] - m[:, 0]).mean(),
        "conv 2-1": (m[2:4] - m[:2]).mean(),
        "conv 3-2": (m[4] - m[3]).mean(),
        "linear 2-1": (m[[1, 3]] - m[[0, 2]]).mean(),
    }
    assert table.estimate.to_dict() == pytest.approx(expected, abs=1e-12)
    assert table.layouts.tolist() == [5, 5, 5, 2, 1, 2]
    row = table.loc["conv 3-2", ["factor", "high", "low", "high_value", "low_value"]]
    assert row.tolist() == ["conv", "3", "2", 3, 2]


def test_intervals_are_bonferroni_over_the_family() -> None:
    fit = block_fit(simulate_fold_means(np.full(15, 0.98)))
    conv = estimate_all(fit).loc["conv 3-2"]
    half = stats.t.ppf(1 - 0.05 / 12, 70) * math.sqrt(fit.mse / 6 * (1 / 3 + 1 / 3))
    assert (conv.upper - conv.estimate, conv.estimate - conv.lower) == pytest.approx((half, half))


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (2.1, 3.0, ("more", 1)),
        (2.0, 3.0, ("undecided", 1)),  # an end at the margin shows nothing
        (0.1, 2.1, ("undecided", 1)),
        (0.1, 1.9, ("at_most", 1)),
        (0.0, 1.9, ("at_most", 0)),
        (-1.9, 1.9, ("at_most", 0)),
        (-1.9, 2.0, ("undecided", 0)),
        (-5.0, 5.0, ("undecided", 0)),
        (math.nan, math.nan, ("undecided", 0)),
    ],
)
def test_verdicts_at_their_borders_and_mirrored(
    lower: float, upper: float, expected: tuple[str, int]
) -> None:
    assert verdict(lower, upper, 2) == expected
    assert verdict(-upper, -lower, 2) == (expected[0], -expected[1])


def test_a_verdict_does_not_depend_on_the_last_bit() -> None:
    assert verdict(0.1 + 0.2, 1, 0.3) == verdict(0.3, 1, 0.3) == ("undecided", 1)


@pytest.mark.parametrize(
    ("kernel_effects", "matters"),
    [
        ([0.004] * 5, False),  # the same
        ([0.005, 0.004, 0.004, 0.004, 0.0], True),  # more than the margin here, at most the margin there
        ([0.004, 0.004, 0.004, 0.004, -0.004], True),  # opposite
        ([0.009, 0.008, 0.006, 0.006, 0.005], False),  # different, but on the same side
    ],
)
def test_interaction_matters_where_sides_differ(kernel_effects: list[float], matters: bool) -> None:
    large = np.array([network.kernel == "large" for network in NETWORKS])
    found = interaction_of(simulate_fold_means(0.98 + np.repeat(kernel_effects, 3) * large, noise=0.0004))
    assert found is not None
    assert found.matters is matters
    assert (found.p < 0.05) == (len(set(kernel_effects)) > 1)
    assert [row.model for row in found.by_layout] == list(MODELS)
    for row, truth in zip(found.by_layout, kernel_effects, strict=True):
        assert row.lower < truth < row.upper


def test_sides_that_differ_do_not_matter_where_the_test_does_not_reject() -> None:
    networks = grid({f"m{i}": ((8 + i,), ()) for i in range(14)}, TWO_KERNELS).networks()
    noise = simulate_fold_means(np.zeros(28))
    noise -= noise.mean(axis=1, keepdims=True)
    (contrast,) = planned_contrasts(networks)
    alone = [replace(contrast, pairs=(pair,)) for pair in contrast.pairs]
    row = estimate(block_fit(noise), networks, alone, 0.002, 0.95).iloc[0]
    half = row.upper - row.estimate
    effects = half * np.r_[1.01, -1.01, np.zeros(12)]  # shown in two layouts, in opposite directions
    found = interaction_of(noise + (np.repeat(effects / 2, 2) * np.tile([-1, 1], 14))[:, None], networks)
    assert found is not None
    assert {one.direction for one in found.by_layout} == {-1, 0, 1}
    assert found.p > 0.05
    assert not found.matters


def test_interaction_of_two_by_two_has_one_degree_of_freedom() -> None:
    networks = grid({"a": ((8,), ()), "b": ((8, 8), ())}, TWO_KERNELS).networks()
    found = interaction_of(simulate_fold_means([0.98, 0.985, 0.98, 0.98]), networks)
    assert found is not None
    assert found.df1 == 1
    assert found.p < 0.05


@pytest.mark.parametrize("params", [grid(kernels={"only": 3}), grid({"a": ((8,), ())})])
def test_no_interaction_without_two_layouts_and_two_kernels(params: Params) -> None:
    networks = params.networks()
    assert interaction_of(simulate_fold_means(np.full(len(networks), 0.98)), networks) is None


def test_layouts_that_lack_a_kernel_are_left_out_of_the_interaction() -> None:
    fold_means = simulate_fold_means(np.linspace(0.98, 0.99, 15) ** 2)
    residuals, df = interaction_residuals(block_fit(fold_means[:-1]), NETWORKS[:-1])
    complete, _ = interaction_residuals(block_fit(fold_means[:12]), NETWORKS[:12])
    assert residuals.tolist() == pytest.approx([*complete, 0, 0])
    assert df == 6
