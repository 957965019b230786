"""What other programs read through DVC, such as its VS Code extension, which shows a warning as an error."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.fake_repository import make_repository, save_experiment
from tests.support.repositories import ENVIRONMENT, LIMIT, TOP

pytestmark = pytest.mark.slow

PIPELINE = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
CHARTS = {name for entry in PIPELINE["plots"] if isinstance(entry, dict) for name in entry}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study, with an experiment that is in the workspace as well."""
    folder = make_repository(tmp_path_factory.mktemp("clients"))
    save_experiment(folder)
    return folder


def read(folder: Path, command: str) -> str:
    """Runs a command that must warn of nothing, and returns what it printed."""
    done = subprocess.run(
        shlex.split(command), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_experiments(repository: Path) -> None:
    workspace, main = json.loads(read(repository, "dvc exp show --json"))
    (experiment,) = main["experiments"]
    assert experiment["name"] == "wider-margin"
    assert all(one["data"] and not one["error"] for one in (workspace, main, *experiment["revs"]))


def test_charts(repository: Path) -> None:
    drawn = json.loads(read(repository, "dvc plots diff --json --split"))
    assert drawn.keys() == {"data"}
    for name in CHARTS:
        assert all(set(chart["revisions"]) == {"HEAD", "workspace"} for chart in drawn["data"][name]), name
