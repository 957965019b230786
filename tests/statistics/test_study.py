"""The analysis of whole studies, and its edges: collapsed runs, one fold, one network."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from mnist_cnn.core.command import UserError
from mnist_cnn.core.params import Params
from mnist_cnn.statistics.blocks import block_fit
from mnist_cnn.statistics.choice import NO_CHOICE
from mnist_cnn.statistics.effects import estimate, planned_contrasts
from mnist_cnn.statistics.statements import definite
from mnist_cnn.statistics.study import Study, analyse, effects_on_time
from tests.support.params import changed
from tests.support.studies import MODELS, grid, simulate_fold_means, tabulate_runs

FIRST_MODEL = {"conv1_linear1": MODELS["conv1_linear1"]}
GRID, TWO, ONE = (
    grid(),
    grid(FIRST_MODEL, {"small": 3, "medium": 5}, folds=2),
    grid(FIRST_MODEL, {"small": 3}),
)
MEANS = np.linspace(0.984, 0.9905, 15)


def simulate(params: Params = GRID, means: object = MEANS) -> pd.DataFrame:
    return tabulate_runs(params, simulate_fold_means(means, len(params.train.folds)))


def collapse(runs: pd.DataFrame, correct: Mapping[tuple[str, int], int]) -> Study:
    """Analyses runs of which some classify so few images correctly."""
    for (network, fold), count in correct.items():
        runs.loc[(runs.network == network) & (runs.fold == fold), "validation_correct"] = count
    return analyse(runs, GRID)


def test_summary_and_tables_agree() -> None:
    study = analyse(simulate(), GRID)
    table, summary = study.networks.set_index("network"), study.summary
    assert table.index.tolist() == [network.name for network in GRID.networks()]
    assert summary.chosen == table.index[table.chosen].item()
    assert summary.most_accurate == table.accuracy.idxmax()
    for tier in ("good", "undecided", "worse"):
        assert getattr(summary, tier) == tuple(table.index[table.tier == tier])
    assert set(summary.likely_choices) - {NO_CHOICE} == set(table.index[table.likely])
    assert table.repeat_share[table.likely].sum() >= 0.9
    assert summary.half_width == pytest.approx(float((table.gap_high - table.gap).iloc[0]))
    assert (summary.networks, summary.runs) == (15, 90)
    assert (summary.seeds, summary.folds, summary.collapsed) == ((0,), tuple(range(6)), ())
    assert summary.definite == definite(study.statements)
    assert (summary.recipe.epochs, summary.dataset) == (GRID.train.epochs, "MNIST")
    assert summary.models == GRID.models
    assert summary.classes == tuple("0123456789")


def test_seeds_are_averaged_within_a_fold() -> None:
    params = grid(seeds=(7, 3))
    first, second = (simulate_fold_means(MEANS, seed=seed).round(4) for seed in (1, 2))
    runs = tabulate_runs(params, np.hstack([first, second]))
    study = analyse(runs.sample(frac=1, random_state=5), params)
    fit = block_fit((first + second) / 2)
    assert study.networks.accuracy.tolist() == pytest.approx(fit.means)
    assert study.summary.half_width == pytest.approx(fit.gap_half_width(0.95))


def test_criteria_are_those_of_the_parameters_and_means_are_over_runs_that_did_not_collapse() -> None:
    params = changed(TWO, compare=TWO.compare.model_copy(update={"confidence": 0.9}))
    runs = simulate(params, [0.97, 0.985])
    runs.loc[[0, 1], "validation_correct"] = [2_000, 9_700]  # 20 % has not collapsed
    runs.loc[[0, 1], ["validation_loss", "train_accuracy"]] = [[0.07, 0.95], [0.05, 0.99]]
    study = analyse(runs, params)
    summary, row = study.summary, study.networks.iloc[0]
    assert (summary.target, summary.margin, summary.confidence) == (0.98, 0.002, 0.9)
    assert summary.collapsed == ()
    assert summary.half_width is not None  # one degree of freedom suffices
    assert [row.accuracy, row.validation_loss, row.train_accuracy] == pytest.approx([0.585, 0.06, 0.97])
    correct, images = runs.test_correct[:2].sum(), runs.test_images[:2].sum()
    assert (row.test_accuracy, images) == (correct / images, 10_000)
    assert [row.test_low, row.test_high] == pytest.approx(proportion_confint(correct, images, 0.1, "wilson"))


@pytest.mark.parametrize("margin", np.linspace(0.0005, 0.005, 10).round(4))
def test_sensitive_statements_become_undecided_without_overlap(margin: float) -> None:
    """Nadeau & Bengio 2003: 1/folds + validation/training images, which are 10,000 and 50,000."""
    params = changed(GRID, compare=GRID.compare.model_copy(update={"margin": float(margin)}))
    runs, networks = simulate(params), params.networks()
    fold_means = (runs.validation_correct / 10_000).to_numpy().reshape(15, 6)
    wider = replace(block_fit(fold_means), variance_factor=1 / 6 + 1 / 5)
    study = analyse(runs, params)
    other = estimate(wider, networks, planned_contrasts(networks), params.compare.margin, 0.95)
    expected = study.effects.effect[(study.effects.verdict != "undecided") & (other.verdict == "undecided")]
    assert [name for name in study.summary.sensitive if not name.startswith("tier")] == expected.tolist()
    assert set(study.summary.sensitive) <= set(study.summary.definite)


def test_a_collapsed_run_is_named_and_its_network_left_out() -> None:
    bad = "conv3_linear2-large"
    study = collapse(simulate(), {(bad, 2): 1_135, (bad, 4): 980})
    summary, row = study.summary, study.networks.set_index("network").loc[bad]
    assert [(run.network, run.seed, run.fold) for run in summary.collapsed] == [(bad, 0, 2), (bad, 0, 4)]
    assert (row.collapsed, row.runs, row.tier, row.repeat_share) == (2, 6, "undecided", 0)
    assert not row.chosen | row.likely
    assert math.isnan(row.accuracy_low)
    runs = simulate()
    accuracies = runs.validation_correct[runs.network == bad].to_numpy() / 10_000
    assert row.accuracy == pytest.approx(np.delete(accuracies, [2, 4]).mean())
    assert bad in summary.undecided
    assert study.effects.set_index("effect").loc["kernel large-medium"].layouts == 4
    assert summary.interaction is not None
    assert len(summary.interaction.by_layout) == 4
    assert study.networks.chosen.dtype == bool
    lost = collapse(simulate(), {(bad, fold): 1_135 for fold in range(6)})
    assert math.isnan(lost.networks.set_index("network").loc[bad].accuracy)
    with pytest.raises(UserError, match="every network has a collapsed run"):
        collapse(simulate(), {(network.name, 0): 1_000 for network in GRID.networks()})


def test_one_fold_gives_means_and_leaves_everything_undecided() -> None:
    params = grid(folds=1)
    study = analyse(simulate(params), params)
    assert study.networks.accuracy.between(0.98, 1).all()
    assert study.networks[["accuracy_low", "gap_low", "gap_high"]].isna().all(axis=None)
    assert study.effects.estimate.notna().all()
    assert study.effects[["lower", "upper"]].isna().all(axis=None)
    summary = study.summary
    assert summary.definite == summary.likely_choices == summary.good == ()
    assert summary.chosen is summary.half_width is None
    assert summary.interaction is None


def test_a_single_network_is_the_best_one() -> None:
    study = analyse(simulate(ONE, [0.985]), ONE)
    assert study.effects.empty
    assert study.summary.chosen == study.summary.most_accurate == "conv1_linear1-small"
    assert study.summary.likely_choices == ("conv1_linear1-small",)
    assert analyse(simulate(ONE, [0.979]), ONE).summary.chosen is None


def test_zero_error_variance_and_incomplete_tables_are_refused() -> None:
    params = grid(FIRST_MODEL, folds=3)
    copies = tabulate_runs(params, np.add.outer([0.97, 0.98, 0.99], [0.0, 0.001, 0.0023]))
    with pytest.raises(UserError, match=r"zero error variance: 3 .*3 folds.*train\.folds"):
        analyse(copies, params)
    with pytest.raises(AssertionError, match="complete"):
        analyse(simulate()[1:], GRID)


def test_effects_on_time_are_log_ratios() -> None:
    networks = GRID.networks()
    truth = np.log([10 * 1.8 ** (n.kernel == "large") * 2 ** (n.conv_layers - 1) for n in networks])
    times = simulate().assign(training_seconds=np.exp(simulate_fold_means(truth, noise=0.02)).reshape(-1))
    table = effects_on_time(times.sample(frac=1, random_state=0), networks, 0.95).set_index("effect")
    for name, ratio in (("kernel large-medium", 1.8), ("conv 3-2", 2), ("linear 2-1", 1)):
        row = table.loc[name]
        assert row.lower < math.log(ratio) < row.upper
        assert row.upper - row.lower < 0.1
