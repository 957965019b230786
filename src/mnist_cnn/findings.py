"""What a study allows to be said, as tables: effects, ranking, pairs, prices, variation, overfitting.

With one fold there is no error to judge by, and every table here is empty.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_cnn.choices.params import Compare, Params
from mnist_cnn.statistics.anova import anova
from mnist_cnn.statistics.blocks import block_fit, bonferroni_critical, detectable_difference, mean_intervals
from mnist_cnn.statistics.choice import Choice, choose, price_list
from mnist_cnn.statistics.comparisons import tukey_critical, tukey_pairs
from mnist_cnn.statistics.contrasts import Contrast, Factor, planned_contrasts, simple_kernel_contrasts
from mnist_cnn.statistics.effects import Effect, as_ratio, estimate_effects, judge, kernel_depends_on_layout
from mnist_cnn.statistics.ranking import Standing, rank
from mnist_cnn.statistics.sensitivity import Analyses, analyse, check_effects, check_networks
from mnist_cnn.study import Study
from mnist_cnn.summaries import network_cell
from mnist_cnn.tables import (
    ALL_LAYOUTS,
    EffectRow,
    GapRow,
    PairRow,
    PriceRow,
    RankingRow,
    Response,
    StudySummary,
    VariationRow,
)

ALL_PAIRS_UP_TO = 60  # networks; of more, only the pairs with the most accurate one are listed


def _families(study: Study) -> tuple[tuple[Contrast, ...], ...]:
    """The planned contrasts over matched layouts, and, of two layouts or more, the kernel's in each."""
    planned = planned_contrasts(study.networks)
    several = len({network.model for network in study.networks}) > 1
    return (planned, simple_kernel_contrasts(study.networks)) if several else (planned,)


def _effect_row(effect: Effect, response: Response, averaged: bool, margin: float | None) -> EffectRow:
    """Makes the row of one effect, without the two sensitivity lines; no margin means log seconds."""
    contrast, judged = effect.contrast, judge(effect, margin or math.inf)
    shown = effect if margin else as_ratio(effect)
    return EffectRow(
        response=response,
        scope=ALL_LAYOUTS if averaged else contrast.models[0][0],
        factor=contrast.factor,
        low=contrast.low.value,
        high=contrast.high.value,
        low_name=contrast.low.name,
        high_name=contrast.high.name,
        layouts=len(contrast.models),
        estimate=shown.estimate,
        lower=shown.lower,
        upper=shown.upper,
        verdict=judged.verdict if margin else None,
        direction=judged.direction,
        root_changes=None,
        overlap_changes=None,
    )


def effect_rows(study: Study, compare: Compare) -> list[EffectRow]:
    """Lists the effects on accuracy, on training time (as ratios) and on the generalisation gap.

    Each response and each family (over layouts; within each layout) has simultaneous intervals of its own.
    """
    if len(study.folds) < 2:
        return []
    analyses = analyse(study.validation_accuracy, study.validation_images, study.training_images)
    responses: tuple[tuple[Response, NDArray[np.float64], float | None], ...] = (
        ("validation_accuracy", study.validation_accuracy, compare.margin),
        ("training_seconds", np.log(study.training_seconds), None),
        ("generalisation_gap", study.gap, compare.margin),
    )
    rows = []
    for response, values, margin in responses:
        for place, family in enumerate(_families(study)):
            effects = estimate_effects(block_fit(values), family, compare.confidence) if family else ()
            family_rows = [_effect_row(effect, response, place == 0, margin) for effect in effects]
            if response == "validation_accuracy":
                family_rows = _with_sensitivity(family_rows, family, analyses, compare)
            rows += family_rows
    return rows


def _with_sensitivity(
    rows: Sequence[EffectRow], family: Sequence[Contrast], analyses: Analyses, compare: Compare
) -> list[EffectRow]:
    """Adds what the two other analyses say of each verdict on accuracy."""
    checks = check_effects(analyses, family, compare.margin, compare.confidence) if family else ()
    return [
        row.model_copy(update={"root_changes": check.root_changes, "overlap_changes": check.overlap_changes})
        for row, check in zip(rows, checks, strict=True)
    ]


