"""What of a large grid is shown: the rule, and that report and figures follow it and say so."""

import pytest
from matplotlib.figure import Figure

from mnist_cnn.choices.params import Params
from mnist_cnn.figures.accuracy_time import draw_accuracy_time
from mnist_cnn.figures.effects import draw_effects
from mnist_cnn.figures.grid import pareto
from mnist_cnn.figures.heat_maps import draw_heat_maps
from mnist_cnn.figures.ranking import draw_ranking
from mnist_cnn.figures.style import house_style
from mnist_cnn.figures.words import network_name
from mnist_cnn.findings import pair_rows
from mnist_cnn.report.content import compose
from mnist_cnn.report.markdown import to_markdown
from mnist_cnn.selection import (
    MOST_NETWORKS,
    layout_cut,
    leading_layouts,
    leading_names,
    leading_networks,
    network_cut,
)
from mnist_cnn.show import print_table
from mnist_cnn.tables import StudyTables
from tests.conftest import simulated_study, simulated_tables
from tests.test_figures import boxes, defects, grids


@pytest.fixture(scope="module")
def large(params: Params) -> StudyTables:
    """84 networks: 12 layouts with 7 kernels."""
    grid = grids(params)["eighty_four"]
    return simulated_tables(grid, simulated_study(grid))


@pytest.fixture(scope="module")
def cheap(large: StudyTables) -> StudyTables:
    """The same, with a network recommended that is far from the highest mean."""
    name = large.ranking[70].network
    ranking = [row.model_copy(update={"recommended": row.network == name}) for row in large.ranking]
    return large._replace(ranking=ranking, summary=large.summary.model_copy(update={"shown_network": name}))


def depending(tables: StudyTables) -> StudyTables:
    return tables._replace(summary=tables.summary.model_copy(update={"kernel_depends_on_layout": True}))


def texts(figure: Figure) -> set[str]:
    return {text for text, _ in boxes(figure)}


def test_grid_of_forty_is_shown_whole(params: Params) -> None:
    grid = grids(params)["forty"]
    tables = simulated_tables(grid, simulated_study(grid))
    assert leading_networks(tables) == [row.network for row in tables.ranking]
    assert leading_layouts(tables) == list(grid.models)
    assert network_cut(tables) == layout_cut(tables, leading_layouts(tables)) == ""
    assert len(tables.pairs) == 40 * 39 / 2


def test_large_grid_shows_the_highest_means(large: StudyTables) -> None:
    assert leading_networks(large) == [row.network for row in large.ranking[:MOST_NETWORKS]]
    assert network_cut(large) == "The 40 of 84 networks with the highest means. "
    best = max(large.networks, key=lambda row: row.validation_accuracy)
    layouts = leading_layouts(large)
    assert best.model in layouts
    assert len(layouts) == MOST_NETWORKS // 7
    assert leading_layouts(large, 2) == [name for name in layouts if name in leading_layouts(large, 2)]
    assert len(leading_layouts(large, 2)) == 2


def test_recommended_network_is_always_shown(cheap: StudyTables) -> None:
    recommended = cheap.ranking[70]
    names = [row.network for row in cheap.ranking]
    assert leading_networks(cheap) == [*names[: MOST_NETWORKS - 1], recommended.network]
    assert network_cut(cheap) == "The 39 of 84 networks with the highest means, and the recommended one. "
    assert recommended.model in leading_layouts(cheap)
    with house_style():
        ranking, lead, maps = draw_ranking(cheap), draw_accuracy_time(cheap), draw_heat_maps(cheap)
    assert ranking is not None
    for figure in (ranking, lead):
        assert network_name(recommended) in texts(figure.figure)
    assert recommended.model in texts(maps.figure)
    assert [defect for figure in (ranking, lead, maps) for defect in defects(figure.figure)] == []


