"""Pairs of studies, simulated with the noise of the committed ones."""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria
from mnist_cnn.statistics import study
from mnist_cnn.statistics.blocks import BlockFit, FloatArray, block_fit
from mnist_cnn.statistics.choice import NO_CHOICE, predict_choices
from mnist_cnn.statistics.effects import interaction
from mnist_cnn.statistics.runs import RUN
from mnist_cnn.statistics.statements import Statements, statements


class Noise(NamedTuple):
    """Standard deviations of an accuracy: between runs, of network × fold, and between folds; fractions."""

    run: float
    network_fold: float
    fold: float


def estimate_noise(runs: pd.DataFrame) -> Noise:
    """Estimates the noise from tables of runs of one grid, stacked; runs that occur twice count once.

    The variance over the seeds of a network on a fold is that of a run. What it does not explain of the
    error variance of the fold means is network × fold, and what the error does not explain of the variance
    between folds is the fold. With a single seed, all of the error is counted as that of a run.
    """
    runs = runs.drop_duplicates(RUN)
    seeds = runs.groupby([runs.network, runs.fold])
    accuracy = (runs.validation_correct / runs.validation_images).groupby([runs.network, runs.fold])
    fit, count = block_fit(accuracy.mean().unstack().to_numpy()), int(seeds.size().min())
    run = float(accuracy.var().mean()) if count > 1 else fit.mse
    return Noise(sqrt(run), sqrt(max(fit.mse - run / count, 0)), sqrt(max(fit.fold_variance - fit.mse, 0)))


class Design(NamedTuple):
    """The grid, the criteria and the runs of a study, and the noise of an accuracy."""

    networks: Sequence[Network]
    criteria: Criteria
    seeds: int
    folds: int
    images: int  # in each fold
    noise: Noise


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


def simulate_fit(truth: FloatArray, design: Design, rng: np.random.Generator) -> BlockFit:
    """Draws the counts of a study around true accuracies of shape (networks,), and fits their fold means."""
    noise, shape = design.noise, (len(truth), design.seeds, design.folds)
    by_fold = rng.normal(0, noise.network_fold, (shape[0], 1, shape[2])) + rng.normal(0, noise.fold, shape[2])
    counts = np.round((truth[:, None, None] + by_fold + rng.normal(0, noise.run, shape)) * design.images)
    return block_fit(counts.mean(axis=1) / design.images)


def analyse_fit(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> SimulatedStudy:
    """Analyses a simulated study as `analyse` does a real one."""
    comparison, effects = study.assess(fit, networks, criteria)
    test = interaction(fit, networks, criteria.margin, criteria.confidence)
    return SimulatedStudy(
        statements(comparison[:0], effects),
        statements(comparison, effects[:0]),
        {one.model: (one.verdict, one.direction) for one in test.by_layout} if test else {},
        next(iter(comparison.network[comparison.chosen]), NO_CHOICE),
        predict_choices(fit, networks, criteria),
    )


def simulate_pair(truth: FloatArray, design: Design, rng: np.random.Generator) -> tuple[Case, Case]:
    """Simulates two studies with the same true accuracies, of shape (networks,); each repeats the other."""
    networks, criteria = design.networks, design.criteria
    fits = [simulate_fit(truth, design, rng) for _ in range(2)]
    exact = replace(fits[0], means=truth)
    _, effects = study.assess(exact, networks, criteria)
    test = interaction(exact, networks, criteria.margin, criteria.confidence)
    values = dict(zip(effects.effect, effects.estimate, strict=True))
    values |= {one.model: one.estimate for one in test.by_layout} if test else {}
    values |= {f"tier {n.name}": gap for n, gap in zip(networks, truth - truth.max(), strict=True)}
    rounded = {name: round(float(value), 9) for name, value in values.items()}
    first, second = (analyse_fit(fit, networks, criteria) for fit in fits)
    return Case(first, second, rounded), Case(second, first, rounded)