def kernel_effect_differs(study: Study, compare: Compare) -> bool:
    """Whether the kernel's effect on accuracy depends on the layout, so that no average is the headline."""
    simple = simple_kernel_contrasts(study.networks)
    if not simple or len(study.folds) < 2:
        return False
    effects = estimate_effects(block_fit(study.validation_accuracy), simple, compare.confidence)
    table = anova(study.validation_accuracy, *_layouts_and_kernels(study))
    return kernel_depends_on_layout(table, effects, compare.confidence)


def _layouts_and_kernels(study: Study) -> tuple[list[str], list[str]]:
    return [network.model for network in study.networks], [network.kernel for network in study.networks]


@dataclass(frozen=True)
class Decision:
    """The networks by falling mean accuracy, and the one to take."""

    standings: Sequence[Standing]
    choice: Choice
    folds: int


def decide(study: Study, compare: Compare) -> Decision | None:
    """Ranks the networks and recommends one; None where there is one fold alone."""
    if len(study.folds) < 2:
        return None
    standings = rank(
        study.networks,
        study.validation_accuracy,
        study.training_seconds,
        study.parameters,
        target=compare.target_accuracy,
        margin=compare.margin,
        confidence=compare.confidence,
    )
    folds = len(study.folds)
    return Decision(standings, choose(standings, compare.margin, folds), folds)


def ranking_rows(study: Study, decision: Decision | None, compare: Compare) -> list[RankingRow]:
    """Lists the networks by falling mean, each with what may be said of it."""
    if decision is None:
        return []
    analyses = analyse(study.validation_accuracy, study.validation_images, study.training_images)
    checks = dict(
        zip(study.networks, check_networks(analyses, compare.margin, compare.confidence), strict=True)
    )
    half = tukey_pairs(analyses.plain, compare.confidence).half_width / 2
    return [
        RankingRow(
            **network_cell(standing.network),
            mean=standing.mean,
            lower=standing.lower,
            upper=standing.upper,
            comparison_half_width=half,
            goal=standing.goal,
            difference=standing.difference,
            best_lower=standing.best_lower,
            best_upper=standing.best_upper,
            may_be_best=standing.may_be_best,
            within_margin=standing.within_margin,
            root_changes=checks[standing.network].root_changes,
            overlap_changes=checks[standing.network].overlap_changes,
            training_seconds=standing.seconds,
            parameters=standing.parameters,
            recommended=standing is decision.choice.standing,
        )
        for standing in decision.standings
    ]


def pair_rows(study: Study, compare: Compare) -> list[PairRow]:
    """Lists the differences between networks; of a large grid, only those from the most accurate one.

    The intervals are those of all pairs together either way.
    """
    if len(study.folds) < 2 or len(study.networks) < 2:
        return []
    fit = block_fit(study.validation_accuracy)
    best = int(fit.means.argmax())
    pairs = tukey_pairs(fit, compare.confidence, best if len(study.networks) > ALL_PAIRS_UP_TO else None)
    return [
        PairRow(
            first=study.networks[first].name,
            second=study.networks[second].name,
            difference=difference,
            lower=difference - pairs.half_width,
            upper=difference + pairs.half_width,
            differ=differ,
        )
        for first, second, difference, differ in zip(
            pairs.first, pairs.second, pairs.difference.tolist(), pairs.differ.tolist(), strict=True
        )
    ]


def price_rows(decision: Decision | None) -> list[PriceRow]:
    """Lists what each margin buys."""
    if decision is None:
        return []
    return [
        PriceRow(
            margin=offer.margin,
            network=offer.standing.network.name if offer.standing else None,
            validation_accuracy=offer.standing.mean if offer.standing else None,
            training_seconds=offer.standing.seconds if offer.standing else None,
            candidate=offer.candidate.network.name if offer.candidate else None,
            folds_needed=offer.folds_needed,
        )
        for offer in price_list(decision.standings, decision.folds)
    ]


