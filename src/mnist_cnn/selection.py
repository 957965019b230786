"""What of a large grid is shown one by one: the same in every figure, table and list of names.

A grid of up to `MOST_NETWORKS` networks is shown whole. Of a larger one, those with the highest means are
shown, and always the recommended one; what shows them says of how many. The files under plots/ hold all.
"""

from collections.abc import Sequence

from mnist_cnn.tables import NetworkRow, StudyTables

MOST_NETWORKS = 40  # rows of a table or a figure; with more it is leafed through, not read
ALL_NAMED_UP_TO = 20  # networks beside each other in a figure or a sentence
FIRST_NAMED = 5  # of more in a sentence


def is_large(networks: Sequence[NetworkRow]) -> bool:
    """Whether a grid has more networks than are shown one by one."""
    return len(networks) > MOST_NETWORKS


def leading_networks(tables: StudyTables) -> list[str]:
    """Names the networks that are shown: by falling mean, a recommended one that is below them last."""
    return _leading(_ranked_networks(tables), MOST_NETWORKS, tables.summary.shown_network)


def leading_layouts(tables: StudyTables, most: int = MOST_NETWORKS) -> list[str]:
    """Names the layouts that are shown, in the order of params.yaml.

    Args:
        tables: The study.
        most: Layouts that there is room for; their networks are no more than `MOST_NETWORKS` either.
    """
    ranked = _ranked_layouts(tables.networks)
    most = min(most, max(MOST_NETWORKS * len(ranked) // len(tables.networks), 1))
    recommended = next(row.model for row in tables.networks if row.network == tables.summary.shown_network)
    kept = _leading(ranked, most, recommended)
    return [name for name in dict.fromkeys(row.model for row in tables.networks) if name in kept]


def network_cut(tables: StudyTables) -> str:
    """Says which of the networks are shown, a sentence and a space; empty if all are."""
    return _cut(leading_networks(tables), _ranked_networks(tables), "networks", "the recommended one")


def layout_cut(tables: StudyTables, shown: Sequence[str]) -> str:
    """Says which of the layouts are shown, a sentence and a space; empty if all are."""
    return _cut(shown, _ranked_layouts(tables.networks), "layouts", "that of the recommended network")


def leading_names(names: Sequence[str]) -> list[str]:
    """Returns names for a sentence: all, or of many the first ones and how many more there are."""
    if len(names) <= ALL_NAMED_UP_TO:
        return list(names)
    return [*names[:FIRST_NAMED], f"{len(names) - FIRST_NAMED:,} more"]


def _ranked_networks(tables: StudyTables) -> list[str]:
    """Names all networks by falling mean; one fold has no ranking to take them from."""
    by_mean = sorted(tables.networks, key=lambda row: -row.validation_accuracy)
    return [row.network for row in tables.ranking or by_mean]


def _ranked_layouts(networks: Sequence[NetworkRow]) -> list[str]:
    """Names all layouts, the one with the most accurate network first."""
    highest: dict[str, float] = {}
    for row in networks:
        highest[row.model] = max(row.validation_accuracy, highest.get(row.model, 0.0))
    return sorted(highest, key=lambda name: -highest[name])


def _leading(ranked: Sequence[str], most: int, recommended: str) -> list[str]:
    """Takes the first ones; if the recommended one is not among them, it has the last place."""
    first = list(ranked[:most])
    return first if recommended in first else [*first[:-1], recommended]


def _cut(shown: Sequence[str], ranked: Sequence[str], noun: str, other: str) -> str:
    """Says how many of how many are shown, and whether one is there for being recommended alone."""
    count = len(shown)
    if count == len(ranked):
        return ""
    if set(shown) == set(ranked[:count]):
        return f"The {count} of {len(ranked):,} {noun} with the highest means. "
    return f"The {count - 1} of {len(ranked):,} {noun} with the highest means, and {other}. "
