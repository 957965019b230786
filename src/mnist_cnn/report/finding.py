"""The finding: the paragraph that the README repeats."""

from collections import Counter
from collections.abc import Sequence

from mnist_cnn.report.effects import main_steps, select, step, verdict_clause, widest_steps, written
from mnist_cnn.report.numbers import counted, given, listed, p_value, percent, seconds, shortest
from mnist_cnn.report.recommendation import (
    called,
    network,
    reason_clause,
    short_reservation,
    validation_interval,
)
from mnist_cnn.statistics.contrasts import Factor
from mnist_cnn.statistics.effects import Direction
from mnist_cnn.tables import EffectRow, StudySummary, StudyTables

NAMED_LAYOUTS = 6  # the finding names the kernel's effect in each of so many layouts, and counts more
ORDER = (Factor.KERNEL, Factor.CONV, Factor.LINEAR)
DIRECTIONS = {Direction.UP: "positive, ", Direction.DOWN: "negative, ", Direction.NONE: ""}


def finding(tables: StudyTables) -> str:
    """Says in one paragraph what the study found, or that one fold allows no comparison."""
    if not tables.ranking:
        return no_comparison(tables)
    sentences = [_recommended(tables)]
    for factor in ORDER:
        sentence = _factor(tables, factor)
        sentences += [sentence] if sentence else []
    return " ".join([*sentences, _basis(tables.summary, len(sentences) > 1)])


def no_comparison(tables: StudyTables) -> str:
    """Says that one fold leaves nothing to judge by."""
    return (
        f"{counted(len(tables.networks), 'network')} ran on one fold only, and one fold allows no comparison:"
        " it leaves no error to judge a difference by, so no effect is stated and no network is recommended."
        " Name two or more folds in train.folds of params.yaml for both."
    )


def _recommended(tables: StudyTables) -> str:
    """Names the network to take, its accuracy and its time."""
    summary, row = tables.summary, network(tables, tables.summary.shown_network)
    accuracy, sure = validation_interval(tables), given(summary.confidence)
    return (
        f"Recommended is {called(row)}, {reason_clause(tables)}{short_reservation(tables)}:"
        f" {accuracy.estimate} % validation accuracy ({sure} % interval {accuracy.bounds}),"
        f" {percent(row.test_accuracy)} % test accuracy and {seconds(row.training_seconds)} CPU seconds of"
        " training on this machine."
    )


def _factor(tables: StudyTables, factor: Factor) -> str:
    """Says what a factor does to accuracy; empty if the grid does not ask."""
    rows = select(tables.effects, "validation_accuracy", factor)
    if not rows:
        return ""
    if factor is Factor.KERNEL and tables.summary.kernel_depends_on_layout:
        return _kernel_by_layout(tables)
    clauses = [
        verdict_clause(row, tables.summary.margin, first=place == 0)
        for place, row in enumerate(main_steps(rows))
    ]
    return _capital("; ".join(clauses)) + "."


def _kernel_by_layout(tables: StudyTables) -> str:
    """Gives the widest step of each layout, and no average."""
    rows = widest_steps(select(tables.effects, "validation_accuracy", Factor.KERNEL, averaged=False))
    listing = _each(rows, tables.summary.margin) if len(rows) <= NAMED_LAYOUTS else _counted(rows)
    return f"{depends_on_layout(tables)}: for {step(rows[0])} it is {listing}."


def depends_on_layout(tables: StudyTables) -> str:
    """Says that the kernel's effect differs between layouts, and what shows it; without a full stop."""
    level = 1 - tables.summary.confidence
    p = interaction_p(tables)
    shown = (
        f"interaction, {p_value(p, level)}"
        if p is not None and p < level
        else "opposite directions are shown"
    )
    return f"The kernel's effect on accuracy depends on the layout ({shown})"


def interaction_p(tables: StudyTables) -> float | None:
    """Finds the p value of the test that the kernel has the same effect on accuracy in all layouts."""
    rows = (r for r in tables.anova if (r.response, r.term) == ("validation_accuracy", "interaction"))
    return next((row.p for row in rows), None)


def _each(rows: Sequence[EffectRow], margin: float) -> str:
    """Lists the effect in each layout, with signs."""
    parts = []
    for place, row in enumerate(rows):
        shown, unit = written(row, margin, signed=True), "" if place else " percentage points"
        parts.append(f"{shown.estimate}{unit} {shown.brackets} in {row.scope} ({row.verdict}{_doubt(row)})")
    return listed(parts)


def _doubt(row: EffectRow) -> str:
    return ", changes on re-analysis" if row.root_changes or row.overlap_changes else ""


def _counted(rows: Sequence[EffectRow]) -> str:
    """Counts the layouts by verdict."""
    verdicts = Counter(f"{DIRECTIONS[row.direction]}{row.verdict}" for row in rows)
    return listed(
        [f"{verdict} in {counted(number, 'layout')}" for verdict, number in sorted(verdicts.items())]
    )


def _basis(summary: StudySummary, effects: bool) -> str:
    """Says what all of it rests on."""
    sure, folds = given(summary.confidence), counted(len(summary.folds), "fold")
    runs = summary.networks * len(summary.folds)
    basis = (
        f"{counted(summary.networks, 'network')}, {folds}, {runs:,} runs of {shortest(summary.epochs)} epochs"
    )
    if not effects:
        return f"This rests on {basis}; the grid holds no steps that an effect could be estimated from."
    return (
        f"Brackets hold {sure} % intervals, simultaneous for all effects on accuracy; a difference up to the"
        f" margin of {given(summary.margin)} percentage points does not matter ({basis})."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
