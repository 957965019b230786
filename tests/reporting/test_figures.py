"""Every figure for several grids: what it shows, that nothing is cut or overlaps, and that its bytes stay."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
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

from mnist_cnn.core.grid import Network
from mnist_cnn.reporting.figures import (
    accuracy_cost,
    effects,
    interaction,
    learning_curves,
    mistakes,
    ranking,
    style,
    timing,
)
from mnist_cnn.reporting.figures.style import TIERS

TOP = Path(__file__).parents[2]
Drawn = dict[str, dict[str, Figure]]  # of each grid, of each figure

FACTS = {"margin": 0.002, "target": 0.98}
# conv layers, linear layers, kernel sizes
GRIDS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "default": ((1, 2, 3), (1, 2), (3, 5, 7)),
    "forty": ((1, 2, 3, 4), (1, 2), (1, 3, 5, 7, 9)),
    "one_kernel": ((1, 2), (1, 2), (3,)),
    "one_layout": ((2,), (1,), (3, 5, 7)),
    "one_network": ((1,), (1,), (3,)),
    "collapsed": ((1, 2, 3), (1, 2), (3, 5, 7)),
    "one_fold": ((1, 2), (1, 2), (3, 7)),
}


def network_table(grid: str) -> pd.DataFrame:
    """Makes the columns of plots/networks.csv that figures use; one fold has no intervals and no choice."""
    convs, linears, sizes = GRIDS[grid]
    rows = []
    for conv, linear, size in ((c, n, s) for c in convs for n in linears for s in sizes):
        network = Network(f"conv{conv}_linear{linear}", f"k{size}", size, (16,) * conv, (32,) * (linear - 1))
        luck = 0.0003 * np.sin(7 * conv + 3 * linear + 5 * size)
        accuracy = 0.9785 + 0.0008 * min(size, 5) + 0.003 * min(conv, 2) + 0.0006 * linear + luck
        rows.append(
            {"network": network.name, "model": network.model, "kernel": network.kernel, "kernel_size": size}
            | {"conv_layers": conv, "linear_layers": linear, "accuracy": round(accuracy * 60_000) / 60_000}
            | {"multiply_accumulates": network.multiply_accumulates}
        )
    table = pd.DataFrame(rows)
    behind = table["accuracy"].max() - table["accuracy"]
    bounds = [-1, 0.0008, 0.0025, 1]
    table["tier"] = pd.cut(behind, bounds, labels=["good", "open", "worse"]).astype(str)
    table["comparison_half_width"] = 0.0007
    table["chosen"], table["named"] = False, table["tier"] == "good"
    if grid == "collapsed":
        lost = table["network"] == "conv3_linear2-k7"
        table.loc[lost, ["accuracy", "comparison_half_width", "tier"]] = np.nan, np.nan, "open"
    if grid == "one_fold":
        return table.assign(tier="open", comparison_half_width=np.nan)
    good = table.loc[table["tier"] == "good", "multiply_accumulates"]
    table.loc[good.idxmin(), "chosen"] = True
    return table


def most_accurate(networks: pd.DataFrame) -> str:
    return networks["network"][networks["accuracy"].fillna(0).idxmax()]


def effect_table() -> pd.DataFrame:
    """Makes eight effects, the most that are planned."""
    names = [("kernel", "k5", "k3"), ("kernel", "k7", "k5"), ("kernel", "k7", "k3")]
    names += [("conv", "2", "1"), ("conv", "3", "2"), *[("linear", str(i + 1), str(i)) for i in range(1, 4)]]
    table = pd.DataFrame(names, columns=["factor", "high", "low"])
    table["high_value"] = table["high"].str.removeprefix("k").astype(int)
    table["low_value"] = table["low"].str.removeprefix("k").astype(int)
    table["estimate"] = np.linspace(0.0034, -0.0001, len(table))
    table["lower"], table["upper"] = table["estimate"] - 0.0006, table["estimate"] + 0.0006
    verdicts = [
        "more" if low > 0.002 else "at_most" if high < 0.002 else "open"
        for low, high in zip(table["lower"], table["upper"], strict=True)
    ]
    return table.assign(verdict=verdicts)


def curve_table(networks: pd.DataFrame) -> pd.DataFrame:
    points = networks.merge(pd.DataFrame({"epoch": np.arange(1, 9) / 4}), how="cross")
    error = (1 - points["accuracy"]) * (3 - points["epoch"])
    columns = {"train_loss": 3 * error, "validation_loss": 4 * error}
    return points.assign(train_accuracy=1 - 0.9 * error, validation_accuracy=1 - error, **columns)


def timing_table(networks: pd.DataFrame) -> pd.DataFrame:
    seconds = networks["multiply_accumulates"] / 2e5
    runs = networks[["model", "kernel"]].assign(kind="network", name=networks["network"], seconds=seconds)
    steps = pd.DataFrame({"kind": "effect", "name": ["kernel k5-k3", "conv 2-1"], "ratio": [1.3, 1.9]})
    ratios = steps.assign(lower=steps["ratio"] / 1.1, upper=steps["ratio"] * 1.1)
    return runs if len(networks) == 1 else pd.concat([runs, ratios])


def confusion_table() -> pd.DataFrame:
    pairs = pd.DataFrame([(a, p) for a in range(10) for p in range(10)], columns=["actual", "predicted"])
    return pairs.assign(images=np.where(pairs["actual"] == pairs["predicted"], 900, pairs.sum(axis=1) % 7))


def missed_table(count: int) -> pd.DataFrame:
    places = np.arange(count)
    return pd.DataFrame({"image": places, "actual": places % 10, "predicted": (places + 3) % 10})


def draw_all(grid: str) -> dict[str, Figure]:
    networks = network_table(grid)
    chosen = networks.loc[networks["chosen"], "network"].tolist()
    shown = {"chosen": chosen[0] if chosen else None, "most_accurate": most_accurate(networks)}
    facts = FACTS | about("FashionMNIST" if grid == "one_network" else "MNIST") | shown
    several = effect_table() if len(networks) > 1 else effect_table()[:0]
    if grid == "one_fold":
        several = several.assign(lower=np.nan, upper=np.nan, verdict="open")
    pixels = np.arange(60 * 784, dtype=np.uint32).astype(np.uint8).reshape(60, 28, 28)
    missed = missed_table(0 if grid == "one_fold" else 57 if grid == "default" else 5)
    return {
        "accuracy_cost": accuracy_cost.draw(networks, facts),
        "ranking": ranking.draw(networks, facts),
        "effects": effects.draw(several, facts),
        "interaction": interaction.draw(networks),
        "learning_curves": learning_curves.draw(curve_table(networks)),
        "mistakes": mistakes.draw(confusion_table(), missed, pixels, facts),
        "timing": timing.draw(timing_table(networks)),
    }


def save_all(folder: Path) -> None:
    for name, figure in draw_all("default").items():
        style.save(figure, folder / f"{name}.svg")


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {grid: draw_all(grid) for grid in GRIDS}


def boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Returns the texts that are drawn, with their boxes in pixels."""
    seen: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(text: Text, *args: object, **kwargs: object) -> None:
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_text(), Text.get_window_extent(text)))
        draw(text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, style.house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(Text, "draw", recording)
        figure.draw_without_rendering()
    return seen


def words(figure: Figure) -> list[str]:
    return [text for text, _ in boxes(figure)]


def defects(figure: Figure) -> Iterator[str]:
    """Says which texts are cut by the edge and which overlap; numbers in marks lie where the marks lie."""
    seen = boxes(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in seen:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            yield f"{text!r} is cut"
    for (first, one), (second, other) in combinations(seen, 2):
        overlap = Bbox.intersection(one, other)
        marks = first.isdigit() and second.isdigit()
        if not marks and overlap is not None and overlap.width > 1 and overlap.height > 3:
            yield f"{first!r} and {second!r} overlap"


@pytest.mark.parametrize("grid", GRIDS)
def test_no_text_is_cut_or_overlaps(drawn: Drawn, grid: str):
    found = [(name, defect) for name, figure in drawn[grid].items() for defect in defects(figure)]
    assert found == []


def test_the_check_sees_what_is_cut_and_what_overlaps():
    figure = style.new_figure(2)
    figure.set_layout_engine("none")
    for x, text in ((0.5, "one"), (0.51, "other"), (0.99, "a long text")):
        figure.text(x, 0.5, text)
    assert sorted(defects(figure)) == ["'a long text' is cut", "'one' and 'other' overlap"]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_lead_figure_shows_every_network_its_tier_and_the_choice(drawn: Drawn, grid: str):
    networks, figure = network_table(grid).dropna(subset="accuracy"), drawn[grid]["accuracy_cost"]
    lines = figure.axes[0].lines
    for tier, look in TIERS.items():
        marks = [
            line.get_xydata()[0]
            for line in lines
            if line.get_marker() == look.marker and to_hex(line.get_color()) == look.colour.lower()
        ]
        rows = networks[networks["tier"] == tier]
        places = np.stack([rows["multiply_accumulates"] / 1e6, 100 * rows["accuracy"]], axis=1)
        assert np.allclose(sorted(map(tuple, marks)), sorted(map(tuple, places)))
    sizes = [text.get_text() for text in figure.axes[0].texts if text.get_text().isdigit()]
    assert sorted(sizes) == sorted(networks["kernel_size"].astype(str))
    names = [text for text in words(figure) if "\n" in text]
    rings = [line for line in lines if line.get_fillstyle() == "none"]
    chosen = networks[networks["chosen"]]
    assert names == [f"{row.network}\n{100 * row.accuracy:.2f} %" for row in chosen.itertuples()]
    assert len(rings) == len(chosen)
    for ring, cost in zip(rings, chosen["multiply_accumulates"], strict=True):
        assert ring.get_xdata() == [cost / 1e6]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_frontier_is_what_none_as_cheap_reaches(grid: str):
    networks = network_table(grid).dropna(subset="accuracy")
    front = set(accuracy_cost.frontier(networks.sample(frac=1, random_state=0))["network"])
    for row in networks.itertuples():
        others = networks[networks["network"] != row.network]
        as_cheap = others[others["multiply_accumulates"] <= row.multiply_accumulates]
        assert (row.network in front) == (as_cheap["accuracy"].max() < row.accuracy or as_cheap.empty)


def test_the_target_is_drawn_where_it_is_in_range():
    networks = network_table("default")
    facts = FACTS | {"most_accurate": most_accurate(networks)}
    for target, count in ((0.985, 1), (0.5, 0)):
        for module in (accuracy_cost, ranking):
            figure = module.draw(networks, facts | {"target": target})
            ends = [end for line in figure.axes[0].lines for end in (*line.get_xdata(), *line.get_ydata())]
            assert ends.count(100 * target) == 2 * count
            assert words(figure).count("target") == count
            assert list(defects(figure)) == []


def test_ranking_sorts_the_networks_and_draws_their_comparison_intervals(
    drawn: Drawn,
):
    networks = network_table("default").sort_values("accuracy", ascending=False, kind="stable")
    axes = drawn["default"]["ranking"].axes[0]
    labels = axes.get_yticklabels()
    assert [label.get_text() for label in labels] == networks["network"].tolist()
    bold = [label.get_text() for label in labels if label.get_fontweight() == "bold"]
    assert bold == networks.loc[networks["chosen"], "network"].tolist()
    bars = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    middle = 100 * networks["accuracy"].to_numpy()
    assert np.allclose(bars, np.stack([middle - 0.07, middle + 0.07], axis=1))


def test_effects_say_the_verdict(drawn: Drawn):
    texts, table = words(drawn["default"]["effects"]), effect_table()
    says = {"more": "more than 0.2", "at_most": "at most 0.2", "open": "open"}
    assert [text for text in texts if text in says.values()] == [says[v] for v in table["verdict"]]
    assert {"kernel 3 → 5", "conv layers 2 → 3", "linear layers 3 → 4", "+0.34", "−0.01"} <= set(texts)


def test_interaction_draws_and_names_a_line_a_layout(drawn: Drawn):
    networks = network_table("default")
    figure = drawn["default"]["interaction"]
    assert set(networks["model"]) <= set(words(figure))
    lines = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_ydata()) == 3]
    assert np.allclose(lines, 100 * networks["accuracy"].to_numpy().reshape(-1, 3))


