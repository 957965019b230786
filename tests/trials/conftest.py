"""The small study of the trials, and the table of what was tried."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.params import shrink
from tests.support.repositories import commit, copy_sources, run
from tests.trials.small_study import Outcome, Record, Study, clone, reproduce

OUTCOMES = pytest.StashKey[list[Outcome]]()
LIMIT = 3 * 3600  # seconds of a trial


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives trials more time than tests."""
    for item in items:
        if item.get_closest_marker("trial"):
            item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Adds a line to the table that is printed at the end."""
    return request.config.stash.setdefault(OUTCOMES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table of docs/reliability.md."""
    if outcomes := config.stash.get(OUTCOMES, []):
        table = pd.DataFrame(outcomes).groupby("fault", sort=False)
        columns = {
            "Fault": table.size().index,
            "Tried": table.size(),
            "Survived": table.survived.sum(),
            "Lost": table.size() - table.survived.sum(),
            "Seconds until DVC works again: median, maximum": median_and_maximum(table.next_start),
            "Seconds until all processes have ended: median, maximum": median_and_maximum(table.last_process),
        }
        rows = [columns, [":--", *["--:"] * (len(columns) - 1)], *zip(*columns.values(), strict=True)]
        terminalreporter.write("\n" + "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows) + "\n")


def median_and_maximum(seconds: Any) -> "pd.Series[str]":
    """Writes the median and the maximum of each group."""
    return seconds.agg(lambda group: f"{group.median():.1f}, {group.max():.1f}")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a study of two networks on two folds, in which nothing ran."""
    folder = tmp_path_factory.mktemp("sources")
    copy_sources(folder)
    shrink(folder / "params.yaml", kernels=("small",))
    run(folder, "git init --quiet")
    commit(folder, "sources")
    return folder


@pytest.fixture(scope="session")
def study(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, reproduced once; nothing disturbed it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "clone"
    clone(sources, folder)
    return Study(folder, reproduce(folder))
