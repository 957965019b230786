"""Every network of params.yaml: its layers, its size, its initial weights."""

import pytest
import torch
from torch import nn

from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation
from mnist_cnn.core.params import load_params
from mnist_cnn.learning.network import build_network, to_inputs
from tests.support.repositories import TOP

NETWORKS = load_params(TOP / "params.yaml").networks()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count_multiplications(model: nn.Sequential) -> int:
    """Counts those of a forward pass: in each layer, the weights times the positions of the output."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += layer.weight.numel() * output[0, 0].numel()

    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        model(torch.zeros(1, 1, 28, 28))
    return total


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_network_of_the_grid(network: Network) -> None:
    model = build_network(network, generator())
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert sum(isinstance(layer, nn.Conv2d) for layer in model) == network.conv_layers
    assert sum(isinstance(layer, nn.Linear) for layer in model) == network.linear_layers
    assert isinstance(model[-1], nn.Linear)  # logits, not cut off at 0
    sizes = {layer.kernel_size for layer in model if isinstance(layer, nn.Conv2d)}
    assert sizes == {(network.kernel_size,) * 2}
    assert network.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert network.multiply_accumulates == count_multiplications(model)


def test_size_by_hand() -> None:
    network = Network("a", "b", 3, (4, 8), (16,))
    assert network.parameters == (9 + 1) * 4 + (9 * 4 + 1) * 8 + (7 * 7 * 8 + 1) * 16 + (16 + 1) * 10
    convolutions = 28 * 28 * 9 * 4 + 14 * 14 * 9 * 4 * 8
    assert network.multiply_accumulates == convolutions + 7 * 7 * 8 * 16 + 16 * 10


def test_weights_follow_the_generator_alone() -> None:
    network = NETWORKS[0]
    torch.manual_seed(1)
    first = build_network(network, generator())
    torch.manual_seed(2)
    again, other = build_network(network, generator()), build_network(network, generator(1))
    for one, same, different in zip(first.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)
        assert torch.equal(one, different) == (not one.any())  # biases behind a pooling begin at 0


def test_initial_weights_have_pytorchs_range() -> None:
    model = build_network(Network("a", "b", 3, (16,), (64,)), generator())
    for layer in (model[0], model[5]):
        bound = layer.weight[0].numel() ** -0.5
        assert 0.9 * bound < layer.weight.abs().max() <= bound


def test_inputs_are_normalised() -> None:
    pixels = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    inputs = to_inputs(pixels, Normalisation(mean=100, std=50))
    torch.testing.assert_close(inputs, torch.tensor([[[[-2.0, 3.1]]]]))
