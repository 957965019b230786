"""What the same bits everywhere cost: pinned numerics against native ones, and an alternative that lost."""

import time
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks.processes import NATIVE, Processes
from benchmarks.throughput import short, step_seconds
from mnist_cnn.core.params import Params
from mnist_cnn.learning.numerics import use_one_thread

ROUNDS = 5
LAYER_ROUNDS = 200


def linear_ratios(shapes: list[tuple[int, int]], batch: int, rounds: int) -> list[float]:
    """Times linear layers as 1×1 convolutions, which oneDNN does, as ratios to nn.Linear, which MKL does.

    Forward and backward pass, in turn; CPU seconds of one thread, medians over the rounds.

    Args:
        shapes: Inputs and outputs of each layer.
        batch: Images per step.
        rounds: Number of passes of each kind.
    """
    use_one_thread()
    ratios = []
    for inputs, outputs in shapes:
        linear, convolution = nn.Linear(inputs, outputs), nn.Conv2d(inputs, outputs, 1)
        flat = torch.randn(batch, inputs, requires_grad=True)
        square = flat.detach()[:, :, None, None].to(memory_format=torch.channels_last).requires_grad_()
        times: dict[nn.Module, list[float]] = {
            linear: [],
            convolution.to(memory_format=torch.channels_last): [],
        }
        for _ in range(rounds):
            for layer, features in ((linear, flat), (convolution, square)):
                begin = time.thread_time()
                torch.autograd.backward(layer(features).sum())
                times[layer].append(time.thread_time() - begin)
        ratios.append(median(times[convolution]) / median(times[linear]))
    return ratios


def measure(params: Params, quick: bool) -> dict[str, Any]:
    """Measures a training step of each network with both numerics, in turn, in processes that stay.

    Returns:
        CPU seconds of a step with portable and native numerics, their ratio (median over the rounds), by
        network; ratios of `linear_ratios` by layer.
    """
    networks, train = params.networks(), short(params.train)
    found: dict[str, dict[str, float]] = {}
    with Processes() as portable, Processes(options=NATIVE) as native:
        for network in networks:
            times = [
                [one.call(step_seconds, network, train, time.thread_time)[0] for one in (portable, native)]
                for _ in range(1 if quick else ROUNDS)
            ]
            seconds = [median(column) for column in zip(*times, strict=True)]
            ratio = median(a / b for a, b in times)
            found[network.name] = {"portable": seconds[0], "native": seconds[1], "ratio": ratio}
            print(f"numerics: {network.name}", flush=True)
        shapes = sorted({pair for one in networks for pair in pairwise(one.linear_widths)}, reverse=True)
        [ratios] = portable.call(linear_ratios, shapes, train.batch_size, LAYER_ROUNDS)
    layers = {f"{inputs} → {outputs}": one for (inputs, outputs), one in zip(shapes, ratios, strict=True)}
    return {"networks": found, "linear_as_convolution": layers}
