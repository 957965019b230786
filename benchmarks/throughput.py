"""The speed of training, relative to a plain PyTorch loop and to the fastest convolution of the machine."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks import plain_loop
from benchmarks.processes import CORES, NATIVE, Processes
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.mnist import IMAGE_SIZE
from mnist_cnn.core.params import Params, Train
from mnist_cnn.core.paths import PREPARED
from mnist_cnn.learning.numerics import use_one_thread
from mnist_cnn.learning.training import train_run

ROUNDS = 5
EPOCHS = 0.12  # of one measured run: about 6,000 images
PLAIN_BATCHES = 80
PEAK_BATCHES = (16, 32, 64, 128)  # images
PEAK_REPEATS = 12


def short(train: Train) -> Train:
    """Returns the recipe of one measured run."""
    return train.model_copy(update={"epochs": min(EPOCHS, train.epochs), "curve_images": 1})


def step_seconds(network: Network, train: Train, clock: Callable[[], float]) -> float:
    """Trains one run on one thread; returns the seconds of a step, without the first."""
    times: list[float] = []
    data = load_training_set(PREPARED)
    train_run(network, train.seeds[0], train.folds[0], train, data, lambda _: times.append(clock()))
    return (times[-1] - times[0]) / (len(times) - 1)


def flops_per_image(network: Network) -> int:
    """Counts the operations of forward and backward pass; a multiply–accumulate is two.

    The backward pass is twice the forward pass, for the gradients of weights and inputs; those of the images
    are not computed.
    """
    images_gradient = network.conv_channels[0] * network.kernel_size**2 * IMAGE_SIZE**2
    return 2 * (3 * network.multiply_accumulates - images_gradient)


def convolution_flops() -> float:
    """Returns the peak FLOP/s of a 3×3 convolution, 64 → 64 channels on 28×28 pixels, on one thread."""
    use_one_thread()
    layer, best = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last), 0.0
    for batch in PEAK_BATCHES:
        images = torch.randn(batch, 64, 28, 28).to(memory_format=torch.channels_last)
        flops = 2 * layer.weight.numel() * 28**2 * batch
        for _ in range(PEAK_REPEATS):
            begin = time.perf_counter()
            output = layer(images)
            middle = time.perf_counter()
            torch.autograd.backward(output.sum())  # the gradient of the weights alone: as much work again
            end = time.perf_counter()
            best = max(best, flops / (middle - begin), 2 * flops / (end - begin))
    return best


def measure(params: Params, quick: bool) -> dict[str, Any]:
    """Measures the pipeline and the plain loop alternately for each network; both use all cores.

    Ours trains as many runs at once as there are cores, with portable numerics, each on one thread. The plain
    loop has one run on all threads, with PyTorch's own choice of numerics.

    Returns:
        Medians of images and FLOP per second; of each network the ratios, medians over the rounds.
    """
    networks, train = params.networks(), short(params.train)
    own: dict[str, list[float]] = {network.name: [] for network in networks}
    plain: dict[str, list[float]] = {network.name: [] for network in networks}
    peaks: list[float] = []
    with Processes(CORES) as portable, Processes(options=NATIVE) as native:
        for number in range(1 if quick else ROUNDS):
            peaks.append(sum(portable.call(convolution_flops)) / CORES)
            for network in networks:
                seconds = portable.call(step_seconds, network, train, time.perf_counter)
                own[network.name].append(sum(train.batch_size / one for one in seconds))
                plain[network.name] += native.call(plain_loop.images_per_second, network, PLAIN_BATCHES)
            print(f"throughput: round {number + 1} is done", flush=True)
    peak, found = max(peaks), {}
    for network in networks:
        ours, theirs = own[network.name], plain[network.name]
        flops = flops_per_image(network)
        found[network.name] = {
            "images_per_second": median(ours),
            "plain_loop_images_per_second": median(theirs),
            "times_plain_loop": median(a / b for a, b in zip(ours, theirs, strict=True)),
            "flops_per_image": flops,
            "share_of_peak": flops * median(ours) / CORES / peak,
        }
    seconds_an_image = sum(1 / one["images_per_second"] for one in found.values())
    grid = sum(one["flops_per_image"] for one in found.values()) / seconds_an_image / CORES
    return {"peak_flops": peak, "grid_share_of_peak": grid / peak, "networks": found}
