"""Every figure for several grids: nothing overlaps or is cut, and the words hold the tables' numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnist_cnn.choices.params import Architecture, Params
from mnist_cnn.data.dataset import Images
from mnist_cnn.figures import words
from mnist_cnn.figures.all import draw_figures
from mnist_cnn.figures.confusion import commonest
from mnist_cnn.figures.curves import draw_learning_curves
from mnist_cnn.figures.effects import draw_effects
from mnist_cnn.figures.grid import pareto
from mnist_cnn.figures.heat_maps import draw_heat_maps
from mnist_cnn.figures.interaction import draw_interaction
from mnist_cnn.figures.labels import spread
from mnist_cnn.figures.ranking import draw_ranking
from mnist_cnn.figures.style import (
    ReportFigure,
    house_style,
    kernel_looks,
    log_ticks,
    new_figure,
    save_figure,
)
from mnist_cnn.mistakes import Mistakes, hard_digits
from mnist_cnn.mistakes import test_mistakes as find_test_mistakes
from mnist_cnn.report.numbers import counted
from mnist_cnn.tables import StudyTables
from tests.conftest import simulated_study, simulated_tables

ALL = (
    "accuracy_time",
    "ranking",
    "effects",
    "interaction",
    "heat_maps",
    "learning_curves",
    "confusion",
    "misclassified",
    "hard_digits",
)
Drawn = tuple[StudyTables, dict[str, ReportFigure]]


def grids(params: Params) -> dict[str, Params]:
    """Makes the grids that the figures have to cope with."""
    layouts = {
        f"conv{conv}_linear{linear}": Architecture(
            conv_channels=(16,) * conv, hidden_units=(32,) * (linear - 1)
        )
        for conv in (1, 2, 3, 4)
        for linear in (1, 2, 3)
    }
    eight = {name: layers for name, layers in layouts.items() if not name.endswith("3")}
    five = {"tiny": 1, "small": 3, "medium": 5, "large": 7, "huge": 9}
    one_fold = params.train.model_copy(update={"folds": (0,)})
    two = {"conv2_linear1": layouts["conv2_linear1"]}
    changes = {
        "default": {},
        "two": {"models": two, "kernels": {"small": 3, "large": 7}},
        "forty": {"models": eight, "kernels": five},
        "one_fold": {"train": one_fold},
        "one_kernel": {"kernels": {"small": 3}},
        "one_layout": {"models": two},
        "eighty_four": {"models": layouts, "kernels": {f"k{size}": size for size in range(1, 14, 2)}},
    }
    return {name: params.model_copy(update=change) for name, change in changes.items()}


def tables_of(params: Params) -> StudyTables:
    return simulated_tables(params, simulated_study(params))


@pytest.fixture(scope="module")
def mistakes() -> Mistakes:
    rng = np.random.default_rng(0)
    images = Images(rng.integers(0, 256, (300, 28, 28), np.uint8), rng.integers(0, 10, 300).astype(np.uint8))
    wrong = rng.random((6, 300)) < rng.random(300) * 0.6
    predicted = np.where(wrong, (images.labels + 1) % 10, images.labels).astype(np.uint8)
    sure = rng.random((6, 300)).astype(np.float32)
    return Mistakes(find_test_mistakes(images, predicted, sure), hard_digits(images, predicted))


def empty(mistakes: Mistakes) -> Mistakes:
    return Mistakes(*(replace(gallery, mistakes=(), pixels=gallery.pixels[:0]) for gallery in mistakes))


@pytest.fixture(scope="module")
def drawn(params: Params, mistakes: Mistakes) -> dict[str, Drawn]:
    """Draws every figure of four grids, once; the galleries, which do not depend on the grid, for one."""
    result = {}
    for name in ("default", "two", "forty", "one_fold"):
        tables = tables_of(grids(params)[name])
        galleries = mistakes if name == "default" else empty(mistakes)
        result[name] = tables, {figure.name: figure for figure in draw_figures(tables, galleries)}
    return result


def boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Returns the texts that are drawn, with their boxes in pixels."""
    seen: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(text: Text, *args: object, **kwargs: object) -> None:
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_text(), Text.get_window_extent(text)))
        draw(text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, house_style():
        patch.setattr(Text, "draw", recording)
        figure.draw_without_rendering()
    return seen


def defects(figure: Figure) -> Iterator[str]:
    """Says which texts are cut by the edge of the canvas and which overlap by more than a pixel."""
    seen = boxes(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in seen:
        if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > width + 0.5 or box.y1 > height + 0.5:
            yield f"{text!r} is cut"
    for (first, one), (second, other) in combinations(seen, 2):
        overlap = Bbox.intersection(one, other)
        if overlap is not None and overlap.width > 1 and overlap.height > 1:
            yield f"{first!r} and {second!r} overlap"


@pytest.mark.parametrize("grid", ["default", "two", "forty", "one_fold"])
def test_no_text_overlaps_or_is_cut(drawn: dict[str, Drawn], grid: str):
    _, figures = drawn[grid]
    assert [defect for figure in figures.values() for defect in defects(figure.figure)] == []


def test_the_check_sees_what_overlaps_and_what_is_cut():
    figure = new_figure(2)
    figure.set_layout_engine("none")
    for x, text in ((0.5, "one"), (0.51, "other"), (0.99, "a long text")):
        figure.text(x, 0.5, text)
    assert sorted(defects(figure)) == ["'a long text' is cut", "'one' and 'other' overlap"]


@pytest.mark.parametrize(("grid", "expected"), [("default", ALL), ("two", ALL[:7]), ("forty", ALL[:7])])
def test_every_figure_is_drawn(drawn: dict[str, Drawn], grid: str, expected: tuple[str, ...]):
    assert tuple(drawn[grid][1]) == expected
    assert all(figure.figure.get_size_inches()[0] <= 10 for figure in drawn[grid][1].values())


def test_one_fold_has_neither_ranking_nor_effects_nor_intervals(drawn: dict[str, Drawn]):
    _, figures = drawn["one_fold"]
    assert tuple(figures) == tuple(name for name in ALL[:7] if name not in ("ranking", "effects"))
    assert "one fold gives no interval" in figures["accuracy_time"].caption
    assert "ecommended" not in "".join(
        figure.caption + figure.alternative_text for figure in figures.values()
    )


@pytest.mark.parametrize("grid", ["one_kernel", "one_layout"])
def test_a_row_or_a_column_is_a_grid_too(params: Params, grid: str):
    tables = tables_of(grids(params)[grid])
    with house_style():
        figures = [
            draw(tables) for draw in (draw_effects, draw_interaction, draw_heat_maps, draw_learning_curves)
        ]
    assert [defect for figure in figures if figure for defect in defects(figure.figure)] == []
    assert figures[1] is not None
    assert "depend on the layout" not in figures[1].caption


def test_a_grid_of_84_networks_is_cut_and_says_so(params: Params):
    tables = tables_of(grids(params)["eighty_four"])
    with house_style():
        figures = [draw(tables) for draw in (draw_ranking, draw_interaction, draw_heat_maps)]
    assert [defect for figure in figures if figure for defect in defects(figure.figure)] == []
    captions = [figure.caption for figure in figures if figure]
    assert captions[0].startswith("The 40 of 84 networks with the highest means.")
    assert all(caption.startswith("The 5 of 12 layouts with the highest means.") for caption in captions[1:])


@pytest.mark.parametrize("grid", ["default", "two", "forty", "one_fold"])
def test_captions_state_folds_and_images(drawn: dict[str, Drawn], grid: str):
    tables, figures = drawn[grid]
    number = counted(len(tables.summary.folds), "fold")
    for name in ALL[:7]:
        if name in figures:
            assert f"{number}: each run is trained on 50,000 images" in figures[name].caption
            assert "10,000 others" in figures[name].caption


def test_the_words_hold_the_numbers_of_the_tables(drawn: dict[str, Drawn]):
    tables, figures = drawn["default"]
    told = {name: figure.alternative_text for name, figure in figures.items()}
    best, worst = tables.ranking[0], tables.ranking[-1]
    assert f"{100 * best.mean:.2f} %" in told["accuracy_time"]
    for row in (best, worst):
        assert (
            f"{row.model} {row.kernel_size}×{row.kernel_size} with {100 * row.mean:.2f} %" in told["ranking"]
        )
        assert f"{100 * row.mean:.2f} %" in told["heat_maps"]
    assert f"{sum(row.within_margin for row in tables.ranking)} of 15" in told["ranking"]
    for effect in tables.effects:
        if effect.response == "validation_accuracy" and effect.scope == "all":
            assert f"{effect.verdict}; time" in told["effects"]
            assert f"{100 * effect.lower:.2f}".replace("-", "−") in told["effects"]
    wrong = sum(row.images for row in tables.confusion if row.actual != row.predicted)
    assert f"{wrong:,} of 60,000 images" in told["confusion"]
    for row in commonest(tables.confusion):
        assert f"{row.actual} taken for {row.predicted} ({row.images} images)" in told["confusion"]
    for slope in tables.networks:
        if slope.kernel_size in (3, 7):
            assert (
                f"{100 * slope.validation_accuracy:.2f} % in {slope.training_seconds:.1f} s"
                in told["interaction"]
            )


def test_the_galleries_count_what_they_show(drawn: dict[str, Drawn], mistakes: Mistakes):
    _, figures = drawn["default"]
    total, everyone = len(mistakes.test.mistakes), mistakes.test.missed_by_all
    assert total > 48
    assert everyone > 0
    assert figures["misclassified"].caption.startswith(f"The first 48 of {total} test digits (of 300)")
    assert f"missed by all 6 models ({everyone} digits)" in figures["misclassified"].caption
    labels = {text for text, _ in boxes(figures["misclassified"].figure)}
    first = mistakes.test.mistakes[0]
    assert (
        f"{first.label} → {first.predicted}, p {first.probability:.2f}\n6 of 6\nno. {first.index}" in labels
    )


def test_the_lead_figure_names_its_networks(drawn: dict[str, Drawn]):
    tables, figures = drawn["default"]
    texts = [text for text, _ in boxes(figures["accuracy_time"].figure)]
    names = [words.network_name(row) for row in tables.networks]
    assert sorted(set(texts) & set(names)) == sorted(names)
    tables, figures = drawn["forty"]
    texts = [text for text, _ in boxes(figures["accuracy_time"].figure)]
    named = {words.network_name(row) for row in tables.networks} & set(texts)
    important = {words.network_name(row) for row in pareto(tables.networks)}
    assert named <= important
    shown = next(row for row in tables.networks if row.network == tables.summary.shown_network)
    assert words.network_name(shown) in named


def test_pareto_keeps_what_nothing_beats_in_both(drawn: dict[str, Drawn]):
    tables, _ = drawn["forty"]
    front = {row.network for row in pareto(tables.networks)}
    for row in tables.networks:
        beaten = any(
            other.training_seconds <= row.training_seconds
            and other.validation_accuracy > row.validation_accuracy
            for other in tables.networks
        )
        assert (row.network in front) is not beaten


def test_two_drawings_and_two_savings_have_the_same_bytes(drawn: dict[str, Drawn], tmp_path: Path):
    tables, figures = drawn["default"]
    with house_style():
        again = draw_heat_maps(tables)
    for folder, heat_maps in (("a", figures["heat_maps"]), ("b", again)):
        for figure in (heat_maps, figures["effects"]):
            save_figure(figure, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["effects.png", "effects.svg", "heat_maps.png", "heat_maps.svg"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    drawing = (tmp_path / "a" / "effects.svg").read_text(encoding="utf-8")
    assert "<dc:date>" not in drawing
    assert len(drawing) < 300_000


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((1.8, 24), [2, 5, 10, 20]),
        ((8, 25), [10, 15, 20]),
        ((0.9, 2.4), [1, 1.5, 2]),
        ((8.4, 18), [10, 12, 14, 16, 18]),
    ],
)
def test_log_ticks_are_plain_numbers(limits: tuple[float, float], expected: list[float]):
    assert log_ticks(*limits) == pytest.approx(expected)


def test_spread_keeps_order_gap_and_limits():
    places: Sequence[float] = [5.0, 4.9, 0.0, 20.0]
    moved = spread(places, 2, 0, 20)
    assert moved == pytest.approx([5.95, 3.95, 0, 20])
    assert spread([1, 1, 1], 10, 0, 4) == pytest.approx([0, 2, 4])
    assert spread([], 1, 0, 1) == []


def test_kernels_differ_in_colour_and_marker():
    looks = list(kernel_looks(range(1, 28, 2)).values())
    assert len({(look.colour, look.marker) for look in looks}) == 14
    assert [look.marker for look in looks[:3]] == ["o", "s", "^"]
    assert len({look.colour for look in looks[:7]}) == len({look.marker for look in looks[:7]}) == 7


def test_a_bound_that_is_shown_to_be_above_zero_is_not_written_as_zero(drawn: dict[str, Drawn]):
    tables, _ = drawn["two"]
    first = tables.effects[0].model_copy(update={"lower": 0.00003})
    with house_style():
        figure = draw_effects(tables._replace(effects=[first, *tables.effects[1:]]))
    assert figure is not None
    assert "points (+0.003 to +" in figure.alternative_text
