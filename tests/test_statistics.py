"""The block model, its intervals and tables: hand values, printed tables, statsmodels, simulation."""

import math
from itertools import product
from time import process_time

import numpy as np
import pytest
from scipy import stats

from mnist_cnn.statistics.anova import anova
from mnist_cnn.statistics.blocks import (
    StudyError,
    block_fit,
    bonferroni_critical,
    contrast_intervals,
    detectable_difference,
    folds_needed,
    goal_bounds,
    mean_intervals,
    overlap_factor,
)
from mnist_cnn.statistics.comparisons import best_critical, compare_with_best, tukey_critical, tukey_pairs
from mnist_cnn.statistics.observations import accuracies, seconds

LAYOUTS, KERNELS = [f"layout{i}" for i in range(5)], ["large", "medium", "small"]
CELLS = list(product(LAYOUTS, KERNELS))


def study(networks=15, folds=6, seed=0, noise=0.0007, means=0.99):
    """Networks with the given true means, a fold effect twice as large as the error."""
    rng = np.random.default_rng(seed)
    errors = rng.normal(0, noise, (networks, folds)) + rng.normal(0, 2 * noise, folds)
    return np.broadcast_to(means, networks)[:, None] + errors


def pairwise_weights(networks):
    weights = np.zeros((networks - 1, networks))
    weights[:, 0] = -1
    weights[np.arange(networks - 1), np.arange(1, networks)] = 1
    return weights


# Hand values


def test_fit_by_hand():
    fit = block_fit(np.array([[1.0, 2.0], [3.0, 6.0]]))  # residuals ±0.5
    assert fit.means.tolist() == [1.5, 4.5]
    assert (fit.sum_squares, fit.df, fit.mse) == (1.0, 1, 1.0)
    assert fit.mean_error == pytest.approx(math.sqrt(1 / 2))
    estimate, half = contrast_intervals(fit, np.array([[-1.0, 1.0]]), 0.95)
    assert estimate[0] == 3
    assert half[0] == pytest.approx(12.706, abs=1e-3)  # t table, 1 df; standard error sqrt(2 * 1/2)


def test_anova_by_hand():
    rows = {row.term: row for row in anova(np.array([[1.0, 2.0], [3.0, 6.0]]), ["a", "b"], ["k", "k"])}
    assert list(rows) == ["layout", "fold", "error"]  # one kernel: nothing to say about it
    assert [rows[term].sum_squares for term in rows] == [9, 4, 1]
    assert [rows[term].f for term in rows] == [9, 4, None]
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    assert rows["layout"].p == pytest.approx(0.2048, abs=1e-4)  # F(1, 1) = t² and t = 3


def test_mean_intervals_include_the_folds_and_pool_the_networks():
    y = np.array([[1.0, 2, 3], [5, 7, 9]])  # variances 1 and 4, pooled 2.5
    lower, upper = mean_intervals(y, 0.95)
    half = 4.3027 * math.sqrt(2.5 / 3)  # t table, 2 df
    assert lower == pytest.approx([2 - half, 7 - half], abs=1e-3)
    assert upper == pytest.approx([2 + half, 7 + half], abs=1e-3)
    assert goal_bounds(y, 0.95)[0] == pytest.approx(2 - 2.9200 * math.sqrt(2.5 / 3), abs=1e-3)
    alone = mean_intervals(y[:1], 0.95)
    assert alone[1][0] - alone[0][0] == pytest.approx(2 * 4.3027 * math.sqrt(1 / 3), abs=1e-3)


def test_best_comparison_by_hand():
    y = study(3, 6, means=np.array([0.980, 0.990, 0.991]))
    fit = block_fit(y)
    best = compare_with_best(fit, 0.95)
    half = 2.150614 * math.sqrt(2 * fit.mse / 6)  # 3 networks, 10 degrees of freedom
    a, b, c = fit.means
    assert best.difference == pytest.approx([a - c, b - c, c - b])
    assert best.lower == pytest.approx([a - c - half, b - c - half, min(0, c - b - half)])
    assert best.upper == pytest.approx([0, max(0, b - c + half), c - b + half])
    assert best.may_be_best.tolist() == [False, bool(b - c + half > 0), True]
    assert best.shown_within(half + c - b + 1e-9).tolist() == [False, True, True]
    assert best.shown_within(half + c - b - 1e-9).tolist() == [False, False, True]


def test_a_lone_best_network_has_bounds_cut_at_zero():
    best = compare_with_best(block_fit(study(3, 6, means=np.array([0.97, 0.98, 0.99]))), 0.95)
    assert best.difference[2] > best.half_width
    assert (best.lower[2], *best.upper[:2]) == (0, 0, 0)
    assert best.may_be_best.tolist() == [False, False, True]


