"""What else was tried for a training step: each change alone, in turn with the step as it is."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks.variants import MODELS
from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.paths import PREPARED
from mnist_cnn.training.device import keep_freed_memory, use_one_thread
from mnist_cnn.training.model import build_model, to_inputs

ROUNDS = 15
IMAGES = 1024  # of a round
BATCH_SIZE = 64
PROCESSES = 5  # with each way to treat freed memory

Step = Callable[[], object]

SETTINGS: dict[str, dict[str, Any]] = {
    "Adam not fused": {"fused": False},
    "bfloat16 autocast": {"precision": "bfloat16"},
    "batches of 32": {"batch_size": 32},
    "batches of 128": {"batch_size": 128},
    "uninitialised memory filled, PyTorch's deterministic default": {"fill": True},
    "denormal numbers flushed": {"flush": True},
}


def _stepper(
    model: nn.Module,
    data: TrainingSet,
    *,
    batch_size: int = BATCH_SIZE,
    fused: bool = True,
    precision: str = "float32",
    fill: bool = False,
    flush: bool = False,
) -> Step:
    """Returns a function that trains on IMAGES images, batch after batch."""
    images, labels = torch.from_numpy(data.images.pixels), torch.from_numpy(data.images.labels).long()
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=10**6)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:IMAGES]

    def steps() -> None:
        torch.set_flush_denormal(flush)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        for batch in torch.split(order, batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(to_inputs(images.index_select(0, batch), data.mean, data.std))
            loss = nn.functional.cross_entropy(logits.float(), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            loss.item()

    return steps


def _ratios(network: Network, data: TrainingSet) -> dict[str, float]:
    """Returns the time of each alternative as a ratio to that of the step as it is, median over rounds."""

    def fresh() -> nn.Sequential:
        return build_model(network, torch.Generator().manual_seed(0))

    steppers = {name: _stepper(change(fresh()), data) for name, change in MODELS.items()}
    steppers |= {name: _stepper(fresh(), data, **setting) for name, setting in SETTINGS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(ROUNDS):
        for name, steps in steppers.items():
            start = time.thread_time()
            steps()
            times[name].append(time.thread_time() - start)
    plain = times.pop("as it is")
    return {
        name: median(a / b for a, b in zip(values[1:], plain[1:], strict=True))
        for name, values in times.items()
    }


def _seconds(networks: list[Network], keep: bool) -> list[float]:
    """Returns the time of a round of each network, in this process, which has to be a new one."""
    torch.set_num_threads(1)
    if keep:
        keep_freed_memory()
    data, seconds = load_training_set(PREPARED), []
    for network in networks:
        steps, times = _stepper(build_model(network, torch.Generator().manual_seed(0)), data), []
        for _ in range(ROUNDS):
            start = time.thread_time()
            steps()
            times.append(time.thread_time() - start)
        seconds.append(median(times[1:]))
    return seconds


def _memory_ratios(networks: list[Network]) -> list[float]:
    """Returns the time where freed memory is given back, as a ratio to where it is kept.

    It depends on where a process happens to have its memory: so each measurement has a process of its own.
    """
    context, ratios = multiprocessing.get_context("spawn"), []
    for _ in range(PROCESSES):
        with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
            kept, given = (pool.submit(_seconds, networks, keep).result() for keep in (True, False))
        ratios.append([b / a for a, b in zip(kept, given, strict=True)])
    return [median(values) for values in zip(*ratios, strict=True)]


def measure(params: Params, data: TrainingSet) -> dict[str, dict[str, float]]:
    """Returns for the lightest and the heaviest layouts of the grid the ratio of each alternative."""
    use_one_thread()
    grid = params.networks()
    networks = [grid[0], grid[2], grid[8], grid[-3], grid[-1]]
    results = {}
    for network, memory in zip(networks, _memory_ratios(networks), strict=True):
        results[network.name] = _ratios(network, data) | {"freed memory given back to the system": memory}
        print(f"alternatives: {network.name}", flush=True)
    return results
