"""The report as a whole: its sections in their order, each with its figures."""

from collections.abc import Sequence

from mnist_cnn.report import sections
from mnist_cnn.report.blocks import Block, Figure, Paragraph, Picture, Report, Section
from mnist_cnn.report.finding import finding
from mnist_cnn.report.limits import limits, method
from mnist_cnn.report.numbers import listed
from mnist_cnn.report.recommendation import called, network, short
from mnist_cnn.tables import StudyTables

TITLE = "Which CNN should I take for MNIST, and does the difference mean anything?"
CONFUSIONS = 5  # the commonest ones, which the text names


def compose(tables: StudyTables, pictures: Sequence[Picture]) -> Report:
    """Makes the report of a study.

    Args:
        tables: What the study found.
        pictures: Its figures; one that no section asks for by its name comes last.
    """
    left = {picture.name: picture for picture in pictures}
    parts = []
    for anchor, title, blocks, names in _outline(tables):
        if blocks:
            figures = [Figure(left.pop(name)) for name in names if name in left]
            parts.append(Section(anchor, title, [*blocks, *figures]))
    if left:
        parts.append(Section("figures", "More figures", [Figure(picture) for picture in left.values()]))
    return Report(TITLE, finding(tables), parts)


def _outline(tables: StudyTables) -> list[tuple[str, str, list[Block], tuple[str, ...]]]:
    """Lists the sections: anchor, title, blocks (none: no section) and the names of their figures."""
    if tables.ranking:
        lead = ("recommended", "The recommended network", sections.recommended(tables), ("accuracy_time",))
        effects = sections.effects(tables)
    else:
        lead = ("fold", "One fold", _one_fold(tables), ("accuracy_time",))
        effects = []
    mistaken = ("confusion", "misclassified", "hard_digits")
    overfitting = sections.overfitting(tables)
    return [
        lead,
        ("effects", "What each choice does", effects, ("effects", "interaction")),
        ("ranking", "Which networks differ", sections.ranking(tables), ("ranking",)),
        ("prices", "What another margin would buy", sections.prices(tables), ()),
        ("networks", "All networks", sections.networks(tables), ("heat_maps",)),
        ("overfitting", "Does a larger network overfit?", overfitting, ("learning_curves",)),
        ("mistakes", "What it mistakes", _mistakes(tables), mistaken),
        ("limits", "What the study cannot say", limits(tables), ()),
        ("method", "How it was done", method(tables), ()),
    ]


def _one_fold(tables: StudyTables) -> list[Block]:
    """Says what one fold still shows."""
    name = short(network(tables, tables.summary.shown_network))
    return [
        Paragraph(
            f"The tables and figures show what fold {tables.summary.folds[0]} gave, and nothing can be"
            f" concluded from their differences. Mistakes are those of {name}, whose run had the highest"
            " accuracy."
        )
    ]


def _mistakes(tables: StudyTables) -> list[Block]:
    """Names the commonest confusions of the shown network."""
    wrong = [row for row in tables.confusion if row.actual != row.predicted and row.images]
    if not wrong:
        return []
    common = sorted(wrong, key=lambda row: (-row.images, row.actual, row.predicted))[:CONFUSIONS]
    images = sum(row.images for row in tables.confusion)
    return [
        Paragraph(
            f"{called(network(tables, tables.summary.shown_network))} took"
            f" {sum(row.images for row in wrong):,} of {images:,} validation images for another digit; most"
            " often " + listed([f"{row.actual} for {row.predicted} ({row.images:,})" for row in common]) + "."
        )
    ]
