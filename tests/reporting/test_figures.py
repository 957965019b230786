"""Every figure for several grids: what it shows, that no text is cut or overlaps, that its bytes stay."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy._core import _multiarray_umath as numpy_core

from mnist_cnn.reporting.figures import (
    accuracy_cost,
    effect_intervals,
    interaction,
    learning_curves,
    mistakes,
    ranking,
    style,
    training_time,
)
from mnist_cnn.reporting.figures.style import TIERS
from tests.support.repositories import TOP
from tests.support.studies import CASES, sample, sample_times

PIXELS = np.arange(600 * 784, dtype=np.uint32).astype(np.uint8).reshape(600, 28, 28)


@cache
def draw_all(case: str) -> dict[str, Figure]:
    one = sample(case)
    missed = {"one fold": one.missed[:0], "usual": pd.concat([one.missed] * 2)}.get(case, one.missed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {
            "accuracy_cost": accuracy_cost.draw(one.networks, one.summary),
            "ranking": ranking.draw(one.networks, one.summary),
            "effects": effect_intervals.draw(one.effects, one.summary),
            "interaction": interaction.draw(one.networks),
            "learning_curves": learning_curves.draw(one.curves),
            "mistakes": mistakes.draw(one.confusion, missed, PIXELS, one.summary),
            "timing": training_time.draw(*sample_times(case)),
        }


def save_all(directory: Path) -> None:
    draw_all.cache_clear()
    for name, figure in draw_all("usual").items():
        style.save(figure, directory / f"{name}.svg")


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Returns the texts that are drawn, with their boxes in pixels."""
    boxes: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(text: Text, *args: object, **kwargs: object) -> None:
        if text.get_visible() and text.get_text().strip():
            boxes.append((text.get_text(), Text.get_window_extent(text)))
        draw(text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, style.figure_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(Text, "draw", recording)
        figure.draw_without_rendering()
    return boxes


def texts(case: str, name: str) -> list[str]:
    return [text.replace("\u00a0", " ") for text, _ in text_boxes(draw_all(case)[name])]


def defects(figure: Figure) -> Iterator[str]:
    """Yields which texts are cut by the edge and which overlap; numbers in markers lie where these lie."""
    boxes = text_boxes(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            yield f"{text!r} is cut"
    for (first, one), (second, other) in combinations(boxes, 2):
        overlap = Bbox.intersection(one, other)
        in_markers = first.isdigit() and second.isdigit()
        if not in_markers and overlap is not None and overlap.width > 1 and overlap.height > 3:
            yield f"{first!r} and {second!r} overlap"


@pytest.mark.parametrize("case", CASES)
def test_no_text_is_cut_or_overlaps(case: str) -> None:
    assert [(name, defect) for name, figure in draw_all(case).items() for defect in defects(figure)] == []


def test_the_check_finds_what_is_cut_and_what_overlaps() -> None:
    figure = style.new_figure(2)
    figure.set_layout_engine("none")
    for x, text in ((0.5, "one"), (0.51, "other"), (0.99, "a long text")):
        figure.text(x, 0.5, text)
    assert sorted(defects(figure)) == ["'a long text' is cut", "'one' and 'other' overlap"]


@pytest.mark.parametrize("case", ["usual", "forty networks", "none chosen", "a network collapsed"])
def test_first_figure_shows_every_network_with_its_tier_and_the_choice(case: str) -> None:
    networks, axes = sample(case).networks.dropna(subset="accuracy"), draw_all(case)["accuracy_cost"].axes[0]
    for tier, marker in TIERS.items():
        drawn = [
            line.get_xydata()[0]
            for line in axes.lines
            if line.get_marker() == marker.marker and to_hex(line.get_color()) == marker.colour.lower()
        ]
        rows = networks[networks["tier"] == tier]
        positions = np.stack([rows["multiply_accumulates"] / 1e6, 100 * rows["accuracy"]], axis=1)
        assert np.allclose(sorted(map(tuple, drawn)), sorted(map(tuple, positions)))
    sizes = [text.get_text() for text in axes.texts if text.get_text().isdigit()]
    assert sorted(sizes) == sorted(networks["kernel_size"].astype(str))
    chosen = networks[networks["chosen"]]
    names = [text for text in texts(case, "accuracy_cost") if "\n" in text]
    assert names == [f"{row.network}\n{100 * row.accuracy:.2f} %" for row in chosen.itertuples()]
    rings = [line.get_xdata()[0] for line in axes.lines if line.get_fillstyle() == "none"]
    assert rings == (chosen["multiply_accumulates"] / 1e6).tolist()


def test_pareto_front() -> None:
    table = pd.DataFrame(
        {"multiply_accumulates": [3, 1, 2, 4, 2, 5, 1], "accuracy": [0.8, 0.7, 0.9, 0.9, 0.6, 0.95, 0.99]}
    ).assign(gap=[0, 0, 0, 0, 0, 0, None])  # the last one is not compared
    assert accuracy_cost.pareto_front(table)["accuracy"].tolist() == [0.7, 0.9, 0.95]


@pytest.mark.parametrize(("target", "count"), [(0.985, 1), (0.5, 0)])
def test_target_and_margin_are_drawn(target: float, count: int) -> None:
    """A network that collapsed in one run keeps the mean of the others, and may lie above the best one."""
    networks = sample().networks
    best = networks.iloc[1]
    summary = sample().summary.model_copy(update={"target": target, "most_accurate": best["network"]})
    for module in (accuracy_cost, ranking):
        figure = module.draw(networks, summary)
        ends = [end for line in figure.axes[0].lines for end in (*line.get_xdata(), *line.get_ydata())]
        assert ends.count(100 * target) == 2 * count
        assert [text for text, _ in text_boxes(figure)].count("target") == count
        assert list(defects(figure)) == []
        (band,) = [patch for patch in figure.axes[0].patches if patch.get_zorder() == 0]
        corners = band.get_extents().transformed(band.axes.transData.inverted()).get_points()
        edges = 100 * (best["accuracy"] - np.array([summary.margin, 0]))
        assert np.isclose(corners, edges[:, None]).any(axis=1).all()


def test_ranking_sorts_the_networks_and_draws_the_intervals_of_their_gaps() -> None:
    networks = sample().networks.sort_values("accuracy", ascending=False, kind="stable")
    axes = draw_all("usual")["ranking"].axes[0]
    labels = axes.get_yticklabels()
    assert [label.get_text() for label in labels] == networks["network"].tolist()
    bold = [label.get_text() for label in labels if label.get_fontweight() == "bold"]
    assert bold == [sample().summary.chosen]
    bars = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    best = networks["accuracy"].max()
    assert np.allclose(bars, 100 * (best - networks[["gap_high", "gap_low"]]))


def test_effects_have_their_verdicts() -> None:
    labels = {"more": "more than 0.2", "at_most": "at most 0.2", "undecided": "undecided"}
    one = sample()
    effects = one.effects.assign(verdict=[*labels, *labels], estimate=0.0034, lower=0.003, upper=0.004)
    drawn = [text for text, _ in text_boxes(effect_intervals.draw(effects, one.summary))]
    assert [text for text in drawn if text in labels.values()] == [*labels.values()] * 2
    assert drawn.count("+0.34") == len(effects)
    assert {"kernel 3×3 → 5×5", "convolutional layers 2 → 3"} <= set(texts("usual", "effects"))


def test_interaction_has_one_named_line_per_layout() -> None:
    networks, figure = sample().networks, draw_all("usual")["interaction"]
    assert set(networks["model"]) <= set(texts("usual", "interaction"))
    lines = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_ydata()) == 3]
    assert np.allclose(lines, 100 * networks["accuracy"].to_numpy().reshape(-1, 3))