def test_spread_keeps_order_and_gap():
    assert interaction.spread([5.0, 4.9, 0.0], 2) == pytest.approx([5.95, 3.95, 0])
    assert np.diff(interaction.spread([1.0] * 8, 1)) == pytest.approx(1, abs=0.02)
    assert interaction.spread([], 1) == []


def test_learning_curves_show_loss_and_accuracy_of_every_network(drawn: Drawn):
    panels = drawn["default"]["learning_curves"].axes
    curves = curve_table(network_table("default"))
    assert [panel.get_title("left") for panel in panels[::2]] == curves["model"].unique().tolist()
    first = curves[curves["network"] == "conv1_linear1-k3"]
    assert np.allclose(panels[0].lines[0].get_ydata(), first["validation_loss"])
    assert np.allclose(panels[1].lines[0].get_ydata(), 1 - first["validation_accuracy"])
    assert {len(panel.lines) for panel in panels} == {6}  # three kernels, validation and training
    assert {"Loss", "Accuracy, %", "99", "98"} <= set(words(drawn["default"]["learning_curves"]))


def test_mistakes_leave_the_diagonal_out_and_count_what_they_show(drawn: Drawn):
    table, texts = confusion_table(), words(drawn["default"]["mistakes"])
    wrong = table.loc[table["actual"] != table["predicted"], "images"]
    assert f": {wrong.sum():,} of {table['images'].sum():,} wrong" in " ".join(texts)
    assert "900" not in texts
    assert "24 of 57 images that all networks get wrong: true → predicted" in texts
    assert len(drawn["default"]["mistakes"].axes[1].images) == 24
    assert "0 images that all networks get wrong: true → predicted" in words(drawn["one_fold"]["mistakes"])
    assert {"3 → 6", "9"} <= set(texts)
    assert {"Dress\n→ Shirt", "Boot"} <= set(words(drawn["one_network"]["mistakes"]))