def test_overlap_factor_and_folds_needed_by_hand():
    assert overlap_factor(6, 10_000, 50_000) == pytest.approx(1 / 6 + 1 / 5)
    assert folds_needed(6, 0.0012, 0.0008) == 14  # 6 * 1.5² = 13.5
    assert folds_needed(4, 0.002, 0.001) == 17  # a bound that just touches the margin has not passed it


# Critical values


@pytest.mark.parametrize(
    ("folds", "tukey", "best", "bonferroni"),
    [(3, 3.707, 2.690, 2.902), (5, 3.547, 2.616, 2.793), (10, 3.460, 2.577, 2.735)],
)
def test_critical_values_of_15_networks(folds, tukey, best, bonferroni):
    df = 14 * (folds - 1)
    assert tukey_critical(15, df, 0.95) == pytest.approx(tukey, abs=6e-4)
    assert best_critical(15, df, 0.95) == pytest.approx(best, abs=6e-4)
    assert bonferroni_critical(7, df, 0.95) == pytest.approx(bonferroni, abs=6e-4)


def test_best_critical_is_dunnetts_printed_value():
    assert best_critical(3, 10, 0.95) == pytest.approx(2.150, abs=1e-3)


@pytest.mark.parametrize("df", [1, 2, 10, 5000])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
def test_critical_values_of_two_networks_are_students(df, confidence):
    assert best_critical(2, df, confidence) == pytest.approx(stats.t.ppf(confidence, df), rel=1e-5, abs=1e-9)
    assert tukey_critical(2, df, confidence) == pytest.approx(stats.t.ppf((1 + confidence) / 2, df), rel=1e-4)


@pytest.mark.parametrize(("df", "critical"), [(1, 12.7), (28, 3.707), (126, 2.735), (5000, 4.5)])
def test_detectable_difference_is_noncentral_t(df, critical):
    y = study(df + 1, 2)
    fit = block_fit(y)
    shift = detectable_difference(fit, math.sqrt(2), critical) / (math.sqrt(2) * fit.mean_error)
    assert stats.nct.sf(critical, df, shift) == pytest.approx(0.8, abs=1e-6)


def test_detectable_difference_of_the_default_grid():
    y = study(15, 5)
    fit = block_fit(y * 0.0007 / math.sqrt(block_fit(y).mse))  # residual sd 0.07 points
    pair = detectable_difference(fit, math.sqrt(2), tukey_critical(15, fit.df, 0.95))
    kernel = detectable_difference(fit, math.sqrt(2 / 5), bonferroni_critical(7, fit.df, 0.95))
    assert (round(pair, 4), round(kernel, 4)) == (0.0020, 0.0007)


# The oracle


def test_equal_to_statsmodels_on_shuffled_input():
    pandas = pytest.importorskip("pandas")
    formula = pytest.importorskip("statsmodels.formula.api")
    anova_lm = pytest.importorskip("statsmodels.stats.anova").anova_lm
    rng = np.random.default_rng(1)
    cells = [CELLS[i] for i in rng.permutation(15)]
    y = study(15, 4, seed=2, means=0.98 + rng.normal(0, 0.003, 15))
    rows = [(y[i, f], *cells[i], "/".join(cells[i]), f) for i, f in product(range(15), range(4))]
    frame = pandas.DataFrame(rows, columns=["y", "layout", "kernel", "network", "fold"]).sample(
        frac=1, random_state=3
    )
    table = anova_lm(formula.ols("y ~ C(layout)*C(kernel) + C(fold)", frame).fit())
    names = {
        "layout": "C(layout)",
        "kernel": "C(kernel)",
        "interaction": "C(layout):C(kernel)",
        "fold": "C(fold)",
        "error": "Residual",
    }
    ours = anova(y, [layout for layout, _ in cells], [kernel for _, kernel in cells])
    assert [row.term for row in ours] == list(names)
    for row in ours:
        theirs = table.loc[names[row.term]]
        assert row.df == theirs["df"]
        assert row.sum_squares == pytest.approx(theirs["sum_sq"], rel=1e-9)
        assert row.mean_square == pytest.approx(theirs["mean_sq"], rel=1e-9)
        assert row.share == pytest.approx(theirs["sum_sq"] / table["sum_sq"].sum(), rel=1e-9)
        if row.f is not None:
            assert row.f == pytest.approx(theirs["F"], rel=1e-9)
            assert row.p == pytest.approx(theirs["PR(>F)"], abs=1e-12)
    oracle = formula.ols("y ~ 0 + C(network) + C(fold, Sum)", frame).fit()
    first, second = (f"C(network)[{'/'.join(cells[i])}]" for i in (3, 8))
    test = oracle.t_test(f"{first} - {second} = 0")
    fit = block_fit(y)
    weights = np.zeros((1, 15))
    weights[0, [3, 8]] = 1, -1
    estimate, half = contrast_intervals(fit, weights, 0.95)
    assert estimate[0] == pytest.approx(float(np.squeeze(test.effect)), rel=1e-9)
    assert estimate[0] - half[0] == pytest.approx(test.conf_int()[0, 0], rel=1e-9)


