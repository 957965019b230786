"""What several tests share: the pinned numerics, and the choices of params.yaml."""

from pathlib import Path

import pytest

from mnist_cnn import numerics
from mnist_cnn.params import Params, load_params
from tests.browser import browser  # noqa: F401  # a fixture

numerics.choose("portable")  # before any test imports PyTorch


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(Path(__file__).parent.parent / "params.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests first, so that none is left running alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
