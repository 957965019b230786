"""Runs the pipeline with several networks side by side: `python -m mnist_cnn.repro --jobs 2`.

Each network is one process of DVC, which trains and evaluates it, and which DVC's own locks keep from the
others' way; a network that is not changed is left alone. What comes before the networks and after them is
not independent: plain `dvc repro` does that, and so can go on from whatever state this command leaves.
"""

import argparse
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import FrameType

from joblib import cpu_count
from rich.progress import Progress

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.command import run
from mnist_cnn.files import write_text
from mnist_cnn.paths import LOCK
from mnist_cnn.training.parallel import progress_bar

BASE_WORK = 1_000_000  # what an image costs beside its multiply-accumulates, as measured, in their unit
TRAINING_SHARE = 0.8  # of a network's work; the rest is evaluation
GRACE_SECONDS = 10.0  # for a process to end by itself when interrupted


@dataclass
class Job:
    """One network that DVC is working on, in a process group of its own."""

    network: Network
    process: subprocess.Popen[str]
    done: float = 0.0  # share of its work
    printed: list[str] = field(default_factory=list)  # by DVC; shown if it fails


Events = queue.Queue[tuple[Job, str | None]]  # a line, or None at the end


def changed_networks(params: Params) -> list[Network]:
    """Asks DVC which networks it would run, and returns them with the most work first.

    Then the cores that run out of networks at the end have little to wait for.
    """
    asked = subprocess.run(["dvc", "status", "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if asked.returncode:
        sys.exit(asked.returncode)
    names = {stage.partition("@")[2] for stage in json.loads(asked.stdout)}
    return sorted((one for one in params.networks() if one.name in names), key=work, reverse=True)


def work(network: Network) -> int:
    """Estimates what a run of a network costs, in multiply-accumulates an image."""
    return BASE_WORK + network.multiply_accumulates


def start(network: Network, cores: int, events: Events) -> Job:
    """Starts DVC on one network; what it prints goes to `events`."""
    stages = [f"{stage}@{network.name}" for stage in ("train", "evaluate")]
    process = subprocess.Popen(
        ["dvc", "--wait-for-lock", "repro", "--single-item", *stages],
        env=os.environ | {"LOKY_MAX_CPU_COUNT": str(cores)},  # joblib's own variable
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the others
    )
    job = Job(network, process)
    threading.Thread(target=_listen, args=(job, events), daemon=True).start()
    return job


def _listen(job: Job, events: Events) -> None:
    assert job.process.stdout is not None
    for line in job.process.stdout:
        events.put((job, line.rstrip()))
    job.process.wait()
    events.put((job, None))


def stop(jobs: list[Job]) -> None:
    """Interrupts every process of these jobs, and kills what has not ended after a moment."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for job in jobs:
            try:
                os.killpg(job.process.pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + GRACE_SECONDS
        for job in jobs:
            try:
                job.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


class SideBySide:
    """Networks that run at the same time, and the one bar that shows how far all of them are."""

    def __init__(self, networks: list[Network], folds: int, jobs: int, progress: Progress) -> None:
        self.waiting, self.folds, self.progress = list(networks), folds, progress
        self.jobs = min(jobs, len(networks))
        self.running: list[Job] = []
        self.failed: list[Job] = []
        self.events: Events = queue.Queue()
        self.task = progress.add_task(f"{len(networks)} networks", total=sum(map(work, networks)))

    def run(self) -> None:
        """Runs all; after a failure those that run are let finish, and no other starts."""
        try:
            while self.running or (self.waiting and not self.failed):
                while self.waiting and not self.failed and len(self.running) < self.jobs:
                    # the last ones take the cores that are about to become free as well
                    cores = max(1, cpu_count() // min(self.jobs, len(self.waiting)))
                    self.running.append(start(self.waiting.pop(0), cores, self.events))
                self._handle(*self.events.get())
        finally:
            stop(self.running)

    def _handle(self, job: Job, line: str | None) -> None:
        if line is None:
            self.running.remove(job)
            self._advance(job, 1.0)
            if job.process.returncode:
                self.failed.append(job)
                self.progress.console.print("\n".join(job.printed), markup=False, highlight=False)
            return
        if line.startswith(f"{job.network.name} fold "):
            self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            evaluated = job.done >= TRAINING_SHARE - 1e-9
            share = 1 - TRAINING_SHARE if evaluated else TRAINING_SHARE
            self._advance(job, min(1.0, job.done + share / self.folds))
        else:
            job.printed.append(line)

    def _advance(self, job: Job, done: float) -> None:
        self.progress.advance(self.task, (done - job.done) * work(job.network))
        job.done = done


def in_order(lock: str, stages: list[str]) -> str:
    """Puts the entries of a dvc.lock into the order in which `dvc repro` alone would have written them."""
    head, *entries = re.split(r"^(?=  \S)", lock, flags=re.MULTILINE)
    places = {stage: place for place, stage in enumerate(stages)}
    return head + "".join(sorted(entries, key=lambda entry: places.get(entry.split(":\n")[0].strip(), -1)))


def dvc(*arguments: str) -> None:
    """Runs DVC in the terminal's sight, and ends with its exit status if it fails."""
    status = subprocess.run(["dvc", *arguments], check=False).returncode
    if status:
        sys.exit(status)


def reproduce(jobs: int) -> None:
    """Runs the pipeline, and ends with DVC's exit status if something fails."""
    params = load_params()
    if jobs > 1 and params.train.device == "cpu":  # an accelerator is not shared
        dvc("repro", "prepare")
        networks = changed_networks(params)
        if networks:
            with progress_bar() as progress:
                side_by_side = SideBySide(networks, len(params.train.folds), jobs, progress)
                side_by_side.run()
            if side_by_side.failed:
                names = ", ".join(job.network.name for job in side_by_side.failed)
                print(f"error: {names} failed, as said above; what finished is kept", file=sys.stderr)
                sys.exit(side_by_side.failed[0].process.returncode)
            listed = subprocess.run(
                ["dvc", "stage", "list", "--name-only"], stdout=subprocess.PIPE, text=True, check=True
            )
            write_text(LOCK, in_order(LOCK.read_text(encoding="utf-8"), listed.stdout.split()))
    dvc("repro")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Reads the command line and runs the pipeline."""
    parser = argparse.ArgumentParser(description="Runs the pipeline with several networks side by side.")
    parser.add_argument(
        "--jobs", type=int, default=cpu_count(), help="networks at a time (default: one for each core)"
    )
    signal.signal(signal.SIGTERM, _interrupt)
    jobs = parser.parse_args().jobs
    if jobs < 1:
        sys.exit(f"error: --jobs is {jobs}: must be at least 1")
    reproduce(jobs)


if __name__ == "__main__":
    run(main)
