"""From the table of runs to the tables of networks and effects, and the summary of a study."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import CLASS_NAMES, TRAIN_IMAGES
from mnist_cnn.core.params import Criteria, Params, Recipe
from mnist_cnn.documents import Run, StudySummary
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, block_fit
from mnist_cnn.statistics.choice import compare_with_best, likely_choices, predict_choices
from mnist_cnn.statistics.effects import estimate, interaction, planned_contrasts
from mnist_cnn.statistics.runs import RUN, network_columns
from mnist_cnn.statistics.statements import Statements, definite, statements

COLLAPSED_BELOW = (
    0.2  # a constant prediction is right in at most 11.4 % of MNIST; a trained network, above 90 %
)
MIN_ERROR_SD = 1e-12  # of accuracies; smaller residuals are rounding errors


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a study.

    Attributes:
        networks: One row per network, in the order of params.yaml; accuracies as fractions.
        effects: One row per effect; fractions.
        summary: What holds for the study as a whole.
        statements: About effects and networks, those that are undecided included.
    """

    networks: pd.DataFrame
    effects: pd.DataFrame
    summary: StudySummary
    statements: Statements


def analyse(runs: pd.DataFrame, params: Params) -> Study:
    """Analyses a study; the functions of `effects` and `choice` name hypotheses, pairing and sources.

    A network with a collapsed run (accuracy below 0.2) is left out of the fit, the effects and the choice:
    its tier is undecided, its means are those of its other runs, and it has no intervals. With one fold the
    error cannot be estimated: there are no intervals, everything is undecided, and nothing is chosen.

    Args:
        runs: One row per run, of every network with every seed and fold; accuracies as counts of images.
            Losses, training accuracies and test counts may be missing.
        params: The grid, the criteria, and how the networks were trained.

    Raises:
        UserError: Every network has a collapsed run, or the error variance is zero.
    """
    networks, criteria = params.networks(), params.criteria
    assert len(runs) == len(networks) * runs.seed.nunique() * runs.fold.nunique(), "a complete grid"
    collapsed = _collapsed(runs)
    compared = [network for network in networks if network.name not in set(runs.network[collapsed])]
    fit = _fit(runs, compared)
    comparison, effects = assess(fit, compared, criteria)
    found = statements(comparison, effects)
    images = int(runs.validation_images.max())
    without_overlap = replace(fit, variance_factor=1 / fit.folds + images / (TRAIN_IMAGES - images))
    wider = statements(*assess(without_overlap, compared, criteria))
    shares = predict_choices(fit, compared, criteria)
    likely = likely_choices(shares)
    table = _tabulate(runs, networks, comparison, criteria)
    table["repeat_share"] = [shares.get(name, 0.0) for name in table.network]
    table["likely"] = table.network.isin(likely)
    summary = StudySummary(
        networks=len(networks),
        runs=len(runs),
        collapsed=tuple(map(Run.model_validate, runs.loc[collapsed, RUN].to_dict("records"))),
        seeds=tuple(runs.seed.unique().tolist()),
        folds=tuple(runs.fold.unique().tolist()),
        target=criteria.target_accuracy,
        margin=criteria.margin,
        confidence=criteria.confidence,
        half_width=fit.gap_half_width(criteria.confidence) if fit.df else None,
        chosen=next(iter(table.network[table.chosen]), None),
        most_accurate=_most_accurate(fit, compared).name,
        good=tuple(table.network[table.tier == "good"]),
        undecided=tuple(table.network[table.tier == "undecided"]),
        worse=tuple(table.network[table.tier == "worse"]),
        interaction=interaction(fit, compared, criteria.margin, criteria.confidence),
        likely_choices=likely,
        definite=definite(found),
        sensitive=tuple(name for name in definite(found) if wider[name][0] == "undecided"),
        recipe=Recipe(**params.train.model_dump(include=set(Recipe.model_fields))),
        models=params.models,
        dataset=params.data.dataset,
        classes=CLASS_NAMES[params.data.dataset],
    )
    return Study(table, effects, summary, found)


