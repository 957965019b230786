"""The tables of the report."""

from mnist_cnn.report.blocks import Table
from mnist_cnn.report.numbers import (
    given,
    percent,
    percent_interval,
    points_interval,
    seconds,
)
from mnist_cnn.report.recommendation import short
from mnist_cnn.selection import layout_cut, leading_layouts, leading_networks, network_cut
from mnist_cnn.tables import NetworkCell, NetworkRow, PriceRow, RankingRow, StudyTables

TRAINING = "Training, s"
MACHINE = "Seconds: CPU time of training on this machine"


def _names(cell: NetworkCell) -> tuple[str, str]:
    return cell.model, f"{cell.kernel_size}×{cell.kernel_size}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _marked(tables: StudyTables, rows: list[str]) -> int | None:
    """Finds the row of the recommended network."""
    return rows.index(tables.summary.shown_network) if tables.summary.reason else None


def _rest(cut: str, name: str) -> str:
    """Says where all rows stand, if a table has not all of them."""
    return f" {cut}All are in plots/{name}.csv." if cut else ""


def ranking_table(tables: StudyTables) -> Table:
    """The networks by falling mean, each with what may be said of it; of a large grid the first ones."""
    summary, shown = tables.summary, set(leading_networks(tables))
    ranking = [row for row in tables.ranking if row.network in shown]
    sure = f"{given(summary.confidence)} %"
    heads = (
        "Layout",
        "Kernel",
        "Validation accuracy, % [own interval]",
        "To the best other, points [Hsu]",
        f"Reaches {given(summary.target)} %",
        "May be the best",
        f"Shown within {given(summary.margin)} points",
        TRAINING,
    )
    return Table(
        caption=f"Sorted by mean; that order alone is no ranking. Intervals: {sure}. {MACHINE}."
        + _rest(network_cut(tables), "ranking"),
        heads=heads,
        rows=[_ranking_cells(row, summary.margin) for row in ranking],
        names=2,
        marked=_marked(tables, [row.network for row in ranking]),
    )


def _ranking_cells(row: RankingRow, margin: float) -> tuple[str, ...]:
    own = percent_interval(row.mean, row.lower, row.upper)
    best = points_interval(row.difference, row.best_lower, row.best_upper, margin, signed=True)
    return (
        *_names(row),
        f"{own.estimate} {own.brackets}",
        f"{best.estimate} {best.brackets}",
        str(row.goal),
        _yes(row.may_be_best),
        _yes(row.within_margin),
        seconds(row.training_seconds),
    )


def price_table(tables: StudyTables) -> Table:
    """What each margin buys."""
    cells = {row.network: row for row in tables.networks}
    return Table(
        caption="The cheapest network that each margin buys, and the next that more folds might show."
        f" {MACHINE}.",
        heads=(
            "Margin, points",
            "Network",
            "Validation accuracy, %",
            TRAINING,
            "Not shown yet",
            "Folds needed, about",
        ),
        rows=[_price_cells(row, cells) for row in tables.prices],
        names=2,
    )


def _price_cells(row: PriceRow, cells: dict[str, NetworkRow]) -> tuple[str, ...]:
    return (
        given(row.margin),
        short(cells[row.network]) if row.network else "none shown",
        percent(row.validation_accuracy) if row.validation_accuracy is not None else "–",
        seconds(row.training_seconds) if row.training_seconds is not None else "–",
        short(cells[row.candidate]) if row.candidate else "–",
        f"{row.folds_needed:,}" if row.folds_needed is not None else "–",
    )


def network_table(tables: StudyTables) -> Table:
    """All networks with what was measured; of a large grid those with the highest means."""
    shown = set(leading_networks(tables))
    rows, cut = [row for row in tables.networks if row.network in shown], network_cut(tables)
    spread = (
        "mean ± one standard deviation over the folds" if len(tables.summary.folds) > 1 else "of the one fold"
    )
    return Table(
        caption=f"{cut or 'All networks. '}Accuracies: {spread}; gap: training minus validation accuracy."
        f" {MACHINE}, median over the folds. Test accuracy chose nothing."
        + (" All are in plots/networks.csv." if cut else ""),
        heads=(
            "Layout",
            "Kernel",
            "Weights",
            "Multiplications an image",
            TRAINING,
            "Validation accuracy, %",
            "Test accuracy, %",
            "Gap, points",
            "Validation loss",
        ),
        rows=[_network_cells(row, tables.summary.target) for row in rows],
        names=2,
        marked=_marked(tables, [row.network for row in rows]),
    )


def _network_cells(row: NetworkRow, target: float) -> tuple[str, ...]:
    return (
        *_names(row),
        f"{row.parameters:,}",
        f"{row.multiply_accumulates:,}",
        seconds(row.training_seconds),
        percent(row.validation_accuracy, [target]) + _spread(row.validation_accuracy_std),
        percent(row.test_accuracy) + _spread(row.test_accuracy_std),
        points_interval(row.generalisation_gap, 0, 0, 0, signed=True).estimate,
        f"{row.validation_loss:.4f}",
    )


def _spread(std: float | None) -> str:
    return "" if std is None else f" ± {percent(std)}"


def gap_table(tables: StudyTables) -> Table:
    """By how much each layout does better on images that it has seen."""
    sure = f"{given(tables.summary.confidence)} %"
    shown, rows = leading_layouts(tables), []
    for row in (row for row in tables.gaps if row.model in shown):
        gap = points_interval(row.gap, row.lower, row.upper, 0, signed=True)
        rows.append((row.model, gap.estimate, gap.brackets))
    return Table(
        caption="Training minus validation accuracy of each layout, averaged over the kernels."
        + _rest(layout_cut(tables, shown), "gaps"),
        heads=("Layout", "Gap, percentage points", f"{sure} interval (own)"),
        rows=rows,
    )