def test_timing_shows_every_network_and_every_ratio(drawn: Drawn):
    table, figure = timing_table(network_table("default")), drawn["default"]["timing"]
    lengths = sorted(bar.get_width() for bar in figure.axes[1].patches)
    assert lengths == pytest.approx(sorted(table["seconds"].dropna()))
    assert {"× 1.30", "× 1.90", "kernel k3 → k5", "conv layers 1 → 2"} <= set(words(figure))
    assert len(drawn["one_network"]["timing"].axes) == 1


def test_kernels_differ_in_colour_and_marker():
    looks = list(style.looks(range(14)).values())
    assert len({(look.colour, look.marker) for look in looks}) == 14
    assert len({look.colour for look in looks[:7]}) == len({look.marker for look in looks[:7]}) == 7


def test_the_bytes_depend_on_neither_the_time_nor_the_settings_nor_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_all(tmp_path / "one")
    assert len(list((tmp_path / "one").iterdir())) == 7
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "other", "svg.fonttype": "none"}):
        save_all(tmp_path / "two")
    features = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__[name]]
    script = "import sys; from tests.test_figures import *; save_all(Path(sys.argv[1]))"
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", " ".join(features))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOP), str(TOP / "src")]))
    subprocess.run([sys.executable, "-W", "error", "-c", script, tmp_path / "three"], check=True, cwd=TOP)
    for path in (tmp_path / "one").iterdir():
        drawing = path.read_bytes()
        assert drawing == (tmp_path / "two" / path.name).read_bytes()
        assert drawing == (tmp_path / "three" / path.name).read_bytes()
        assert b"<dc:date>" not in drawing
        assert b"<text" not in drawing
        assert len(drawing) < 300_000


def test_the_band_hangs_below_the_best_of_those_that_are_compared():
    """A network that collapsed in one run keeps the mean of the others, and may be above all."""
    networks = network_table("default")
    facts = FACTS | {"most_accurate": networks["network"][1]}
    for module in (accuracy_cost, ranking):
        (band,) = [patch for patch in module.draw(networks, facts).axes[0].patches if patch.get_zorder() == 0]
        corners = 100 * (networks["accuracy"][1] - np.array([facts["margin"], 0]))
        assert (
            np.isclose(
                band.get_extents().transformed(band.axes.transData.inverted()).get_points(), corners[:, None]
            )
            .any(1)
            .all()
        )
