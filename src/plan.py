"""Says what there is to train, before `make repro` starts.

    python src/plan.py                   prints how many runs have to be trained
    python src/plan.py train|evaluate    lists the stages that have to run and can, largest networks first
    python src/plan.py jobs              prints how many stages fill the cores: the default of JOBS

Reads params.yaml, dvc.yaml, dvc.lock and DVC's cache. Writes nothing.
"""

import argparse
import logging
import os
from typing import Any

from mnist_cnn.core.command import run
from mnist_cnn.core.params import Params, load_params


def default_jobs(cores: int, params: Params) -> int:
    """Returns how many stages keep the cores busy; a stage has a run for each seed and fold."""
    return max(1, cores // (len(params.train.seeds) * len(params.train.folds)))


def is_done(stage: Any) -> bool:
    """Returns whether DVC would not run a stage: its outputs are in the cache, if not in the workspace.

    Dependencies that are missing in the workspace count as unchanged.
    """
    from dvc.stage.cache import RunCacheNotFoundError  # type: ignore[import-untyped]
    from dvc_data.hashfile.hash_info import HashInfo

    if not stage.changed(allow_missing=True) and stage.outs_cached():
        return True
    stage.save_deps(allow_missing=True)  # of this object: the hashes by which the run cache is searched
    for out in stage.outs:
        out.hash_info = HashInfo()
    try:
        stage.repo.stage_cache.restore(stage, dry=True)
    except (RunCacheNotFoundError, FileNotFoundError):  # the latter of a dependency that never existed
        return False
    return True


def left(stages: dict[str, Any], names: list[str]) -> list[str]:
    """Returns the stages that have to run; all of them if their images are about to change."""
    prepare = stages["prepare"]
    if prepare.changed(allow_missing=True) and not is_done(prepare):
        return names
    return [name for name in names if not is_done(stages[name])]


def describe(params: Params, networks_left: int) -> str:
    """Writes how many runs have to be trained."""
    train = params.train
    parts = {"network": len(params.networks()), "seed": len(train.seeds), "fold": len(train.folds)}
    runs = parts["seed"] * parts["fold"]
    total, runs_left = parts["network"] * runs, networks_left * runs
    counts = ", ".join(f"{count} {part}{'s' * (count != 1)}" for part, count in parts.items())
    if not runs_left:
        return f"Nothing to train: the {total} runs ({counts}) are there."
    number = f"{runs_left} of {total}" if runs_left < total else f"{total}"
    return f"{number} runs to train ({counts}). Ctrl-C is safe: the next `make repro` continues."


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("train", "evaluate", "jobs"))
    what, params = parser.parse_args().what, load_params()
    if what == "jobs":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        print(default_jobs(cores, params))
        return
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]  # takes a second
    from dvc.repo import Repo  # type: ignore[import-untyped]

    logging.getLogger("dvc").setLevel(logging.WARNING)  # what is cached is not said
    networks = sorted(params.networks(), key=lambda network: -network.multiply_accumulates)
    names = [f"{what or 'train'}@{network.name}" for network in networks]
    try:
        with Repo() as repo, repo.lock:
            stages = {stage.addressing: stage for stage in repo.index.stages}
            found = left(stages, names)
            ready = [name for name in found if all(dep.exists for dep in stages[name].deps)]
    except DvcException:  # another DVC is running, or a file is invalid: `dvc repro` says it next
        return
    print(*ready, sep="\n") if what else print(describe(params, len(found)))


if __name__ == "__main__":
    run(main)