def test_one_fold_has_the_same_rule(params: Params) -> None:
    grid = grids(params)["eighty_four"]
    grid = grid.model_copy(update={"train": params.train.model_copy(update={"folds": (0,)})})
    tables = simulated_tables(grid, simulated_study(grid))
    shown = set(leading_networks(tables))
    accuracies = {row.network: row.validation_accuracy for row in tables.networks}
    assert len(shown) == MOST_NETWORKS
    assert min(accuracies[name] for name in shown) >= max(
        accuracy for name, accuracy in accuracies.items() if name not in shown
    )


def test_terminal_shows_the_same_networks(cheap: StudyTables, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(cheap)
    printed = capsys.readouterr().out
    assert sum(line.startswith("│") for line in printed.splitlines()) == MOST_NETWORKS
    assert printed.endswith("and the recommended one. All are in plots/networks.csv.\n")


def test_names_in_a_sentence() -> None:
    assert leading_names(["a", "b"]) == ["a", "b"]
    assert leading_names([str(i) for i in range(1005)]) == ["0", "1", "2", "3", "4", "1,000 more"]


def test_lead_figure_of_a_large_grid_keeps_the_trade_offs(large: StudyTables) -> None:
    with house_style():
        figure = draw_accuracy_time(large)
    front = pareto(large.networks)
    kept = {row.network for row in front} | {large.summary.shown_network}
    assert f"Small marks are {84 - len(kept)} more networks" in figure.caption
    named = {network_name(row) for row in large.networks} & texts(figure.figure)
    assert named <= {network_name(row) for row in large.networks if row.network in kept}
    for row in large.networks:  # what the caption says of the small marks
        assert row.network in kept or any(
            one.training_seconds <= row.training_seconds
            and one.validation_accuracy >= row.validation_accuracy
            for one in front
        )


def test_effects_of_many_layouts_share_a_row(large: StudyTables) -> None:
    with house_style():
        figure = draw_effects(depending(large))
    assert figure is not None
    assert list(defects(figure.figure)) == []
    estimates = [
        100 * row.estimate
        for row in large.effects
        if (row.response, row.low, row.high) == ("validation_accuracy", 1, 13) and row.scope != "all"
    ]
    assert len(estimates) == 12
    told = f"{min(estimates):+.2f} to {max(estimates):+.2f} in 12 layouts".replace("-", "−")
    assert f"kernel 1×1 → 13×13 in each layout: {told}" in figure.alternative_text
    assert "dark where a direction is shown" in figure.caption


def test_report_of_a_large_grid(cheap: StudyTables) -> None:
    text = to_markdown(compose(depending(cheap), []))
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    for title, file in (("Which networks differ", "ranking"), ("All networks", "networks")):
        rows = [line for line in sections[title].splitlines() if line.startswith("|")]
        assert len(rows) == 2 + MOST_NETWORKS
        assert sum(line.startswith("| **") for line in rows) == 1  # the recommended one
        assert f"All are in plots/{file}.csv." in sections[title]
        assert "The 39 of 84 networks with the highest means, and the recommended one." in sections[title]
    shown = leading_layouts(cheap)
    steps = [line for line in sections["What each choice does"].splitlines() if " (in " in line]
    assert len(steps) == 7 * len(shown)
    assert all(any(f"(in {name})" in line for name in shown) for line in steps)
    assert "All are in plots/effects.csv." in sections["What each choice does"]
    assert "All are in plots/gaps.csv." in sections["Does a larger network overfit?"]


def test_pairs_of_a_large_grid_keep_the_confidence_of_all(params: Params, large: StudyTables) -> None:
    grid = grids(params)["eighty_four"]
    study = simulated_study(grid)
    pairs = pair_rows(study, grid.compare)
    assert {row.first for row in pairs} == {large.summary.most_accurate}
    assert len({row.second for row in pairs}) == len(pairs) == 83
    half = {round(row.upper - row.difference, 12) for row in pairs}
    (expected,) = {round(2 * row.comparison_half_width, 12) for row in large.ranking}  # of all pairs
    assert half == {expected}
    text = to_markdown(compose(large, []))
    differ = sum(row.differ for row in pairs)
    assert "Of the 3,486 pairs of networks, plots/pairs.csv has the 83 with " in text
    assert f"; {differ} of them are shown to differ. Their intervals are Tukey's for all 3,486 pairs" in text