# Behaviour over many studies


@pytest.mark.parametrize("folds", [3, 6])
def test_300_null_studies_make_few_false_claims(folds):
    weights = np.kron(np.eye(5)[:3] - np.eye(5)[1:4], np.ones(3) / 3)
    claims = np.zeros(3)
    for seed in range(300):
        fit = block_fit(study(15, folds, seed=seed))
        estimates, halves = contrast_intervals(fit, weights, 0.95)
        claims += [
            tukey_pairs(fit, 0.95).differ.any(),
            (np.abs(estimates) > halves).any(),
            not compare_with_best(fit, 0.95).may_be_best[0],
        ]
    shares = claims / 300
    assert ((shares >= 0.01) & (shares <= 0.09)).all(), shares


def test_300_studies_with_a_best_network_cover_the_truth():
    truth = 0.99 - np.r_[0.002, 0, 0.0004, 0.0008, np.full(11, 0.0012)]
    gap = truth - np.array([np.delete(truth, i).max() for i in range(15)])
    missed = wrongly_within = 0
    for seed in range(300):
        fit = block_fit(study(15, 3, seed=seed, means=truth))
        best = compare_with_best(fit, 0.95)
        missed += not ((best.lower <= gap) & (gap <= best.upper)).all()
        wrongly_within += best.shown_within(0.002)[0]  # exactly the margin below the best
    assert 1 <= missed <= 27
    assert wrongly_within <= 15


def test_goal_bound_covers_the_mean_with_its_confidence():
    inside = sum(goal_bounds(study(15, 4, seed=seed), 0.95)[0] <= 0.99 for seed in range(400))
    assert 0.91 <= inside / 400 <= 0.99


def test_fold_effect_and_order_change_no_difference():
    y = study(15, 4, means=0.98 + np.arange(15) * 0.001)
    rng = np.random.default_rng(5)
    rows, columns = rng.permutation(15), rng.permutation(4)
    before, weights = block_fit(y), pairwise_weights(15)
    layouts, kernels = [layout for layout, _ in CELLS], [kernel for _, kernel in CELLS]
    for changed, order in ((y + np.array([0.01, 0, 0, 0]), np.arange(15)), (y[rows][:, columns], rows)):
        after = block_fit(changed)
        assert after.mse == pytest.approx(before.mse, rel=1e-9)
        for old, new in zip(
            contrast_intervals(before, weights, 0.95),
            contrast_intervals(after, weights[:, order], 0.95),
            strict=True,
        ):
            assert new == pytest.approx(old, abs=1e-12)
        old_best, new_best = compare_with_best(before, 0.95), compare_with_best(after, 0.95)
        for name in ("difference", "lower", "upper", "may_be_best"):
            assert getattr(new_best, name) == pytest.approx(getattr(old_best, name)[order], abs=1e-12)
        assert tukey_pairs(after, 0.95).half_width == pytest.approx(
            tukey_pairs(before, 0.95).half_width, rel=1e-9
        )
        assert tukey_pairs(after, 0.95).differ.sum() == tukey_pairs(before, 0.95).differ.sum()
        old_rows = anova(y, layouts, kernels)
        new_rows = anova(changed, [layouts[i] for i in order], [kernels[i] for i in order])
        for old_row, new_row in zip(old_rows, new_rows, strict=True):
            if old_row.term not in ("fold", "error"):
                assert (old_row.f, old_row.sum_squares) == pytest.approx(
                    (new_row.f, new_row.sum_squares), rel=1e-9
                )


# Edges


def test_pairs_with_one_network_are_among_all_pairs():
    fit = block_fit(study(6, 3, means=0.99 - np.arange(6) * 0.001))
    every, some = tukey_pairs(fit, 0.95), tukey_pairs(fit, 0.95, with_network=2)
    assert len(every.first) == 15
    assert (some.first == 2).all()
    assert some.second.tolist() == [0, 1, 3, 4, 5]
    assert some.half_width == every.half_width
    assert every.half_width == pytest.approx(math.sqrt(2 * fit.mse / 3) * tukey_critical(6, 10, 0.95))
    assert (every.difference > 0).all()  # means fall with the index
    assert some.difference[:2].max() < 0 < some.difference[2:].min()
    assert every.differ.tolist() == (every.difference > every.half_width).tolist()


