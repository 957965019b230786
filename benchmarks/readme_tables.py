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
    """Shows each network, compared with a plain loop and with the peak."""
    networks, grid = part["networks"], part["grid_share_of_peak"]
    mean = geometric_mean(one["times_idiom"] for one in networks.values())
    rows = [
        [
            name,
            f"{one['times_idiom']:.1f}",
            f"{one['share_of_peak']:.0%}",
            f"{one['images_per_second']:,.0f}",
            f"{one['idiom_images_per_second']:,.0f}",
            f"{one['flops_per_image'] / 1e6:.2f}",
        ]
        for name, one in networks.items()
    ]
    rows.append(["**all**", f"**{mean:.1f}**", f"**{grid:.0%}**", "", "", ""])
    header = (
        "network",
        "times the plain loop",
        "of the peak",
        "images/s",
        "plain loop, images/s",
        "MFLOP per image",
    )
    return (
        f"Training is **{mean:.1f} times as fast as a plain loop** (geometric mean), at {grid:.0%} of the"
        f" peak, {part['peak_flops'] / 1e9:.0f} GFLOP/s per core. {_machine(part)}.\n\n{_table(header, rows)}"
    )


def numerics(part: dict[str, Any]) -> str:
    """Shows what portable numerics cost, and linear layers as convolutions."""
    networks = part["networks"]
    mean = geometric_mean(one["ratio"] for one in networks.values())
    rows = [
        [name, f"{one['ratio']:.2f}", f"{1e3 * one['portable']:.2f}", f"{1e3 * one['native']:.2f}"]
        for name, one in networks.items()
    ]
    layers = [[name, f"{ratio:.2f}"] for name, ratio in part["linear_as_convolution"].items()]
    header = ("network", "portable / native", "portable, ms per step", "native, ms per step")
    return (
        f"A step with portable numerics takes **{mean:.2f} times as long** as with native (geometric mean)."
        f" {_machine(part)}.\n\n{_table(header, rows)}\n"
        f"{_table(('linear layer', 'time as 1×1 convolution / as it is'), layers)}"
    )


def study(part: dict[str, Any]) -> str:
    """Compares the study's time with the official example's, and shows what it was spent on."""
    official, spent, wall = part["official_epoch_seconds"], part["shares"], part["wall_seconds"]
    times = official / part["epoch_seconds"]
    whole = wall / official / OFFICIAL_EPOCHS
    rows = [
        ["study / the official example's 14 epochs", f"{whole:.2f}"],
        ["an epoch of the official example / of a network in the study", f"{times:.1f}"],
        ["wall time of the study, s", f"{wall:.0f}"],
        ["wall time for each epoch of a network, s", f"{part['epoch_seconds']:.2f}"],
        ["an epoch of the official example, s", f"{official:.1f}"],
        *([f"share: {name}", f"{share:.1%}"] for name, share in spent.items()),
        ["**outside training and evaluation**", f"**{part['share_outside']:.1%}**"],
    ]
    return (
        f"{part['runs']} runs of {part['epochs']:g} epochs take **{whole:.2f} times as long as PyTorch's"
        f" official example** for its one network. {_machine(part)}.\n\n{_table(('', 'value'), rows)}"
    )


TABLES = {"study": study, "throughput": throughput, "numerics": numerics}
