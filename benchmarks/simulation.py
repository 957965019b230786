"""Simulated pairs of studies: how often statements are false or contradict each other, and choices repeat."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria, Params
from mnist_cnn.core.paths import PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.statistics import study
from mnist_cnn.statistics.blocks import BlockFit, FloatArray, block_fit
from mnist_cnn.statistics.choice import NO_CHOICE, likely_choices, predict_choices
from mnist_cnn.statistics.effects import interaction
from mnist_cnn.statistics.study import Statements

PAIRS, FOLDS, IMAGES = 1_000, 6, 10_000  # pairs of studies per situation; folds, and images in each
RUN_SD, NETWORK_FOLD_SD, FOLD_SD = 0.00085, 0.00031, 0.0012
SCATTER_SD = 0.0004  # of the true accuracies around those of the committed study
BINS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of predicted shares
GOALS = {
    "a definite statement contradicts the other study's": "≤ 0.1 %",
    "a statement is false: effects": "≤ 5 %",
    "a statement is false: tiers": "≤ 5 %",
    "a statement is false: kernel within layouts": "≤ 5 %",
    "the chosen network truly loses more than the margin": "≤ 1 %",
    "the 90 % set contains the other study's choice": "≥ 90 %",
    "networks in the 90 % set": "≤ 3.5",
}
Rows = Sequence[Sequence[str]]


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Formats a table as Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


class SimulatedStudy(NamedTuple):
    """Statements of a simulated study, its choice, and the choices that it predicts of a repeat."""

    effects: Statements
    tiers: Statements
    kernel_by_layout: Statements
    chosen: str
    shares: dict[str, float]


class Case(NamedTuple):
    """A simulated study, a repeat of it, and the true effects and gaps to the best network by statement."""

    study: SimulatedStudy
    repeat: SimulatedStudy
    truth: dict[str, float]


def simulate_fit(truth: FloatArray, rng: np.random.Generator) -> BlockFit:
    """Draws the counts of a study with one seed around true accuracies of shape (networks,), and fits it."""
    shape = len(truth), FOLDS
    own = rng.normal(0, RUN_SD, shape) + rng.normal(0, NETWORK_FOLD_SD, shape)
    return block_fit(np.round((truth[:, None] + (own + rng.normal(0, FOLD_SD, FOLDS))) * IMAGES) / IMAGES)


def analyse_fit(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> SimulatedStudy:
    """Analyses a simulated study as `analyse` does a real one."""
    comparison, effects = study.assess(fit, networks, criteria)
    test = interaction(fit, networks, criteria.margin, criteria.confidence)
    return SimulatedStudy(
        study.statements(comparison[:0], effects),
        study.statements(comparison, effects[:0]),
        {one.model: (one.verdict, one.direction) for one in test.by_layout} if test else {},
        next(iter(comparison.network[comparison.chosen]), NO_CHOICE),
        predict_choices(fit, networks, criteria),
    )


def simulate_pair(
    truth: FloatArray, networks: Sequence[Network], criteria: Criteria, rng: np.random.Generator
) -> tuple[Case, Case]:
    """Simulates two studies with the same true accuracies, of shape (networks,); each repeats the other."""
    fits = [simulate_fit(truth, rng) for _ in range(2)]
    exact = replace(fits[0], means=truth)
    _, effects = study.assess(exact, networks, criteria)
    test = interaction(exact, networks, criteria.margin, criteria.confidence)
    values = dict(zip(effects.effect, effects.estimate, strict=True))
    values |= {one.model: one.estimate for one in test.by_layout} if test else {}
    values |= {f"tier {n.name}": gap for n, gap in zip(networks, truth - truth.max(), strict=True)}
    rounded = {name: round(float(value), 9) for name, value in values.items()}
    first, second = (analyse_fit(fit, networks, criteria) for fit in fits)
    return Case(first, second, rounded), Case(second, first, rounded)


def is_false(verdict: str, direction: int, truth: float, margin: float) -> bool:
    """Whether a statement, or its direction, is false, given a true effect or gap to the best network."""
    wrong = {
        "more": abs(truth) <= margin,
        "at_most": abs(truth) > margin,
        "good": truth < -margin,
        "worse": truth >= -margin,
    }
    return wrong.get(verdict, False) or (direction != 0 and direction * truth <= 0)


def measure(case: Case, margin: float) -> dict[str, float]:
    """Returns numbers whose means say how well statements and choices hold."""
    first, repeat, truth = case
    likely = likely_choices(first.shares)

    def any_false(statements: Statements) -> bool:
        return any(is_false(*statements[name], truth[name], margin) for name in statements)

    def both(one: SimulatedStudy) -> Statements:
        return {**one.effects, **one.tiers}

    return {
        "a definite statement contradicts the other study's": bool(
            study.contradictions(both(first), both(repeat))
        ),
        "a statement is false: effects": any_false(first.effects),
        "a statement is false: tiers": any_false(first.tiers),
        "a statement is false: kernel within layouts": any_false(first.kernel_by_layout),
        "the chosen network truly loses more than the margin": truth.get(f"tier {first.chosen}", 0) < -margin,
        "no network is chosen": first.chosen == NO_CHOICE,
        "both choose the same network": first.chosen == repeat.chosen,
        "the 90 % set contains the other study's choice": repeat.chosen in likely,
        "the 90 % set contains the study's own choice": first.chosen in likely,
        "networks in the 90 % set": len(likely),
        "definite effects": len(study.definite(first.effects)),
        "definite tiers": len(study.definite(first.tiers)),
    }


def calibration(cases: Sequence[Case]) -> Rows:
    """Compares predicted shares with how often the repeat makes that choice, in bins of the share."""
    pairs = [
        (share, name == case.repeat.chosen) for case in cases for name, share in case.study.shares.items()
    ]
    table = pd.DataFrame(pairs, columns=["predicted", "chosen"])
    bins = table.groupby(pd.cut(table.predicted, BINS, right=False), observed=True)
    return [
        [f"{low:.1f} to {high:.1f}", str(len(some)), *(f"{mean:.2f}" for mean in some.mean())]
        for (low, high), some in (((one.left, one.right), some) for one, some in bins)
    ]


def simulated(params: Params) -> str:
    """Simulates pairs of studies in three situations; returns their tables as Markdown."""
    networks, criteria, path = params.networks(), params.criteria, PLOTS / "networks.csv"
    table = read_table(path)
    if table.network.tolist() != [network.name for network in networks]:
        raise UserError(f"{path} is of another grid: run `dvc repro`")
    means, rng = table.accuracy.to_numpy(), np.random.default_rng(0)
    situations: dict[str, Callable[[], FloatArray]] = {
        "as seen": lambda: means,
        "scattered": lambda: means + rng.normal(0, SCATTER_SD, len(means)),
        "no difference": lambda: np.full(len(means), means.mean()),
    }
    cases = {
        name: [case for _ in range(PAIRS) for case in simulate_pair(truth(), networks, criteria, rng)]
        for name, truth in situations.items()
    }
    measured = pd.DataFrame(
        {
            name: pd.DataFrame([measure(case, criteria.margin) for case in some]).mean()
            for name, some in cases.items()
        }
    )
    rows = [[name, GOALS.get(name, ""), *map(_number, values)] for name, *values in measured.itertuples()]
    introduction = (
        f"{PAIRS:,} pairs of studies per column, with one seed and {FOLDS} folds each. True values: the means"
        f" of `{path}`; scattered around them by {100 * SCATTER_SD:.2f} points, anew for each pair; all"
        f" equal. Standard deviations of the noise: {100 * RUN_SD:.3f} points within a cell,"
        f" {100 * NETWORK_FOLD_SD:.3f} network × fold, {100 * FOLD_SD:.2f} fold."
    )
    shares = (
        "Predicted shares of a choice, and how often the other study makes it (scattered true values; goal:"
        " within 0.07):"
    )
    first = markdown(["share or mean", "goal", *situations], rows)
    second = markdown(["predicted", "cases", "mean", "chosen"], calibration(cases["scattered"]))
    return "\n\n".join([introduction, first, shares, second])


def _number(value: float) -> str:
    return f"{value:.1f}" if value > 1 else f"{100 * value:.2f} %"
