"""The tables of README.md, from results.json."""

from collections.abc import Iterable, Sequence
from statistics import geometric_mean
from typing import Any

OFFICIAL_EPOCHS = 14


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _machine(part: dict[str, Any]) -> str:
    machine = part["machine"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, PyTorch {machine['torch']}"
    )


def throughput(part: dict[str, Any]) -> str:
    """Compares each network with the plain loop and with the peak."""
    networks, grid = part["networks"], part["grid_share_of_peak"]
    mean = geometric_mean(one["times_plain_loop"] for one in networks.values())
    rows = [
        [
            name,
            f"{one['images_per_second']:,.0f}",
            f"{one['plain_loop_images_per_second']:,.0f}",
            f"{one['times_plain_loop']:.1f}",
            f"{one['share_of_peak']:.0%}",
            f"{one['flops_per_image'] / 1e6:.2f}",
        ]
        for name, one in networks.items()
    ]
    rows.append(["**all**", "", "", f"**{mean:.1f}**", f"**{grid:.0%}**", ""])
    header = (
        "network",
        "pipeline, images per second",
        "plain loop, images per second",
        "pipeline / plain loop",
        "performance of the pipeline, % of the peak",
        "million operations per image",
    )
    return (
        f"Training is **{mean:.1f} times as fast as a plain loop** (geometric mean), at {grid:.0%} of the"
        f" peak, which is {part['peak_flops'] / 1e9:.0f} GFLOP/s per core. {_machine(part)}.\n\n"
        f"{_table(header, rows)}"
    )


def numerics(part: dict[str, Any]) -> str:
    """Shows the cost of portable numerics."""
    mean = geometric_mean(part["ratios"].values())
    rows = [[name, f"{ratio:.2f}"] for name, ratio in part["ratios"].items()]
    header = ("network", "time of a step, portable / native numerics")
    return (
        f"A step with portable numerics takes **{mean:.2f} times as long** as with native numerics (geometric"
        f" mean). {_machine(part)}.\n\n{_table(header, rows)}"
    )


def study(part: dict[str, Any]) -> str:
    """Compares the time of the study with that of the official example, and shows what it was spent on."""
    official, spent, wall = part["official_epoch_seconds"], part["shares"], part["wall_seconds"]
    times = official / part["epoch_seconds"]
    whole = wall / official / OFFICIAL_EPOCHS
    rows = [
        ["wall time of the study, s", f"{wall:.0f}"],
        ["wall time of the study / number of epochs of all runs, s", f"{part['epoch_seconds']:.2f}"],
        ["wall time of an epoch of the official example, s", f"{official:.1f}"],
        ["an epoch of the official example / an epoch of a run", f"{times:.1f}"],
        ["disk space of the environment, the data and the cache, GB", f"{part['disk_bytes'] / 1e9:.1f}"],
        [f"the study / {OFFICIAL_EPOCHS} epochs of the official example", f"{whole:.2f}"],
        *([f"share of the time: {name}", f"{share:.1%}"] for name, share in spent.items()),
        ["**share of the time outside training and evaluation**", f"**{part['share_outside']:.1%}**"],
    ]
    return (
        f"{part['runs']} runs of {part['epochs']:g} epochs take **{whole:.2f} times as long as PyTorch's"
        f" official example** for its one network. {_machine(part)}.\n\n{_table(('', 'value'), rows)}"
    )


TABLES = {"study": study, "throughput": throughput, "numerics": numerics}