def test_spread_keeps_order_and_gap() -> None:
    assert interaction.spread([5.0, 4.9, 0.0], 2) == pytest.approx([5.95, 3.95, 0])
    assert np.diff(interaction.spread([1.0] * 8, 1)) == pytest.approx(1, abs=0.02)
    assert interaction.spread([], 1) == []


def test_learning_curves_show_loss_and_accuracy_of_every_network() -> None:
    panels, curves = draw_all("usual")["learning_curves"].axes, sample().curves
    assert [panel.get_title("left") for panel in panels[::2]] == curves["model"].unique().tolist()
    first = curves[curves["network"] == curves["network"][0]]
    assert np.allclose(panels[0].lines[0].get_ydata(), first["validation_loss"])
    assert np.allclose(panels[1].lines[0].get_ydata(), 1 - first["validation_accuracy"])
    assert {len(panel.lines) for panel in panels} == {6}  # three kernels, validation and training
    assert {"Loss", "Accuracy, %", "95", "98"} <= set(texts("usual", "learning_curves"))


def test_mistakes_leave_the_diagonal_out_and_count_what_they_show() -> None:
    drawn = texts("usual", "mistakes")
    assert f"{sample().summary.chosen}: 24 of 600 wrong" in drawn
    assert "24 of 48 images that all networks get wrong: true → predicted" in drawn
    assert len(draw_all("usual")["mistakes"].axes[1].images) == 24
    assert "0 images that all networks get wrong: true → predicted" in texts("one fold", "mistakes")
    assert {"0 → 3", "6", "5 → 8"} <= set(drawn)
    assert "48" not in drawn
    assert {"T-shirt\n→ Dress", "Boot"} <= set(texts("clothes", "mistakes"))


def test_training_time_shows_every_network_and_every_ratio() -> None:
    (networks, effects), figure = sample_times(), draw_all("usual")["timing"]
    lengths = sorted(bar.get_width() for bar in figure.axes[1].patches)
    assert lengths == pytest.approx(sorted(networks["seconds"]))
    ratios = {f"× {ratio:.2f}" for ratio in effects["ratio"]}
    assert ratios | {"kernel 3×3 → 5×5", "convolutional layers 1 → 2"} <= set(texts("usual", "timing"))
    assert len(draw_all("one network")["timing"].axes) == 1


def test_marker_styles_differ() -> None:
    styles = list(style.marker_styles(range(14)).values())
    assert len({(one.colour, one.marker) for one in styles}) == 14
    assert len({one.colour for one in styles[:7]}) == len({one.marker for one in styles[:7]}) == 7


def test_the_bytes_depend_on_neither_the_time_nor_the_settings_nor_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_all(tmp_path / "one")
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "other", "svg.fonttype": "none"}):
        save_all(tmp_path / "two")
    features = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__[name]]
    script = "import sys; from tests.reporting.test_figures import *; save_all(Path(sys.argv[1]))"
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", " ".join(features))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOP), str(TOP / "src")]))
    subprocess.run([sys.executable, "-W", "error", "-c", script, tmp_path / "three"], check=True, cwd=TOP)
    for path in sorted((tmp_path / "one").iterdir()):
        drawing = path.read_bytes()
        assert drawing == (tmp_path / "two" / path.name).read_bytes()
        assert drawing == (tmp_path / "three" / path.name).read_bytes()
        assert b"<dc:date>" not in drawing
        assert b"<text" not in drawing
        assert len(drawing) < 300_000