def variation_rows(study: Study) -> list[VariationRow]:
    """Lists the analyses of variance of accuracy and of log seconds."""
    if len(study.folds) < 2:
        return []
    responses: tuple[tuple[Response, NDArray[np.float64]], ...] = (
        ("validation_accuracy", study.validation_accuracy),
        ("training_seconds", np.log(study.training_seconds)),
    )
    return [
        VariationRow(response=response, **vars(row))
        for response, values in responses
        for row in anova(values, *_layouts_and_kernels(study))
    ]


def gap_rows(study: Study, compare: Compare) -> list[GapRow]:
    """Lists by how much each layout does better on images that it has seen, averaged over the kernels."""
    if len(study.folds) < 2:
        return []
    models, _ = _layouts_and_kernels(study)
    names = list(dict.fromkeys(models))
    gaps = np.array([study.gap[[model == name for model in models]].mean(axis=0) for name in names])
    lower, upper = mean_intervals(gaps, compare.confidence)
    return [
        GapRow(model=name, gap=gap, lower=low, upper=high)
        for name, gap, low, high in zip(names, gaps.mean(axis=1), lower, upper, strict=True)
    ]


def resolution(study: Study, compare: Compare) -> tuple[float | None, float | None]:
    """The smallest true differences in accuracy that the study would have shown, 80 times of 100.

    Returns:
        Of two networks (Tukey), and of one step in kernel size over all layouts (Bonferroni); None where the
        study has no such comparison.
    """
    if len(study.networks) < 2 or len(study.folds) < 2:
        return None, None
    fit, planned = block_fit(study.validation_accuracy), planned_contrasts(study.networks)
    critical = tukey_critical(len(study.networks), fit.df, compare.confidence)
    pair = detectable_difference(fit, math.sqrt(2), critical)
    kernel = [contrast for contrast in planned if contrast.factor is Factor.KERNEL]
    if not kernel:
        return pair, None
    critical = bonferroni_critical(len(planned), fit.df, compare.confidence)
    return pair, detectable_difference(fit, float(np.linalg.norm(kernel[0].weights)), critical)


def study_summary(
    study: Study, params: Params, decision: Decision | None, machine: dict[str, str]
) -> StudySummary:
    """Collects what holds for the study as a whole."""
    compare, means = params.compare, study.validation_accuracy.mean(axis=1)
    best = study.networks[int(means.argmax())].name
    choice = decision.choice if decision else None
    shown = choice.standing.network.name if choice else best
    place = [network.name for network in study.networks].index(shown)
    comparable = decision is not None and len(study.networks) > 1
    fit = block_fit(study.validation_accuracy) if comparable else None
    test = mean_intervals(study.test_accuracy[[place]], compare.confidence) if decision else None
    pair, kernel = resolution(study, compare)
    candidate = choice.offer.candidate if choice else None
    return StudySummary(
        networks=len(study.networks),
        folds=study.folds,
        validation_images=study.validation_images,
        training_images=study.training_images,
        epochs=params.train.epochs,
        target=compare.target_accuracy,
        margin=compare.margin,
        confidence=compare.confidence,
        meeting_target=int((means >= compare.target_accuracy).sum()),
        shown_network=shown,
        most_accurate=best,
        reason=choice.reason if choice else None,
        candidate=candidate.network.name if candidate else None,
        folds_needed=choice.offer.folds_needed if choice else None,
        residual_std=math.sqrt(fit.mse) if fit else None,
        residual_df=fit.df if fit else None,
        test_lower=float(test[0][0]) if test else None,
        test_upper=float(test[1][0]) if test else None,
        resolution_pair=pair,
        resolution_kernel=kernel,
        kernel_depends_on_layout=kernel_effect_differs(study, compare) if decision else None,
        machine=machine,
    )
