"""The tables of README.md, from results.json."""

from collections.abc import Iterable, Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np

GIBIBYTE = 2**30
OFFICIAL_EPOCHS = 14
DVC_SHARE = 0.1  # of a network's own time: more is worth a grid's being split


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _throughput(part: dict[str, Any], to_target: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{one['images_per_second']:,.0f}",
            f"{one['idiom_images_per_second']:,.0f}",
            f"{one['times_idiom']:.1f}",
            f"{one['flops_per_image'] / 1e6:.2f}",
            f"{one['flops_per_second'] / 1e9:.0f}",
            f"{one['share_of_peak']:.0%}",
            _until_target(to_target.get(name)),
        ]
        for name, one in part["networks"].items()
    ]
    mean = geometric_mean(one["times_idiom"] for one in part["networks"].values())
    grid = [f"{part['grid_flops_per_second'] / 1e9:.0f}", f"{part['grid_share_of_peak']:.0%}", ""]
    rows.append(["**all** (geometric mean; sum)", "", "", f"{mean:.1f}", "", *grid])
    header = (
        "network", "images/s", "idiom, images/s", "ratio", "MFLOP an image", "GFLOP/s a core", "of the peak",
        "CPU s to the target (runs)",
    )  # fmt: skip
    peak = part["peak_flops_per_second"] / 1e9
    return (
        f"{_table(header, rows)}\nBoth sides use {part['cores']} cores. The peak is {peak:.0f} GFLOP/s a "
        f"core, the most that a 3×3 convolution of 64 → 64 channels on 28×28 reached in the same run. "
        "The target is reached at the first point of a run's learning curve whose accuracy is there.\n"
    )


def _until_target(one: dict[str, Any] | None) -> str:
    return f"{one['seconds']:.1f} ({one['reached']} of {one['runs']})" if one else ""


def _study(part: dict[str, Any], official: float) -> str:
    runs = {name: one for name, one in part.items() if name.startswith("JOBS")}
    goal = official * OFFICIAL_EPOCHS / 2
    lines: dict[str, list[str]] = {
        "wall time, s": [f"{one['wall_seconds']:.0f}" for one in runs.values()],
        "of half the official example": [f"{one['wall_seconds'] / goal:.0%}" for one in runs.values()],
        "cores busy while training": [f"{one['cores_busy_while_training']:.0%}" for one in runs.values()],
        "largest process, GiB": [f"{one['largest_process_bytes'] / GIBIBYTE:.2f}" for one in runs.values()],
        "all processes, GiB": [f"{one['all_processes_bytes'] / GIBIBYTE:.2f}" for one in runs.values()],
    }
    for share in next(iter(runs.values()))["shares"]:
        lines[f"share: {share}"] = [f"{one['shares'][share]:.1%}" for one in runs.values()]
    outside = "share_outside_training_and_evaluation"
    lines["**outside training and evaluation**"] = [f"{one[outside]:.1%}" for one in runs.values()]
    table = _table(("", *runs), ([name, *values] for name, values in lines.items()))
    return (
        f"{table}\nOne epoch of the official example's network and loader took {official:.1f} s; half of its "
        f"{OFFICIAL_EPOCHS} epochs are {goal:.0f} s. Shares are of wall time × cores.\n"
    )


def _start(part: dict[str, float]) -> str:
    rows = [[name, f"{seconds:.2f}"] for name, seconds in part.items()]
    return _table(("start of a process", "CPU s"), rows)


def _alternatives(part: dict[str, Any]) -> str:
    names = list(next(iter(part.values())))
    rows = ([name, *(f"{part[network][name]:.2f}" for network in part)] for name in names)
    return _table(("time of a step, as it is = 1", *part), rows)


def split_from(first: dict[int, float], work: float) -> int | None:
    """Returns from how many networks on DVC's first run takes DVC_SHARE of the work; None if it never does.

    DVC reads and writes dvc.lock, which has an entry for every stage, after every stage: its time for a
    network is a + b × networks.

    Args:
        first: DVC's own wall seconds for the first run, by number of networks.
        work: Wall seconds that one network takes.
    """
    sizes = np.array(list(first))
    b, a = np.polyfit(sizes, np.array(list(first.values())) / sizes, 1)
    return max(round((DVC_SHARE * work - a) / b), 1) if b > 0 else None


