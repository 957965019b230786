"""The sections of the report: which paragraphs, lists, tables and figures each is made of."""

from collections.abc import Sequence

from mnist_cnn.report.blocks import Block, Bullets, Facts, Paragraph
from mnist_cnn.report.effects import (
    main_steps,
    select,
    sensitivity_sentences,
    stated,
    step,
    time_sentence,
    verdict_sentence,
    where,
)
from mnist_cnn.report.facts import facts
from mnist_cnn.report.finding import depends_on_layout, interaction_p
from mnist_cnn.report.numbers import counted, given, p_value
from mnist_cnn.report.recommendation import (
    called,
    candidate_sentence,
    cost_sentence,
    may_be_best_sentence,
    network,
    pairs_sentence,
    ranking_reservations,
    reason_clause,
    reservation,
)
from mnist_cnn.report.tabulation import gap_table, network_table, price_table, ranking_table
from mnist_cnn.selection import layout_cut, leading_layouts
from mnist_cnn.statistics.contrasts import Factor
from mnist_cnn.tables import ALL_LAYOUTS, EffectRow, StudyTables


def _paragraph(*sentences: str) -> list[Block]:
    """Makes a paragraph of the sentences that are not empty."""
    text = " ".join(sentence for sentence in sentences if sentence)
    return [Paragraph(text)] if text else []


def _sure(tables: StudyTables) -> str:
    return f"{given(tables.summary.confidence)} %"


def recommended(tables: StudyTables) -> list[Block]:
    """The network to take and why."""
    summary, row = tables.summary, network(tables, tables.summary.shown_network)
    target = given(summary.target)
    rule = (
        f"The rule was fixed before the runs: of the networks that are assured to reach {target} % (one-sided"
        f" {_sure(tables)} bound) and shown to lie within {given(summary.margin)} percentage points of the"
        " best (Hsu's multiple comparisons with the best), the one that trains fastest; times within 5 %"
        " count as equal, and then the fewer weights decide."
    )
    return [
        *_paragraph(
            f"Recommended: {called(row)} ({row.network}), {reason_clause(tables)}.",
            cost_sentence(tables),
            candidate_sentence(tables),
            reservation(tables),
        ),
        Facts(facts(tables)),
        *_paragraph(
            rule,
            "Test images took no part in it; the two test intervals are different uncertainties, not added.",
        ),
    ]


def effects(tables: StudyTables) -> list[Block]:
    """What each step does to accuracy and to training time, with its verdict."""
    rows = stated(tables)
    if not rows:
        return _paragraph(
            "The grid holds no two networks that differ in one thing alone: no effect is estimated."
        )
    times = {(r.factor, r.high, r.low): time_sentence(r) for r in select(tables.effects, "training_seconds")}
    shown, items = (ALL_LAYOUTS, *leading_layouts(tables)), []
    for row in (row for row in rows if row.scope in shown):
        time = times[row.factor, row.high, row.low] if row.scope == ALL_LAYOUTS else ""
        items.append(_item(tables, row, time))
    introduction = _paragraph(_effects_introduction(tables), _left_out(tables, shown[1:]))
    return [*introduction, Bullets(items), *_kernel_times(tables)]


def _left_out(tables: StudyTables, shown: Sequence[str]) -> str:
    """Says of which layouts the kernel's effects follow, where those in each are given and not all are."""
    cut = layout_cut(tables, shown) if tables.summary.kernel_depends_on_layout else ""
    return f"{cut}All are in plots/effects.csv." if cut else ""


def _effects_introduction(tables: StudyTables) -> str:
    """Says how the numbers are meant, and whether the kernel's average may be spoken of."""
    p, level = interaction_p(tables), 1 - tables.summary.confidence
    planned = counted(len(select(tables.effects, "validation_accuracy")), "effect")
    meaning = (
        "Differences between means, within folds and matched layouts. In parentheses stand intervals that"
        f" hold with {_sure(tables)} confidence (Bonferroni) for all {planned} over layouts together;"
        " accuracy and time are families of their own."
    )
    if tables.summary.kernel_depends_on_layout:
        return (
            f"{depends_on_layout(tables)}: it is given layout by layout, with intervals that hold for all"
            f" layouts together, and no average of it is stated here. {meaning}"
        )
    if p is None:
        return meaning
    return (
        f"{meaning} That the kernel's effect on accuracy depends on the layout is not shown (interaction,"
        f" {p_value(p, level)})."
    )


def _item(tables: StudyTables, row: EffectRow, *more: str) -> tuple[str, str]:
    """Says of an effect what it is averaged over, its verdict, what that does not survive, and more."""
    verdict = verdict_sentence(row, tables.summary.margin, len(tables.summary.folds))
    return f"{step(row)} ({where(row)})", " ".join(filter(None, [verdict, sensitivity_sentences(row), *more]))


def _kernel_times(tables: StudyTables) -> list[Block]:
    """The kernel's effects on time, where those on accuracy are given layout by layout."""
    if not tables.summary.kernel_depends_on_layout:
        return []
    times = select(tables.effects, "training_seconds", Factor.KERNEL)
    return _paragraph(*(f"{step(row)}: {_lowered(time_sentence(row))}" for row in times))


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def ranking(tables: StudyTables) -> list[Block]:
    """Who may be the best, and who is shown to be close to it."""
    if len(tables.ranking) < 2:
        return []
    sentences = (may_be_best_sentence(tables), ranking_reservations(tables), pairs_sentence(tables))
    return [*_paragraph(*sentences), ranking_table(tables)]


def prices(tables: StudyTables) -> list[Block]:
    """What other margins would buy."""
    if len(tables.ranking) < 2:
        return []
    return [
        *_paragraph(
            "The same rule with other margins, for readers with another taste. The fewer folds a study has,"
            " the less it can show, and the dearer the network that a margin buys."
        ),
        price_table(tables),
    ]


def networks(tables: StudyTables) -> list[Block]:
    """All networks with what was measured."""
    summary = tables.summary
    reached = (
        f"The mean validation accuracy of {summary.meeting_target} of {counted(summary.networks, 'network')}"
        f" reaches {given(summary.target)} %."
    )
    return [*_paragraph(reached), network_table(tables)]


def overfitting(tables: StudyTables) -> list[Block]:
    """Whether a larger network does better on images that it has seen than on others."""
    if not tables.gaps:
        return []
    above = sum(row.lower > 0 for row in tables.gaps)
    found = (
        f"In {above} of {counted(len(tables.gaps), 'layout')} accuracy on the training images is shown to"
        f" exceed that on the validation images (each layout with its own {_sure(tables)} interval)."
    )
    by_factor = (select(tables.effects, "generalisation_gap", factor) for factor in Factor)
    items = [_item(tables, row) for rows in by_factor if rows for row in main_steps(rows)]
    return [*_paragraph(found), gap_table(tables), *([Bullets(items)] if items else [])]
