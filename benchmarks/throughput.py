"""Images and floating-point operations a second, beside the idiom and the machine's best convolution."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from joblib import Parallel, cpu_count, delayed
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import idiom
from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, Train
from mnist_cnn.data.mnist import IMAGE_SIZE
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.paths import PREPARED
from mnist_cnn.training.device import use_one_thread
from mnist_cnn.training.model import build_model
from mnist_cnn.training.run import train_run

REPETITIONS = 3
EPOCHS = 0.12  # of one measured run: about 6,000 images
IDIOM_BATCHES = 80
PEAK_BATCHES = (16, 32, 64, 128)  # images
PEAK_REPEATS = 12


def flops_per_image(network: Network, batch_size: int) -> float:
    """Counts the operations of forward and backward pass; a multiply–accumulate is two."""
    model = build_model(network, torch.Generator())
    images = torch.zeros(batch_size, 1, IMAGE_SIZE, IMAGE_SIZE)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(model(images).sum())
    return float(counter.get_total_flops()) / batch_size


def _own_images_per_second(network: Network, train: Train) -> float:
    """Trains one run on one thread; wall time from the first step to the last."""
    times: list[float] = []
    train_run(network, 0, train, load_training_set(PREPARED), lambda _: times.append(time.perf_counter()))
    return (len(times) - 1) * train.batch_size / (times[-1] - times[0])


def _fastest(work: Callable[[], object]) -> float:
    """Returns the shortest time of several."""
    times = []
    for _ in range(PEAK_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _convolution_flops_per_second() -> float:
    """Returns the most that a 3×3 convolution, 64 → 64 channels on 28×28, does in a second of one thread."""
    use_one_thread()
    best = 0.0
    layer = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    for batch in PEAK_BATCHES:
        images = torch.randn(batch, 64, 28, 28).to(memory_format=torch.channels_last)
        flops = 2 * 64 * layer.weight[0].numel() * 28**2 * batch
        with torch.inference_mode():
            best = max(best, flops / _fastest(lambda images=images: layer(images)))  # type: ignore[misc]
        best = max(best, 2 * flops / _fastest(lambda images=images: layer(images).sum().backward()))  # type: ignore[misc]
    return best


def measure(params: Params) -> dict[str, Any]:
    """Measures both sides in turn, several times; both use all cores.

    Ours trains as many runs at once as there are cores, each on one thread, as the pipeline does.

    Returns:
        Medians and all repetitions, by network; FLOP/s of one core.
    """
    cores = cpu_count()
    train = params.train.model_copy(update={"epochs": EPOCHS, "curve_images": 1})
    pool = Parallel(cores)
    torch.set_num_threads(cores)
    own: dict[str, list[float]] = {network.name: [] for network in params.networks()}
    plain: dict[str, list[float]] = {network.name: [] for network in params.networks()}
    peaks: list[float] = []
    for repetition in range(REPETITIONS):
        peaks.append(sum(pool(delayed(_convolution_flops_per_second)() for _ in range(cores))) / cores)
        for network in params.networks():
            run = delayed(_own_images_per_second)(network, train)
            own[network.name].append(sum(pool([run] * cores)))
            model = idiom.plain_network(network)
            plain[network.name].append(idiom.images_per_second(model, IDIOM_BATCHES))
        print(f"throughput: repetition {repetition + 1} of {REPETITIONS}", flush=True)
    peak = max(peaks)
    networks: dict[str, dict[str, Any]] = {}
    for network in params.networks():
        ours, theirs = own[network.name], plain[network.name]
        flops = flops_per_image(network, train.batch_size)
        networks[network.name] = {
            "images_per_second": median(ours),
            "idiom_images_per_second": median(theirs),
            "times_idiom": median(a / b for a, b in zip(ours, theirs, strict=True)),
            "flops_per_image": flops,
            "flops_per_second": flops * median(ours) / cores,
            "share_of_peak": flops * median(ours) / cores / peak,
            "repetitions": ours,
            "idiom_repetitions": theirs,
        }
    seconds = sum(1 / one["images_per_second"] for one in networks.values())
    grid = sum(one["flops_per_image"] for one in networks.values()) / seconds / cores
    return {
        "cores": cores,
        "peak_flops_per_second": peak,
        "peak_repetitions": peaks,
        "grid_flops_per_second": grid,
        "grid_share_of_peak": grid / peak,
        "official_epoch_seconds": idiom.epoch_seconds(idiom.official_network()),
        "networks": networks,
    }