def _growth(part: dict[str, Any], study: dict[str, Any]) -> str:
    stages = (
        [
            f"{int(size):,}",
            *(
                text
                for stage in ("compare", "report")
                for text in (f"{one[stage]['seconds']:.1f}", f"{one[stage]['bytes'] / 2**20:.0f}")
            ),
        ]
        for size, one in part["stages"].items()
    )
    dvc = (
        [
            f"{int(size):,}",
            *(f"{seconds:.1f}" for seconds in one.values()),
            f"{one['first repro'] / int(size):.1f}",
        ]
        for size, one in part["dvc"].items()
    )
    commands = [f"{name}, s" for name in next(iter(part["dvc"].values()))]
    header = ("networks × 6 folds", "compare, s", "compare, MiB", "report, s", "report, MiB")
    return (
        "Stages of the pipeline on invented results of training and evaluation:\n\n"
        f"{_table(header, stages)}\n"
        "DVC's own time, with the stages of dvc.yaml and no work in any of them:\n\n"
        f"{_table(('networks', *commands, 'first repro, s a network'), dvc)}{_advice(part['dvc'], study)}"
    )


def _advice(dvc: dict[str, Any], study: dict[str, Any]) -> str:
    """Says from where on a grid had better be split, if it is known how long a network takes."""
    if not study:
        return ""
    networks = len(study["time_to_target"])
    work = min(one["wall_seconds"] for name, one in study.items() if name.startswith("JOBS")) / networks
    limit = split_from({int(size): one["first repro"] for size, one in dvc.items()}, work)
    if limit is None:
        return ""
    return (
        f"\nA network of the default study takes {work:.0f} s of wall time. DVC's own time for each rises"
        f" with the number of networks, and is {DVC_SHARE:.0%} of that at about {limit:,}: a larger grid had"
        " better be split into experiments, each with a part of the models.\n"
    )


def _cluster(part: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{one['runs']:,.0f}",
            f"{one['wall_seconds']:.1f}",
            f"{one['runs'] / one['wall_seconds']:.1f}",
            f"{1000 * one['sender_seconds'] / one['runs']:.0f}",
        ]
        for name, one in part["kinds"].items()
    ]
    table = _table(("kind of run", "runs", "wall time, s", "runs/s", "sender's CPU ms a run"), rows)
    sent = ", ".join(f"{name} {size:,}" for name, size in part["bytes"].items())
    return (
        f"{table}\nReal runs two at a time; the others in {part['slots']} processes on the same cores: "
        f"sleeping ones take the data, sleep for {part['run_seconds']:.2f} s, the mean of the real, and send "
        f"a real result back; empty ones do not sleep. Bytes: {sent}.\n"
    )


def to_markdown(results: dict[str, Any]) -> str:
    """Returns the tables of all parts that were measured."""
    machine = results["machine"]
    cores = f"{machine['cores']} cores, {machine['system']}"
    text = [f"{machine['processor']}, {cores}, PyTorch {machine['torch']}.\n"]
    study, throughput = results.get("study", {}), results.get("throughput")
    if throughput:
        text += ["## Each network\n", _throughput(throughput, study.get("time_to_target", {}))]
    if study and throughput:
        text += ["## The whole study\n", _study(study, throughput["official_epoch_seconds"])]
    if "start" in results:
        text += ["Before its first run a train stage takes:\n", _start(results["start"])]
    if "alternatives" in results:
        text += ["## What else was tried\n", _alternatives(results["alternatives"])]
    if "growth" in results:
        text += ["## Larger grids\n", _growth(results["growth"], study)]
    if "cluster" in results:
        text += ["## On a Ray cluster\n", _cluster(results["cluster"])]
    return "\n".join(text)