def test_one_network_has_a_mean_and_nothing_to_differ_from():
    y = study(1, 6)
    fit, best = block_fit(y), compare_with_best(block_fit(y), 0.95)
    assert (fit.df, len(tukey_pairs(fit, 0.95).first)) == (0, 0)
    assert best.may_be_best.tolist() == best.shown_within(0.001).tolist() == [True]
    assert anova(y, ["a"], ["k"]) == ()
    assert mean_intervals(y, 0.95)[0] < y.mean()
    with pytest.raises(StudyError, match="one network"):
        _ = fit.mse


def test_two_networks_on_two_folds_work():
    fit = block_fit(np.array([[0.97, 0.98], [0.975, 0.987]]))
    assert fit.df == 1
    assert tukey_pairs(fit, 0.95).half_width == pytest.approx(
        12.706 * fit.mean_error * math.sqrt(2), rel=1e-3
    )


def test_ties_share_the_first_place():
    y = study(4, 6)
    y[1] = y[0] = y.max(axis=0) + 0.01
    best = compare_with_best(block_fit(y), 0.95)
    assert best.difference[:2].tolist() == [0, 0]
    assert best.may_be_best.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "use", [block_fit, lambda y: mean_intervals(y, 0.95), lambda y: goal_bounds(y, 0.95)]
)
def test_one_fold_is_refused(use):
    with pytest.raises(StudyError, match=r"one fold.*train\.folds"):
        use(study(4, 1))


@pytest.mark.parametrize("y", [np.full((3, 4), 0.99), np.add.outer([0.97, 0.98, 0.99], [0.0, 0.001, 0.0023])])
def test_zero_error_variance_is_refused(y):
    with pytest.raises(StudyError, match="zero error variance"):
        block_fit(y)


def test_1000_networks_on_six_folds_take_seconds():
    start = process_time()
    fit = block_fit(study(1000, 6))
    pairs, best = tukey_pairs(fit, 0.95), compare_with_best(fit, 0.95)
    anova(study(1000, 6), [f"l{i // 10}" for i in range(1000)], [f"k{i % 10}" for i in range(1000)])
    assert len(pairs.first) == 499_500
    assert np.isfinite([pairs.half_width, *best.lower, *best.upper]).all()
    assert process_time() - start < 20


# Observations


NETWORKS, FOLDS = ["a-small", "b-small"], [0, 2]
GOOD = {("a-small", 0): 0.98, ("a-small", 2): 0.97, ("b-small", 0): 0.99, ("b-small", 2): 0.985}


def test_observations_are_put_in_the_order_asked_for():
    shuffled = {("old-small", 0): 0.1, **dict(reversed(GOOD.items()))}
    assert accuracies(shuffled, NETWORKS, FOLDS).tolist() == [[0.98, 0.97], [0.99, 0.985]]
    assert seconds(shuffled, NETWORKS, FOLDS[::-1]).tolist() == [[0.97, 0.98], [0.985, 0.99]]


@pytest.mark.parametrize(
    ("read", "change", "words"),
    [
        (accuracies, {("b-small", 2): None}, r"no accuracy for 1 of 4 runs: b-small fold 2"),
        (
            seconds,
            {("a-small", 0): None, ("b-small", 2): None},
            r"seconds for 2 .*a-small fold 0, b-small fold 2",
        ),
        (accuracies, {("a-small", 2): 0.1135}, r"1 of 4 runs collapsed .*50%.*: a-small fold 2:"),
        (accuracies, {("a-small", 0): 0.1, ("b-small", 0): 0.2}, r"2 of 4 .*a-small fold 0, b-small fold 0:"),
        (accuracies, {("a-small", 2): math.nan}, r"from 0 to 1, not nan: a-small fold 2"),
        (accuracies, {("a-small", 2): 98.7}, r"from 0 to 1, not 98.7: a-small fold 2"),
        (seconds, {("b-small", 0): 0.0}, r"above 0, not 0.0: b-small fold 0"),
        (seconds, {("b-small", 0): math.nan}, r"above 0, not nan: b-small fold 0"),
    ],
)
def test_bad_observations_are_refused_by_name(read, change, words):
    cells = {cell: value for cell, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(StudyError, match=words) as caught:
        read(cells, NETWORKS, FOLDS)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_long_list_of_missing_runs_stays_one_line():
    with pytest.raises(StudyError, match=r"for 40 of 40 runs: .* and 28 more"):
        accuracies({}, [f"n{i}" for i in range(20)], FOLDS)
