"""What the benchmarks count and divide, and the page that shows their results; no test measures time."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as command
from benchmarks.idiom import official_network, plain_network
from benchmarks.processes import CORES
from benchmarks.study import shares
from benchmarks.throughput import flops_per_image
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import load_params
from mnist_cnn.learning.network import build_network
from tests.support.repositories import TOP

NETWORKS = load_params(TOP / "params.yaml").networks()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_plain_loop_trains_the_same_network(network: Network) -> None:
    plain = plain_network(network)
    assert plain(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert sum(one.numel() for one in plain.parameters()) == network.parameters


def test_official_network_has_its_size() -> None:
    assert sum(one.numel() for one in official_network().parameters()) == 1_199_882


@pytest.mark.parametrize("network", NETWORKS[::4], ids=lambda network: network.name)
def test_operations_are_those_that_pytorch_counts(network: Network) -> None:
    model = build_network(network, torch.Generator())
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(model(torch.zeros(2, 1, 28, 28)).sum())
    assert counter.get_total_flops() == 2 * flops_per_image(network)


def test_shares_add_up() -> None:
    found = shares(wall=100, used=90 * CORES, training=40 * CORES, validation=2 * CORES, judging=8 * CORES)
    assert sum(found.values()) == pytest.approx(1)
    assert list(found.values()) == pytest.approx([0.4, 0.02, 0.08, 0.4, 0.1])


def test_page_shows_the_results() -> None:
    text, results = (
        command.PAGE.read_text(encoding="utf-8"),
        json.loads(command.RESULTS.read_text(encoding="utf-8")),
    )
    assert command.with_tables(text, results) == text
    assert all(f"<!-- {part} -->\n" in text and f"<!-- /{part} -->" in text for part in command.MEASURED)
