"""The comparisons that a grid of networks allows, one thing varied at a time.

Kernels are compared within each model; numbers of layers between *matched* models, of which one is the other
with layers added at its end.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise, product

import numpy as np

from mnist_cnn.choices.network import Network
from mnist_cnn.statistics.blocks import FloatArray

NamePair = tuple[str, str]  # of what stands on the high side, and on the low side


class Factor(StrEnum):
    """The choices whose effect is estimated."""

    KERNEL = "kernel"
    CONV = "conv"
    LINEAR = "linear"


@dataclass(frozen=True)
class Level:
    """One side of a contrast: a kernel's size and name, or a number of layers (and its digits)."""

    value: int
    name: str


@dataclass(frozen=True)
class Contrast:
    """A planned comparison, high minus low.

    Attributes:
        factor: What differs.
        high: The larger kernel, or more layers.
        low: The smaller kernel, or fewer layers.
        models: Matched models (high, low) that it averages over; for kernels, each model with itself.
        weights: One weight a network, shape (networks,), sum 0, in the order of the grid that was given.
    """

    factor: Factor
    high: Level
    low: Level
    models: tuple[NamePair, ...]
    weights: FloatArray = field(compare=False)


def planned_contrasts(networks: Sequence[Network]) -> tuple[Contrast, ...]:
    """Derives the family of contrasts from a grid: kernel, convolutional layers, linear layers.

    Each level is compared with the next one that the grid holds, and the largest with the smallest. Two
    models match if they agree in the other kind of layer and the smaller one's layers are the first layers of
    the larger one. A comparison without matched models is left out, so the family may be empty.

    Args:
        networks: All models with all kernels.

    Returns:
        Contrasts; kernel's weigh all models alike, those of layers all matched models and all kernels.
    """
    models = sorted({network.model for network in networks})
    kernel = _kernel_contrasts(networks, models)
    return (*kernel, *_layer_contrasts(networks, Factor.CONV), *_layer_contrasts(networks, Factor.LINEAR))


def simple_kernel_contrasts(networks: Sequence[Network]) -> tuple[Contrast, ...]:
    """Derives the kernel's contrasts within each model alone, a family of its own.

    They are the headline, and not the averages, where the kernel's effect depends on the model.

    Args:
        networks: All models with all kernels.

    Returns:
        Contrasts, each with a single entry in `models`; sorted by model.
    """
    models = sorted({network.model for network in networks})
    return tuple(contrast for model in models for contrast in _kernel_contrasts(networks, [model]))


def _steps(levels: Iterable[Level]) -> list[tuple[Level, Level]]:
    """Pairs (high, low) of neighbouring levels, then the largest with the smallest."""
    ordered = sorted(set(levels), key=lambda level: level.value)
    steps = [(high, low) for low, high in pairwise(ordered)]
    return [*steps, (ordered[-1], ordered[0])] if len(ordered) > 2 else steps


def _kernel_contrasts(networks: Sequence[Network], models: Sequence[str]) -> Iterator[Contrast]:
    """Compares kernels, averaged over the models named."""
    pairs = tuple((model, model) for model in models)
    for high, low in _steps(Level(network.kernel_size, network.kernel) for network in networks):
        weights = _weights(networks, pairs, [(high.name, low.name)])
        yield Contrast(Factor.KERNEL, high, low, pairs, weights)


def _layer_contrasts(networks: Sequence[Network], factor: Factor) -> Iterator[Contrast]:
    """Compares numbers of layers, averaged over matched models and all kernels."""
    kernels = [(kernel, kernel) for kernel in sorted({network.kernel for network in networks})]
    models = sorted({network.model: network for network in networks}.values(), key=lambda model: model.model)
    counts = {model.model: _layers(model, factor) for model in models}
    for high, low in _steps(Level(count, str(count)) for count in counts.values()):
        larger = [model for model in models if counts[model.model] == high.value]
        smaller = [model for model in models if counts[model.model] == low.value]
        matched = [(a.model, b.model) for a, b in product(larger, smaller) if _extends(a, b, factor)]
        if matched:
            weights = _weights(networks, matched, kernels)
            yield Contrast(factor, high, low, tuple(matched), weights)


def _layers(network: Network, factor: Factor) -> int:
    """Number of layers of the kind that varies."""
    return network.conv_layers if factor is Factor.CONV else network.linear_layers


def _extends(larger: Network, smaller: Network, factor: Factor) -> bool:
    """Whether `larger` is `smaller` with layers of one kind added at their end, and nothing else changed."""
    if factor is Factor.CONV:
        added = larger.conv_channels[: len(smaller.conv_channels)] == smaller.conv_channels
        return added and larger.hidden_units == smaller.hidden_units
    added = larger.hidden_units[: len(smaller.hidden_units)] == smaller.hidden_units
    return added and larger.conv_channels == smaller.conv_channels


def _weights(
    networks: Sequence[Network], models: Sequence[NamePair], kernels: Sequence[NamePair]
) -> FloatArray:
    """Weighs every combination of a pair of models with a pair of kernels alike: high +, low -."""
    place = {(network.model, network.kernel): index for index, network in enumerate(networks)}
    weights, share = np.zeros(len(networks)), 1 / (len(models) * len(kernels))
    for (high_model, low_model), (high_kernel, low_kernel) in product(models, kernels):
        weights[place[high_model, high_kernel]] += share
        weights[place[low_model, low_kernel]] -= share
    return weights
