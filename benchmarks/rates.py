"""How often simulated statements are false or contradict each other, and how often choices repeat."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.simulation import Case, Design, estimate_noise, simulate_pair
from mnist_cnn.core.params import Params
from mnist_cnn.statistics.blocks import FloatArray
from mnist_cnn.statistics.choice import NO_CHOICE, likely_choices
from mnist_cnn.statistics.statements import Statements, contradictions, definite

PAIRS = 500  # of studies per situation
SCATTER_SD = 0.0004  # of the true accuracies around those of the committed study
BINS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.001)  # of predicted shares
CONTRADICTED = "a conclusion contradicts one of the other study"
GOALS = {
    CONTRADICTED: ("≤", 0.001),
    "a conclusion is false: effects": ("≤", 0.05),
    "a conclusion is false: tiers": ("≤", 0.05),
    "a conclusion is false: kernel within layouts": ("≤", 0.05),
    "the chosen network truly loses more than the margin": ("≤", 0.01),
    "both choose the same network": ("≥", 0.45),
    "the 90 % set contains the other study's choice": ("≥", 0.9),
    "networks in the 90 % set": ("≤", 4),
    "definite tiers": ("≥", 8),
}
Rows = Sequence[Sequence[str]]


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Formats a table as Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


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

    return {
        CONTRADICTED: bool(
            contradictions({**first.effects, **first.tiers}, {**repeat.effects, **repeat.tiers})
        ),
        "a conclusion is false: effects": any_false(first.effects),
        "a conclusion is false: tiers": any_false(first.tiers),
        "a conclusion is false: kernel within layouts": any_false(first.kernel_by_layout),
        "the chosen network truly loses more than the margin": truth.get(f"tier {first.chosen}", 0) < -margin,
        "no network is chosen": first.chosen == NO_CHOICE,
        "both choose the same network": first.chosen == repeat.chosen,
        "the 90 % set contains the other study's choice": repeat.chosen in likely,
        "networks in the 90 % set": len(likely),
        "definite effects": len(definite(first.effects)),
        "definite tiers": len(definite(first.tiers)),
    }


def calibration(cases: Sequence[Case]) -> Rows:
    """Compares predicted shares with how often the repeat makes that choice, in bins of the share."""
    pairs = [
        (share, name == case.repeat.chosen) for case in cases for name, share in case.study.shares.items()
    ]
    table = pd.DataFrame(pairs, columns=["predicted", "chosen"])
    bins = table.groupby(pd.cut(table.predicted, BINS, right=False), observed=True)
    return [
        [
            f"{one.left:.1f} to {min(one.right, 1):.1f}",
            str(len(some)),
            *(f"{mean:.2f}" for mean in some.mean()),
        ]
        for one, some in bins
    ]


def missed_goals(measured: pd.DataFrame) -> list[str]:
    """Names the goals that are not met; with no difference there is one goal, that of contradictions."""
    return [
        f"{name} ({situation})"
        for name, (relation, goal) in GOALS.items()
        for situation, value in measured.loc[name].items()
        if (value > goal if relation == "≤" else value < goal)
        and (name == CONTRADICTED or situation != "no difference")
    ]


def simulated(means: FloatArray, runs: pd.DataFrame, params: Params) -> str:
    """Simulates pairs of studies in three situations; returns text and tables as Markdown.

    Args:
        means: The accuracies of the committed study, shape (networks,).
        runs: Tables of runs from which the noise is estimated, stacked.
        params: The grid, the criteria, and the seeds and folds of a study.
    """
    noise, rng, train = estimate_noise(runs), np.random.default_rng(0), params.train
    images = int(runs.validation_images.max())
    design = Design(params.networks(), params.criteria, len(train.seeds), len(train.folds), images, noise)
    situations: dict[str, Callable[[], FloatArray]] = {
        "as seen": lambda: means,
        "scattered": lambda: means + rng.normal(0, SCATTER_SD, len(means)),
        "no difference": lambda: np.full(len(means), means.mean()),
    }
    cases = {
        name: [case for _ in range(PAIRS) for case in simulate_pair(truth(), design, rng)]
        for name, truth in situations.items()
    }
    margin = design.criteria.margin
    measured = pd.DataFrame(
        {name: pd.DataFrame([measure(case, margin) for case in some]).mean() for name, some in cases.items()}
    )
    rows = [[name, _goal(name), *map(_number, values)] for name, *values in measured.itertuples()]
    missed = missed_goals(measured)
    return "\n\n".join(
        [
            f"{PAIRS} pairs of studies are simulated in each of three situations. A study has"
            f" {design.seeds} seeds and {design.folds} folds. The true accuracies are the means of the"
            f" committed study (as seen); these means, scattered by {100 * SCATTER_SD:.2f} points, anew for"
            " each pair; or the same for all networks (no difference). The standard deviations of the noise"
            f" are estimated from the committed tables of runs: {100 * noise.run:.3f} points between runs,"
            f" {100 * noise.network_fold:.3f} for network × fold, and {100 * noise.fold:.3f} between folds."
            " Both studies of a pair draw all three anew.",
            markdown(["share or mean", "goal", *situations], rows),
            f"With no difference, the only goal is that of contradictions. Goals that are not met:"
            f" {', '.join(missed) or 'none'}.",
            "The predicted shares of choices, and how often the other study makes the choice (scattered):",
            markdown(["predicted share", "cases", "mean", "chosen"], calibration(cases["scattered"])),
        ]
    )


def _goal(name: str) -> str:
    relation, goal = GOALS.get(name, ("", 0))
    return f"{relation} {_number(goal)}" if relation else ""


def _number(value: float) -> str:
    return f"{value:.1f}" if value > 1 else f"{100 * value:.1f} %"
