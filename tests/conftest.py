"""What all tests share: params.yaml, a browser, and isolation from the settings of the user."""

import os
from collections import Counter

import pytest

from mnist_cnn.core.params import Params, load_params
from tests.support.browser import browser  # noqa: F401  # a fixture
from tests.support.repositories import ISOLATION, TOP

FIRST = ("test_experiments.py", "test_pipeline.py")  # the longest ones
NO_SKIPS = "MNIST_CNN_NO_SKIPS"  # environment variable: skipped for lack of a program is failed
INSTALL = {"chromium": "apt-get install chromium", "qemu": "apt-get install qemu-user"}

os.environ.update(ISOLATION)


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(TOP / "params.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, then those with slow tests, so that none is left alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name not in FIRST, item.path not in slow))


def skipped(config: pytest.Config) -> Counter[str]:
    """Counts the skipped tests by reason."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names what could not be tested on this machine, and how to install what it lacks."""
    for reason, count in skipped(config).items():
        remedy = next((command for name, command in INSTALL.items() if name in reason), "")
        line = f"NOT TESTED ({count}): {reason}{remedy and f'; {remedy}'}"
        terminalreporter.write_line(line, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    lacking = [reason for reason in skipped(session.config) if not reason.startswith("this processor")]
    if NO_SKIPS in os.environ and session.exitstatus == pytest.ExitCode.OK and lacking:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
