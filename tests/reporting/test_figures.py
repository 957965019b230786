"""Every figure for several grids: what it shows, that no text is cut or overlaps, that its bytes stay."""

import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy._core import _multiarray_umath as numpy_core

from mnist_cnn.reporting.answer import pareto_front
from mnist_cnn.reporting.figures import (
    accuracy_cost,
    intervals,
    learning_curves,
    mistakes,
    style,
    training_time,
)
from mnist_cnn.reporting.figures.style import TIERS, VERDICTS
from tests.support.figures import defects, text_boxes
from tests.support.repositories import TOP
from tests.support.studies import CASES, sample, sample_times

PIXELS = np.arange(600 * 784, dtype=np.uint32).astype(np.uint8).reshape(600, 28, 28)


@cache
def draw_all(case: str) -> dict[str, Figure]:
    one = sample(case)
    missed = {"one fold": one.missed[:0], "usual": pd.concat([one.missed] * 2)}.get(case, one.missed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = {
            "accuracy_cost": accuracy_cost.draw(one.networks, one.summary),
            "effects": intervals.draw_effects(one.effects, one.summary),
            "learning_curves": learning_curves.draw(one.curves, one.networks),
            "mistakes": mistakes.draw(one.confusion, missed, PIXELS, one.summary),
            "timing": training_time.draw(*sample_times(case)),
        }
        if (test := one.summary.interaction) is not None:
            figures["interaction"] = intervals.draw_interaction(test, one.networks, one.summary)
        return figures


def save_all(directory: Path) -> None:
    draw_all.cache_clear()
    for name, figure in draw_all("usual").items():
        style.save(figure, directory / f"{name}.svg")


def texts(case: str, name: str) -> list[str]:
    return [text.replace("\u00a0", " ") for text, _ in text_boxes(draw_all(case)[name])]


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
    best = networks[networks["network"] == sample(case).summary.most_accurate].iloc[0]
    names = {text for text in texts(case, "accuracy_cost") if "\n" in text}
    both = "chosen and best" if best["chosen"] else "chosen"
    expected = {f"{row.network}\n{both}, {100 * row.accuracy:.2f} %" for row in chosen.itertuples()}
    assert expected <= names <= expected | {f"{best.network}\nbest, {100 * best.accuracy:.2f} %"}
    rings = [line.get_xdata()[0] for line in axes.lines if line.get_fillstyle() == "none"]
    assert rings == (chosen["multiply_accumulates"] / 1e6).tolist()


def test_pareto_front() -> None:
    table = pd.DataFrame(
        {"multiply_accumulates": [3, 1, 2, 4, 2, 5, 1], "accuracy": [0.8, 0.7, 0.9, 0.9, 0.6, 0.95, 0.99]}
    ).assign(gap=[0, 0, 0, 0, 0, 0, None])  # the last one is not compared
    assert pareto_front(table)["accuracy"].tolist() == [0.7, 0.9, 0.95]


@pytest.mark.parametrize(("target", "count"), [(0.985, 1), (0.5, 0)])
def test_target_and_margin_are_drawn(target: float, count: int) -> None:
    """A network that collapsed in one run keeps the mean of the others, and may lie above the best one."""
    networks = sample().networks
    best = networks.iloc[1]
    summary = sample().summary.model_copy(update={"target": target, "most_accurate": best["network"]})
    figure = accuracy_cost.draw(networks, summary)
    heights = [height for line in figure.axes[0].lines for height in line.get_ydata()]
    assert heights.count(100 * target) == 2 * count
    assert [text for text, _ in text_boxes(figure)].count("target") == count
    assert list(defects(figure)) == []
    (band,) = figure.axes[0].patches
    corners = band.get_extents().transformed(band.axes.transData.inverted()).get_points()
    assert corners[:, 1] == pytest.approx(100 * (best["accuracy"] - np.array([summary.margin, 0])))


def test_first_figure_joins_the_networks_of_each_layout_and_names_it() -> None:
    networks, axes = sample().networks, draw_all("usual")["accuracy_cost"].axes[0]
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 3]
    assert np.allclose(lines, 100 * networks["accuracy"].to_numpy().reshape(-1, 3))
    names = texts("usual", "accuracy_cost")
    assert [model for model in networks["model"].unique() if not any(model in name for name in names)] == []


def test_effects_have_their_numbers_and_verdicts() -> None:
    labels = {"more": "matters", "at_most": "too small to matter", "undecided": "may matter"}
    one = sample()
    effects = one.effects.assign(verdict=[*labels, *labels], estimate=0.0034, lower=0.003, upper=0.004)
    figure = intervals.draw_effects(effects, one.summary)
    drawn = [text.replace("\u00a0", " ") for text, _ in text_boxes(figure)]
    assert [text for text in drawn if text in labels.values()][:6] == [*labels.values()] * 2
    assert drawn.count("+0.34 [+0.30, +0.40]") == len(effects)
    colours = [
        to_hex(line.get_color()).upper() for line in figure.axes[0].lines if len(line.get_xdata()) == 1
    ]
    assert colours == [VERDICTS[verdict].colour for verdict in effects["verdict"]]
    assert {"kernel 3×3 → 5×5", "convolutional layers\n2 → 3"} <= set(texts("usual", "effects"))


def test_interaction_has_one_row_per_layout_with_its_interval() -> None:
    networks, summary = sample().networks, sample().summary
    assert summary.interaction is not None
    axes = draw_all("usual")["interaction"].axes[0]
    rows = {effect.model: effect for effect in summary.interaction.by_layout}
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == networks["model"].unique().tolist()
    bars = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    assert np.allclose(bars, [[100 * rows[name].lower, 100 * rows[name].upper] for name in names])


def test_learning_curves_show_the_mean_of_the_layouts_with_so_many_convolutional_layers() -> None:
    panels, networks = draw_all("usual")["learning_curves"].axes, sample().networks
    assert [panel.get_title("left") for panel in panels] == [
        f"{depth} convolutional\nlayer{'s' * (depth > 1)}" for depth in sorted(set(networks["conv_layers"]))
    ]
    some = networks["network"][(networks["conv_layers"] == 1) & (networks["kernel_size"] == 3)]
    points = sample().curves[sample().curves["network"].isin(some)].groupby("epoch").mean(numeric_only=True)
    for line, part in zip(panels[0].lines, ("validation", "train"), strict=False):
        assert np.allclose(line.get_ydata(), 1 - points[f"{part}_accuracy"])
    assert {len(panel.lines) for panel in panels} == {6}  # three kernels, validation and training
    assert {"3×3", "7×7", "validation", "training", "98"} <= set(texts("usual", "learning_curves"))


def test_mistakes_leave_the_diagonal_out_and_count_what_they_show() -> None:
    drawn = texts("usual", "mistakes")
    assert f"{sample().summary.chosen}: 24 of 600 predictions wrong" in drawn
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
    drawn = texts("usual", "timing")
    ratios = {f"×{row.ratio:.2f} [{row.lower:.2f}, {row.upper:.2f}]" for row in effects.itertuples()}
    assert ratios | {"kernel 3×3 → 5×5", "convolutional layers\n1 → 2", "3×3", "7×7"} <= set(drawn)
    assert len(draw_all("one network")["timing"].axes) == 1


def test_kernels_have_their_own_shades_and_markers() -> None:
    styles = style.kernel_styles([9, 3, 5, 7, 1, 3])
    assert list(styles) == [1, 3, 5, 7, 9]
    assert len({one.colour for one in styles.values()}) == len({one.marker for one in styles.values()}) == 5


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
