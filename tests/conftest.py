"""What all tests share: params.yaml, a browser, and isolation from the settings of the user."""

import os

import pytest

from mnist_cnn.core.params import Params, load_params
from tests.support.browser import browser  # noqa: F401  # a fixture
from tests.support.repositories import ISOLATION, TOP

os.environ.update(ISOLATION)


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(TOP / "params.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests first, so that none is left running alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
