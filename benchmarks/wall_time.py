"""The whole study from nothing: its wall time, where the processors' time goes, and the official example."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import load_file

from benchmarks import plain_loop
from benchmarks.processes import CORES, NATIVE, Processes
from mnist_cnn.core.files import write_text
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, load_test_images, load_training_set
from mnist_cnn.core.params import Params, Train, load_params
from mnist_cnn.core.paths import PARAMS, PREPARED, RAW, TIMING, WEIGHTS, weights_file
from mnist_cnn.core.tables import read_table
from mnist_cnn.evaluation import classify

QUICK_BATCHES = 20
PR_SET_CHILD_SUBREAPER = 36  # of Linux' prctl.h


def reproduce(params: Params, clone: Path) -> tuple[float, float]:
    """Runs `dvc repro` in a clone of the last commit, with these parameters and an empty cache of its own.

    It has to run in a process without other children, since it waits for all children and orphans.

    Returns:
        Wall seconds, and CPU seconds of DVC and of all that it started.
    """
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run(["git", "clone", "--quiet", "--shared", ".", clone], check=True)
    subprocess.run([*dvc, "config", "--local", "cache.dir", clone.parent / "cache"], cwd=clone, check=True)
    if sys.platform == "linux":  # a stage does not wait for the process that forks its workers: this one does
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    shutil.copytree(RAW, clone / RAW)
    if params != load_params(clone / PARAMS):
        write_text(clone / PARAMS, yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False))
    wall, before = time.perf_counter(), os.times()
    subprocess.run(
        [*dvc, "repro", "--force", "--no-run-cache"], cwd=clone, check=True, stdout=subprocess.DEVNULL
    )
    wall = time.perf_counter() - wall
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def evaluation_seconds(network: Network, train: Train, top: Path) -> float:
    """Returns the CPU seconds of evaluating the runs of a network: those of its first run × runs."""
    seed, fold, runs = train.seeds[0], train.folds[0], len(train.seeds) * len(train.folds)
    weights = load_file(top / WEIGHTS / network.path / weights_file(seed, fold))
    data, test = load_training_set(top / PREPARED), load_test_images(top / PREPARED)
    begin = time.thread_time()
    for images, indices in (
        (data.images, data.inside(fold)),
        (test, np.arange(0, len(test.labels), runs)),
    ):
        part = Images(images.pixels[indices], images.labels[indices])
        classify(network, weights, part, data.normalisation)
    return (time.thread_time() - begin) * runs


def disk_bytes(*directories: Path) -> int:
    """Returns the disk space of some directories; a file with several names counts once."""
    files = (path.lstat() for directory in directories for path in directory.rglob("*"))
    return 512 * sum({(file.st_dev, file.st_ino): file.st_blocks for file in files}.values())


def shares(
    wall: float, used: float, training: float, validation: float, evaluation: float
) -> dict[str, float]:
    """Divides wall time × cores by what it was spent on; the shares add up to 1.

    Args:
        wall: Wall seconds of the study.
        used: CPU seconds of all its processes.
        training: CPU seconds of training steps, as the runs measured them.
        validation: CPU seconds of the learning curves' validation passes, likewise.
        evaluation: CPU seconds of evaluation's predictions.
    """
    seconds = {
        "training steps": training,
        "validation passes of the learning curves": validation,
        "evaluation": evaluation,
        "Python, imports, files, DVC, other stages": used - training - validation - evaluation,
        "idle": wall * CORES - used,
    }
    return {name: spent / (wall * CORES) for name, spent in seconds.items()}


def measure(params: Params, quick: bool) -> dict[str, Any]:
    """Measures the study between two epochs of the official example.

    Returns:
        Wall seconds of the study, of it for each epoch of a network, and of an epoch of the official example;
        shares of wall time × cores, and the share outside training and evaluation; bytes on the disk, of the
        environment, the repository and its cache.
    """
    train, networks = params.train, params.networks()
    batches = QUICK_BATCHES if quick else plain_loop.EPOCH_BATCHES
    with Processes(options=NATIVE) as native, TemporaryDirectory(prefix="study-") as folder:
        official = native.call(plain_loop.official_epoch_seconds, batches)
        print("study: one epoch of the official example is done", flush=True)
        clone = Path(folder, "clone")
        with Processes() as runner:
            [(wall, used)] = runner.call(reproduce, params, clone)
        print(f"study: {wall:.0f} s", flush=True)
        official += native.call(plain_loop.official_epoch_seconds, batches)
        with Processes() as portable:
            evaluation = sum(portable.call(evaluation_seconds, one, train, clone)[0] for one in networks)
        disk = disk_bytes(Path(folder), Path(sys.prefix))
        tables = [read_table(clone / TIMING / network.path / "timing.csv") for network in networks]
    training, validation = (
        sum(float(table[column].sum()) for table in tables)
        for column in ("training_seconds", "validation_seconds")
    )
    runs = len(networks) * len(train.seeds) * len(train.folds)
    return {
        "runs": runs,
        "epochs": train.epochs,
        "wall_seconds": wall,
        "epoch_seconds": wall / (runs * train.epochs),
        "official_epoch_seconds": mean(official),
        "shares": shares(wall, used, training, validation, evaluation),
        "disk_bytes": disk,
        "share_outside": 1 - (training + validation + evaluation) / (wall * CORES),
    }