def assess(
    fit: BlockFit, networks: Sequence[Network], criteria: Criteria
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compares the networks (`compare_with_best`) and estimates the planned effects (`estimate`) of a fit."""
    contrasts = planned_contrasts(networks)
    effects = estimate(fit, networks, contrasts, criteria.margin, criteria.confidence)
    return compare_with_best(fit, networks, criteria), effects


def effects_on_time(times: pd.DataFrame, networks: Sequence[Network], confidence: float) -> pd.DataFrame:
    """Estimates the planned effects on log CPU seconds; exponentiated, they are ratios of seconds.

    Null hypothesis of each: high and low take equally long. Pairing: within folds, layouts and the other
    factors. The intervals are simultaneous; they are NaN with one fold.

    Args:
        times: One row per run, complete, in any order: network, fold, training_seconds.
        networks: The grid.
        confidence: Of all intervals simultaneously.

    Returns:
        The table of `estimate`, in log seconds, without verdicts: no margin is set for times.
    """
    logs = np.log(times.training_seconds).groupby([times.network, times.fold]).mean().unstack()
    fit = block_fit(logs.loc[[network.name for network in networks]].to_numpy())
    effects = estimate(fit, networks, planned_contrasts(networks), math.inf, confidence)
    return effects.drop(columns="verdict")


def _fit(runs: pd.DataFrame, networks: Sequence[Network]) -> BlockFit:
    """Fits the means over the seeds; refuses runs that allow no comparison."""
    if not networks:
        raise UserError("every network has a collapsed run: choose a smaller train.learning_rate")
    fit = block_fit(_fold_means(runs).loc[[network.name for network in networks]].to_numpy())
    if fit.mse <= MIN_ERROR_SD**2:
        raise UserError(
            f"zero error variance: {len(networks)} networks differ by the same amounts in each of {fit.folds}"
            " folds, so no interval can be trusted: check that the runs are no copies, or add to train.folds"
        )
    return fit


def _most_accurate(fit: BlockFit, networks: Sequence[Network]) -> Network:
    means = dict(zip(networks, np.round(fit.means, DECIMALS).tolist(), strict=True))
    return min(networks, key=lambda network: (-means[network], network.multiply_accumulates))


def _tabulate(
    runs: pd.DataFrame, networks: Sequence[Network], comparison: pd.DataFrame, criteria: Criteria
) -> pd.DataFrame:
    """Joins the means of all networks with the comparison of those that have no collapsed run."""
    rows = [_measure(network, runs[runs.network == network.name], criteria) for network in networks]
    table = pd.DataFrame(rows).merge(comparison, how="left", on="network")
    return table.fillna({"tier": "undecided", "chosen": False}).astype({"chosen": bool})


def _measure(network: Network, runs: pd.DataFrame, criteria: Criteria) -> dict[str, Any]:
    """Averages the runs of a network that did not collapse; their shares of the test images are disjoint."""
    valid = runs[~_collapsed(runs)]
    row = network_columns(network) | {"runs": len(runs), "collapsed": len(runs) - len(valid)}
    if valid.empty:
        return row
    row["accuracy"] = float(block_fit(_fold_means(valid).to_numpy()).means[0])
    means = ("validation_loss", "train_accuracy")
    row |= {name: math.fsum(valid[name]) / len(valid) for name in means if name in valid}
    if "test_correct" in valid:
        correct, images = int(valid.test_correct.sum()), int(valid.test_images.sum())
        wilson = stats.binomtest(correct, images).proportion_ci(criteria.confidence, method="wilson")
        row |= {"test_accuracy": correct / images, "test_low": wilson.low, "test_high": wilson.high}
    return row


def _collapsed(runs: pd.DataFrame) -> "pd.Series[bool]":
    return runs.validation_correct < COLLAPSED_BELOW * runs.validation_images


def _fold_means(runs: pd.DataFrame) -> pd.DataFrame:
    """Averages over the seeds: one row per network, one column per fold."""
    sums = runs.groupby(["network", "fold"])[["validation_correct", "validation_images"]].sum()
    return (sums.validation_correct / sums.validation_images).unstack()
