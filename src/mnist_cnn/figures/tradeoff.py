"""What the lead figure shows of a study, and its words; `accuracy_time` draws it."""

from collections.abc import Sequence

from mnist_cnn.figures import words
from mnist_cnn.figures.grid import pareto
from mnist_cnn.figures.style import padded
from mnist_cnn.report.numbers import counted, given, listed
from mnist_cnn.selection import ALL_NAMED_UP_TO, is_large, leading_names
from mnist_cnn.tables import NetworkRow, RankingRow, RunRow, StudyTables


def shown_network(tables: StudyTables) -> NetworkRow:
    """Returns the recommended network; of one fold, that with the highest accuracy."""
    return next(row for row in tables.networks if row.network == tables.summary.shown_network)


def foremost(tables: StudyTables) -> list[NetworkRow]:
    """Returns the recommended network and those on the Pareto line, in order of importance."""
    shown = shown_network(tables)
    return [shown, *(row for row in pareto(tables.networks) if row is not shown)]


def large_marks(tables: StudyTables) -> Sequence[NetworkRow]:
    """Returns the networks that have a large mark: all, or the foremost ones of a large grid."""
    return foremost(tables) if is_large(tables.networks) else tables.networks


def small_marks(tables: StudyTables) -> Sequence[NetworkRow | RunRow]:
    """Returns what has a small mark: the runs, or the networks of a large grid."""
    return tables.networks if is_large(tables.networks) else tables.runs


def with_bars(tables: StudyTables) -> list[RankingRow]:
    """Returns the intervals that are drawn: those of the large marks, and none for one fold."""
    names = {row.network for row in large_marks(tables)}
    return [row for row in tables.ranking if row.network in names]


def limits(tables: StudyTables) -> tuple[float, float]:
    """Returns the limits of the accuracies, in percent; the target is inside if it is not far away."""
    values = [100 * row.validation_accuracy for row in small_marks(tables)]
    values += [100 * bound for row in with_bars(tables) for bound in (row.lower, row.upper)]
    low, high = padded(values)
    target = 100 * tables.summary.target
    near = low - (high - low) <= target <= high + (high - low)
    return padded([*values, target]) if near else (low, high)


def caption(tables: StudyTables) -> str:
    """Says what the marks mean."""
    summary = tables.summary
    bars = (
        f"bar: {words.confidence(summary)} t interval of that mean, each network by itself (to compare "
        "networks, see the ranking). "
        if tables.ranking
        else "one fold gives no interval. "
    )
    ring = "Ringed and bold: the recommended network. " if summary.reason is not None else ""
    named = "" if len(tables.networks) <= ALL_NAMED_UP_TO else "Only networks on that line are named. "
    outside = 100 * summary.target
    low, high = limits(tables)
    where = "below" if outside < low else "above"
    beyond = (
        ""
        if low <= outside <= high
        else f"The target of {words.given_percent(summary.target)} is {where} it. "
    )
    return (
        f"Each large mark is a network: mean validation accuracy and median training time; {bars}"
        f"{_small_marks(tables)}Stepped line: no other network is both faster and more accurate. "
        f"Grey band: within {given(summary.margin)} percentage points of the highest mean. "
        f"{beyond}{ring}{named}{words.folds(summary)} Seconds are CPU seconds "
        "of one thread on this machine."
    )


def _small_marks(tables: StudyTables) -> str:
    if not is_large(tables.networks):
        return "Small marks are the single runs. "
    number = len(tables.networks) - len(large_marks(tables))
    return (
        f"Small marks are {number:,} more networks; a large one is at least as fast and as accurate as each. "
    )


def seen(tables: StudyTables, front: Sequence[NetworkRow]) -> str:
    """Says what is seen."""
    rows, summary, shown = tables.networks, tables.summary, shown_network(tables)
    best = next(row for row in rows if row.network == summary.most_accurate)
    fastest = min(rows, key=lambda row: row.training_seconds)
    names = [words.network_name(row) for row in front]
    role = "Recommended" if summary.reason is not None else "Highest mean"
    return (
        f"Scatter plot of {counted(len(rows), 'network')}. Fastest: {_numbers(fastest)}. "
        f"Most accurate: {_numbers(best)}. {role}: {_numbers(shown)}. "
        f"Mean at or above the target of {words.given_percent(summary.target)}: {summary.meeting_target} of "
        f"{counted(len(rows), 'network')}. "
        f"On the line of the best trade-offs: {listed(leading_names(names))}."
    )


def _numbers(row: NetworkRow) -> str:
    return (
        f"{words.network_name(row)} with {words.percent(row.validation_accuracy)} "
        f"in {words.seconds(row.training_seconds)}"
    )
