"""What the report says about effects: each verdict of `mnist_cnn.statistics.effects` has its sentence.

Effects that are shown are written by their size and a verb for their direction, so no sign can contradict
the verb; the others are written with signs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mnist_cnn.report.numbers import Interval, counted, given, points_interval, ratio_interval
from mnist_cnn.statistics.contrasts import Factor
from mnist_cnn.statistics.effects import Direction, Verdict
from mnist_cnn.tables import ALL_LAYOUTS, EffectRow, Response, StudyTables


class Wording(NamedTuple):
    """The verbs for both directions, and what is affected."""

    up: str
    down: str
    affected: str


WORDING: dict[Response, Wording] = {
    "validation_accuracy": Wording("raise", "lower", "validation accuracy"),
    "generalisation_gap": Wording("widen", "narrow", "the gap between training and validation accuracy"),
}
LAYERS = {Factor.CONV: "convolutional", Factor.LINEAR: "linear"}


def step(row: EffectRow) -> str:
    """Names what is compared: "5×5 kernels instead of 3×3"."""
    if row.factor is Factor.KERNEL:
        return f"{row.high}×{row.high} kernels instead of {row.low}×{row.low}"
    return f"{row.high} {LAYERS[row.factor]} layers instead of {row.low}"


def where(row: EffectRow) -> str:
    """Names what an effect is averaged over."""
    if row.scope != ALL_LAYOUTS:
        return f"in {row.scope}"
    if row.factor is Factor.KERNEL:
        return f"over {counted(row.layouts, 'layout')}"
    return f"over {counted(row.layouts, 'matched pair')} of layouts"


def written(row: EffectRow, margin: float, signed: bool = False) -> Interval:
    """Writes the numbers of an effect: by size alone where its direction is shown, unless `signed`."""
    numbers = (row.estimate, row.lower, row.upper)
    if row.direction is Direction.DOWN and not signed:
        numbers = (-row.estimate, -row.upper, -row.lower)
    return points_interval(*numbers, margin, signed=signed or row.direction is Direction.NONE)


def _verb(row: EffectRow) -> str:
    wording = WORDING[row.response]
    return wording.up if row.direction is Direction.UP else wording.down


def verdict_sentence(row: EffectRow, margin: float, folds: int) -> str:
    """Says what an effect on accuracy, or on the generalisation gap, is shown to be.

    Args:
        row: An effect with a verdict.
        margin: What it was held against, a fraction.
        folds: Folds of the study.

    Returns:
        A sentence without its subject, which is `step`.
    """
    shown, affected, limit = written(row, margin), WORDING[row.response].affected, given(margin)
    found = f"{_verb(row)} {affected} by {shown.estimate} percentage points ({shown.bounds})"
    match row.verdict:
        case Verdict.BEYOND_MARGIN:
            return f"{found}, more than the margin of {limit}."
        case Verdict.SIZE_OPEN:
            return f"{found}; whether by more than the margin of {limit} is open."
        case Verdict.NEGLIGIBLE:
            return f"{found}, measurably but by no more than the margin of {limit}: negligible in practice."
        case Verdict.SAME:
            return (
                f"make no practical difference to {affected}: effects beyond ±{limit} percentage points are"
                f" excluded (estimate {shown.estimate}, {shown.bounds})."
            )
        case _:
            return (
                f"have an inconclusive effect on {affected}: {folds} folds are compatible with anything from"
                f" {shown.bounds} percentage points (estimate {shown.estimate})."
            )


def verdict_clause(row: EffectRow, margin: float, first: bool) -> str:
    """Says the same within a longer sentence, in which the margin is named elsewhere.

    Args:
        row: An effect with a verdict.
        margin: What it was held against, a fraction.
        first: Whether it is the first of its sentence, which names what is affected and the unit.
    """
    shown = written(row, margin)
    affected = WORDING[row.response].affected if first else "it"
    numbers = f"{shown.estimate}{' percentage points' if first else ''} {shown.brackets}"
    found = f"{step(row)} {_verb(row)} {affected} by {numbers}"
    match row.verdict:
        case Verdict.BEYOND_MARGIN:
            clause = f"{found}, more than the margin"
        case Verdict.SIZE_OPEN:
            clause = f"{found} (whether by more than the margin is open)"
        case Verdict.NEGLIGIBLE:
            clause = f"{step(row)} {_verb(row)} {affected} by a negligible {numbers}"
        case Verdict.SAME:
            clause = f"{step(row)} make no practical difference to {affected} ({numbers})"
        case _:
            clause = f"{step(row)} have an inconclusive effect on {affected} ({numbers})"
    return clause + _reservation(row)


def _reservation(row: EffectRow) -> str:
    """Says within a clause which re-analysis it does not survive."""
    changes = []
    if row.root_changes:
        changes.append("on the square root of the error count")
    if row.overlap_changes:
        changes.append("if corrected for overlapping training sets")
    return f" (a verdict that changes {' and '.join(changes)})" if changes else ""


def sensitivity_sentences(row: EffectRow) -> str:
    """Says in full which of the two re-analyses a verdict does not survive; empty if it survives both."""
    sentences = []
    if row.root_changes and row.direction is Direction.NONE:
        sentences.append("With the square root of the error count as the response, a direction is shown.")
    elif row.root_changes:
        sentences.append(
            "This direction does not survive the square root of the error count as the response."
        )
    if row.overlap_changes:
        sentences.append(
            "This verdict does not survive the correction for overlapping training sets: it holds for"
            " networks trained on these images and is not shown for others drawn like them."
        )
    return " ".join(sentences)


def time_sentence(row: EffectRow) -> str:
    """Says what a step does to the training time, as a ratio."""
    shown = ratio_interval(row.estimate, row.lower, row.upper)
    if row.direction is Direction.NONE:
        return (
            f"That training time changes is not shown: {shown.bounds} times as long (estimate"
            f" {shown.estimate}) on this machine."
        )
    return f"Training takes {shown.estimate} times as long ({shown.bounds}) on this machine."


def select(
    effects: Sequence[EffectRow], response: Response, factor: Factor | None = None, averaged: bool = True
) -> list[EffectRow]:
    """Picks effects on one response: averages over matched layouts, or those within each layout."""
    return [
        row
        for row in effects
        if row.response == response
        and factor in (None, row.factor)
        and (row.scope == ALL_LAYOUTS) is averaged
    ]


def stated(tables: StudyTables) -> list[EffectRow]:
    """Picks the effects on accuracy that are stated: the kernel's in each layout where it depends on that."""
    averaged = select(tables.effects, "validation_accuracy")
    if not tables.summary.kernel_depends_on_layout:
        return averaged
    kernel = select(tables.effects, "validation_accuracy", Factor.KERNEL, averaged=False)
    return [*kernel, *(row for row in averaged if row.factor is not Factor.KERNEL)]


def main_steps(rows: Sequence[EffectRow]) -> list[EffectRow]:
    """Picks the steps that sum up a factor: one or two that join all its levels, or else the widest one."""
    widest = max(rows, key=lambda row: row.high - row.low)
    others = [row for row in rows if row is not widest]
    joined = sum(row.high - row.low for row in others) == widest.high - widest.low
    return others if joined and len(others) <= 2 else [widest]


def widest_steps(rows: Sequence[EffectRow]) -> list[EffectRow]:
    """Picks the widest step of each scope."""
    span = max((row.high - row.low for row in rows), default=0)
    return [row for row in rows if row.high - row.low == span]
