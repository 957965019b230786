"""What the kernel and the layers do to the training time."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mnist_cnn.reporting.figures import style
from mnist_cnn.reporting.figures.effects import FACTORS
from mnist_cnn.reporting.figures.style import GREY, INK, SMALL

ROW, BAR = 0.36, 0.2  # inches


def step(name: str) -> str:
    """Says what is changed: `conv layers 1 → 2` for `conv 2-1`."""
    factor, levels = name.split(" ")
    high, low = levels.split("-")
    return f"{FACTORS[factor]} {low} → {high}"


def _effects(axes: Axes, effects: pd.DataFrame) -> None:
    """Draws how many times as long the training takes, with intervals."""
    for place, row in enumerate(style.rows(effects)):
        axes.hlines(place, row.lower, row.upper, color=INK, linewidth=3)
        axes.plot(row.ratio, place, "o", color=INK, markersize=9)
        style.beside(axes, place, f"× {row.ratio:.2f}", 10)
    axes.axvline(1, color=GREY, linewidth=1, zorder=1)
    axes.set_xscale("log")
    reach = pd.concat([effects[name] for name in ("ratio", "lower", "upper")])
    axes.set_xlim(min(reach.min(), 1) / 1.05, max(reach.max(), 1) * 1.05)
    style.log_axis(axes.xaxis, "× {}")
    axes.set_xlabel("Training time, ratio of CPU seconds")
    _rows(axes, [step(name) for name in effects["name"]])


def _networks(axes: Axes, networks: pd.DataFrame) -> None:
    """Draws the seconds of the networks, a group of bars a layout, a colour a kernel."""
    models, kernels = networks["model"].unique().tolist(), style.looks(networks["kernel"].tolist())
    thickness = 0.84 / len(kernels)
    for turn, (kernel, look) in enumerate(kernels.items()):
        rows = networks[networks["kernel"] == kernel]
        shift = (turn - (len(kernels) - 1) / 2) * thickness
        places = [models.index(model) + shift for model in rows["model"]]
        axes.barh(places, rows["seconds"], 0.86 * thickness, color=look.colour)
        for height, seconds in zip(places, rows["seconds"], strict=True):
            style.label(axes, f"{seconds:.1f}", (seconds, height), (4, 0), fontsize=SMALL)
    axes.set_xlim(0, 1.1 * networks["seconds"].max())
    axes.set_xlabel("Training time, CPU seconds a run")
    _rows(axes, models)
    entries = [Patch(color=look.colour, label=f"kernel {kernel}") for kernel, look in kernels.items()]
    axes.legend(handles=entries, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, **style.LEGEND)


def _rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


@style.house_style()
def draw(timing: pd.DataFrame) -> Figure:
    """Draws the ratios of training time above the seconds of the networks.

    Args:
        timing: plots/timing.csv: a row an effect (ratio with its simultaneous interval) or a network.

    Returns:
        The figure; the ratios are left out where the grid has no effect.
    """
    effects, networks = timing[timing["kind"] == "effect"], timing[timing["kind"] == "network"]
    heights = [0.8 + ROW * len(effects)] * (len(effects) > 0)
    heights += [1.1 + BAR * len(networks) + 0.1 * networks["model"].nunique()]
    figure = style.new_figure(0.2 + sum(heights))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if len(effects):
        _effects(panels[0], effects)
    _networks(panels[-1], networks)
    return figure
