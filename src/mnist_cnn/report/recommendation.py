"""What the report says about networks: which to take and why, and who may be the best."""

from mnist_cnn.report.numbers import (
    Interval,
    digits_needed,
    fixed,
    given,
    listed,
    percent_interval,
)
from mnist_cnn.selection import leading_names
from mnist_cnn.statistics.choice import Reason
from mnist_cnn.statistics.ranking import Goal
from mnist_cnn.tables import NetworkCell, NetworkRow, RankingRow, StudyTables

SLOWER = 1.05  # below it, times count as equal, as in `mnist_cnn.statistics.choice`


def called(cell: NetworkCell) -> str:
    """Names a network in a sentence."""
    return f"{cell.model} with {cell.kernel_size}×{cell.kernel_size} kernels"


def short(cell: NetworkCell) -> str:
    """Names a network in a list or a table."""
    return f"{cell.model} {cell.kernel_size}×{cell.kernel_size}"


def network(tables: StudyTables, name: str) -> NetworkRow:
    """Finds a network by its name."""
    return next(row for row in tables.networks if row.network == name)


def standing(tables: StudyTables, name: str) -> RankingRow:
    """Finds a network's place in the ranking."""
    return next(row for row in tables.ranking if row.network == name)


def reason_clause(tables: StudyTables) -> str:
    """Says why the network is recommended, to follow its name: "the cheapest of the 3 networks …"."""
    summary = tables.summary
    limit, target = given(summary.margin), given(summary.target)
    qualify = (
        f"assured to reach {target} % and shown to lose at most {limit} percentage points against the best"
    )
    match summary.reason:
        case Reason.CHEAPEST:
            number = sum(row.goal is Goal.ASSURED and row.within_margin for row in tables.ranking)
            return f"the cheapest of the {number} networks that are {qualify}"
        case Reason.ONLY_ONE:
            return f"the only network that is {qualify}" if len(tables.networks) > 1 else _single(target)
        case Reason.NONE_SHOWN:
            return (
                f"which has the highest mean; no network could be shown to lose at most {limit} percentage"
                " points against the best"
            )
        case _:
            return f"which has the highest mean; no network is assured to reach {target} %"


def _single(target: str) -> str:
    return f"the only network of this study, and assured to reach {target} %"


def _closeness_lost(tables: StudyTables) -> bool | None:
    """Whether the correction for overlap takes the recommended network out of the margin; None: or may do so.

    The correction only widens intervals: it changes either that, or who may be the best.
    """
    row = standing(tables, tables.summary.shown_network)
    if tables.summary.reason not in (Reason.CHEAPEST, Reason.ONLY_ONE) or not row.overlap_changes:
        return False
    return True if row.may_be_best else None


def short_reservation(tables: StudyTables) -> str:
    """Says within a sentence what of the recommendation a re-analysis does not survive; empty if nothing."""
    lost = _closeness_lost(tables)
    if lost is False:
        return ""
    change = "not shown any more" if lost else "judged differently"
    return f" ({change} if corrected for overlapping training sets)"


def reservation(tables: StudyTables) -> str:
    """Says the same in a sentence of its own."""
    lost = _closeness_lost(tables)
    if lost is False:
        return ""
    if lost:
        return (
            "That it lies within the margin does not survive the correction for overlapping training sets: it"
            " holds for networks trained on these images and is not shown for others drawn like them."
        )
    return "Its distance from the best is judged differently if corrected for overlapping training sets."


def cost_sentence(tables: StudyTables) -> str:
    """Compares the training time of the recommended network with that of the highest mean's; may be empty."""
    best, shown = (network(tables, n) for n in (tables.summary.most_accurate, tables.summary.shown_network))
    ratio = best.training_seconds / shown.training_seconds
    if best is shown or ratio <= SLOWER:
        return ""
    return (
        f"It trains {fixed(ratio, digits_needed([ratio], [1], 1))} times as fast as {called(best)}, which has"
        " the highest mean, on this machine."
    )


def candidate_sentence(tables: StudyTables) -> str:
    """Says which cheaper network more folds might show to be as good; may be empty."""
    summary = tables.summary
    if summary.candidate is None or summary.folds_needed is None:
        return ""
    return (
        f"The mean of {called(network(tables, summary.candidate))}, which is cheaper, lies within the margin"
        f" as well, but it could not be shown to be as good; about {summary.folds_needed:,} folds would be"
        " needed."
    )


def may_be_best_sentence(tables: StudyTables) -> str:
    """Says who may be the most accurate network; "best" only where one network alone may be."""
    confidence = given(tables.summary.confidence)
    top = called(network(tables, tables.summary.most_accurate))
    number = sum(row.may_be_best for row in tables.ranking)
    if number == 1:
        return f"The most accurate network is {top} ({confidence} % confidence)."
    return (
        f"{top} has the highest mean, but {number} networks cannot be told apart from the best"
        f" ({confidence} % confidence)."
    )


def pairs_sentence(tables: StudyTables) -> str:
    """Says which pairs of networks are listed, and what their intervals hold for; empty if all pairs are."""
    networks, listed_pairs = len(tables.networks), len(tables.pairs)
    all_pairs = networks * (networks - 1) // 2
    if listed_pairs == all_pairs:
        return ""
    differ = sum(row.differ for row in tables.pairs)
    return (
        f"Of the {all_pairs:,} pairs of networks, plots/pairs.csv has the {listed_pairs:,} with"
        f" {short(network(tables, tables.summary.most_accurate))}; {differ:,} of them are shown to differ."
        f" Their intervals are Tukey's for all {all_pairs:,} pairs together: they hold with at least"
        f" {given(tables.summary.confidence)} % confidence, and are wider than these pairs alone would need."
    )


def ranking_reservations(tables: StudyTables) -> str:
    """Names the networks whose place a re-analysis changes; empty if there is none."""
    sentences = []
    for changed, what in (
        ("root_changes", "On the square root of the error count, who may be the best changes for"),
        (
            "overlap_changes",
            "Corrected for overlapping training sets, who may be the best or is shown within the margin"
            " changes for",
        ),
    ):
        names = [short(row) for row in tables.ranking if getattr(row, changed)]
        if names:
            sentences.append(f"{what} {listed(leading_names(names))}.")
    return " ".join(sentences)


def validation_interval(tables: StudyTables) -> Interval:
    """Writes the shown network's mean validation accuracy with its own interval over folds."""
    row = standing(tables, tables.summary.shown_network)
    return percent_interval(row.mean, row.lower, row.upper)
