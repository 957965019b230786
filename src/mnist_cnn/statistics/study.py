"""From the table of runs to the tables of networks and effects, and the facts of a study."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import TRAIN_IMAGES
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics.blocks import DECIMALS, BlockFit, block_fit
from mnist_cnn.statistics.choice import predict, smallest_set, stand
from mnist_cnn.statistics.effects import estimate, interaction, planned_contrasts

COLLAPSED_BELOW = 0.2  # of MNIST, one class for all is right in at most 11.4 %; what learned, above 90 %
ROUNDING = 1e-12  # of accuracies: residuals below are floating-point noise
LAYERS = [
    "model",
    "kernel",
    "kernel_size",
    "conv_layers",
    "linear_layers",
    "parameters",
    "multiply_accumulates",
]
Statements = Mapping[str, tuple[str, int]]  # (verdict or tier, direction) by name of effect or `tier NETWORK`


@dataclass(frozen=True, eq=False)
class Study:
    """What a study shows.

    Attributes:
        networks: One row a network, in the order of params.yaml; accuracies as fractions.
        effects: One row an effect; fractions.
        facts: What holds for the study as a whole; fit for JSON.
        statements: What is said of effects and networks, open statements included.
    """

    networks: pd.DataFrame
    effects: pd.DataFrame
    facts: dict[str, Any]
    statements: Statements


def statements(networks: pd.DataFrame, effects: pd.DataFrame) -> Statements:
    """Lists what is said of effects and networks, open statements included.

    Args:
        networks: With columns network, tier.
        effects: With columns effect, verdict, direction.
    """
    said = dict(zip(effects.effect, zip(effects.verdict, effects.direction, strict=True), strict=True))
    return said | {
        f"tier {name}": (tier, 0) for name, tier in zip(networks.network, networks.tier, strict=True)
    }


def definite(said: Statements) -> list[str]:
    """Names the statements whose verdict or tier is not open."""
    return [key for key, (verdict, _) in said.items() if verdict != "open"]


def contradictions(said: Statements, other: Statements) -> list[str]:
    """Names the statements that those of another study contradict.

    Both are definite and differ (more / at most the margin; good / worse), or opposite directions are shown.
    An open statement contradicts none, and neither does one on what the other study does not hold.
    """
    both = ((key, *said[key], *other[key]) for key in said if key in other)
    return [
        key
        for key, one, direction, two, direction2 in both
        if direction * direction2 < 0 or (one != two and "open" not in (one, two))
    ]


def analyse(runs: pd.DataFrame, networks: Sequence[Network], criteria: Criteria) -> Study:
    """Analyses a study; hypotheses, pairing and sources stand with the functions of `effects` and `choice`.

    A network with a collapsed run (accuracy below 0.2) is left out of the fit, the effects and the choice:
    its tier is open, its means are those of its sound runs, and it has no intervals. With one fold there is
    no error to judge by: means stand without intervals, everything is open and nothing is chosen.

    Args:
        runs: One row a run, every network with every seed and fold; accuracies as counts of images. Losses,
            training accuracy and test counts may be missing.
        networks: The grid, in the order of params.yaml.
        criteria: Target, margin and confidence.

    Raises:
        UserError: Every network has a collapsed run, or the folds differ by nothing but their level.
    """
    assert len(runs) == len(networks) * runs.seed.nunique() * runs.fold.nunique(), "a complete grid"
    fails = _collapsed(runs)
    compared = [network for network in networks if network.name not in set(runs.network[fails])]
    fit = _fit(runs, compared)
    standing, effects = judge(fit, compared, criteria)
    said = statements(standing, effects)
    images = int(runs.validation_images.max())
    overlap = replace(fit, factor=1 / fit.folds + images / (TRAIN_IMAGES - images))
    wider = statements(*judge(overlap, compared, criteria))
    sensitive = [key for key in definite(said) if wider[key][0] == "open"]
    shares = predict(fit, compared, criteria)
    rows = [
        _measured(network, runs[runs.network == network.name], criteria.confidence) for network in networks
    ]
    table = pd.DataFrame(rows).merge(standing, how="left", on="network")
    table = table.fillna({"tier": "open", "meets_target": False, "chosen": False})
    table = table.astype({"meets_target": bool, "chosen": bool})
    table["share"] = [shares.get(name, 0.0) for name in table.network]
    table["named"] = table.network.isin(smallest_set(shares))
    effects["overlap_open"] = effects.effect.isin(sensitive)
    facts = {
        "networks": len(networks),
        "runs": len(runs),
        "collapsed": runs.loc[fails, ["network", "seed", "fold"]].to_dict("records"),
        "seeds": runs.seed.unique().tolist(),
        "folds": runs.fold.unique().tolist(),
        "target": criteria.target_accuracy,
        "margin": criteria.margin,
        "confidence": criteria.confidence,
        **_facts(fit, compared, table, criteria),
        "in_set": smallest_set(shares),
        "set_share": sum(shares[name] for name in smallest_set(shares)) or None,
        "definite": definite(said),
        "sensitive": sensitive,
        "longer": None,
    }
    return Study(table, effects, facts, said)


def judge(
    fit: BlockFit, networks: Sequence[Network], criteria: Criteria
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judges networks (`stand`) and planned effects (`estimate`) by one fit of accuracies."""
    contrasts = planned_contrasts(networks)
    effects = estimate(fit, networks, contrasts, criteria.margin, criteria.confidence)
    return stand(fit, networks, criteria), effects


def effects_on_time(times: pd.DataFrame, networks: Sequence[Network], confidence: float) -> pd.DataFrame:
    """Estimates the planned effects on log CPU seconds; exponentiated, they are ratios of seconds.

    Null hypothesis of each: high and low take equally long. Pairing: within folds, layouts and the other
    factors. All intervals hold together with `confidence`; they are NaN with one fold.

    Args:
        times: One row a run: network, fold, training_seconds; complete, in any order.
        networks: The grid.
        confidence: Of the family.

    Returns:
        As `estimate`, in log seconds; no margin is set for times, so there are no verdicts.
    """
    logs = np.log(times.training_seconds).groupby([times.network, times.fold]).mean().unstack()
    fit = block_fit(logs.loc[[network.name for network in networks]].to_numpy())
    effects = estimate(fit, networks, planned_contrasts(networks), math.inf, confidence)
    return effects.drop(columns="verdict")


def _fit(runs: pd.DataFrame, networks: Sequence[Network]) -> BlockFit:
    """Averages the seeds within each cell, and fits; refuses what allows no comparison."""
    if not networks:
        raise UserError("every network has a collapsed run: choose a smaller train.learning_rate")
    fit = block_fit(_cells(runs).loc[[network.name for network in networks]].to_numpy())
    if fit.mse <= ROUNDING**2:
        raise UserError(
            f"zero error variance: {len(networks)} networks differ by the same amounts in each of {fit.folds}"
            " folds, so no interval can be trusted: check that the runs are no copies, or add to train.folds"
        )
    return fit


def _measured(network: Network, runs: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """Averages a network's sound runs; its runs share the test images out, so they are counted together."""
    sound = runs[~_collapsed(runs)]
    row = {"network": network.name} | {key: getattr(network, key) for key in LAYERS}
    row |= {"runs": len(runs), "collapsed": len(runs) - len(sound)}
    if sound.empty:
        return row
    row["accuracy"] = float(block_fit(_cells(sound).to_numpy()).means[0])
    means = ("validation_loss", "train_accuracy")
    row |= {name: math.fsum(sound[name]) / len(sound) for name in means if name in sound}
    if "test_correct" in sound:
        right, images = int(sound.test_correct.sum()), int(sound.test_images.sum())
        wilson = stats.binomtest(right, images).proportion_ci(confidence, method="wilson")
        row |= {"test_accuracy": right / images, "test_low": wilson.low, "test_high": wilson.high}
    return row


def _collapsed(runs: pd.DataFrame) -> "pd.Series[bool]":
    return runs.validation_correct < COLLAPSED_BELOW * runs.validation_images


def _cells(runs: pd.DataFrame) -> pd.DataFrame:
    """Averages the seeds within each cell: a row a network, a column a fold."""
    sums = runs.groupby(["network", "fold"])[["validation_correct", "validation_images"]].sum()
    return (sums.validation_correct / sums.validation_images).unstack()


def _facts(
    fit: BlockFit, networks: Sequence[Network], table: pd.DataFrame, criteria: Criteria
) -> dict[str, Any]:
    """Collects what the block model shows; None where one fold allows nothing."""
    known = fit.df > 0
    means = dict(zip(networks, np.round(fit.means, DECIMALS).tolist(), strict=True))
    best = min(networks, key=lambda network: (-means[network], network.multiply_accumulates))
    tiers = {tier: table.network[table.tier == tier].tolist() for tier in ("good", "open", "worse")}
    return {
        "df": fit.df,
        "error_sd": math.sqrt(fit.mse) if known else None,
        "half_width": fit.best_half_width(criteria.confidence) if known else None,
        "chosen": next(iter(table.network[table.chosen]), None),
        "most_accurate": best.name,
        "good": tiers["good"],
        "open_tier": tiers["open"],
        "worse": tiers["worse"],
        "interaction": interaction(fit, networks, criteria.margin, criteria.confidence),
    }
