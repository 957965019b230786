"""What other programs read of the repository through DVC, and what a pull request shows of it.

The DVC extension of VS Code reads its tables, charts and trees with these commands; a warning would be shown
as an error there.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.fake_repository import make_repository, save_experiment
from tests.support.repositories import ENVIRONMENT, TOP

pytestmark = pytest.mark.slow

PIPELINE = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((TOP / ".github/workflows/test.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study, with an experiment that is in the workspace too."""
    folder = make_repository(tmp_path_factory.mktemp("clients"))
    save_experiment(folder)
    return folder


def experiments(printed: str) -> bool:
    workspace, main = json.loads(printed)
    (experiment,) = main["experiments"]
    found = [workspace, main, *experiment["revs"]]
    return experiment["name"] == "wider-margin" and all(one["data"] and not one["error"] for one in found)


def charts(printed: str) -> bool:
    drawn = json.loads(printed)
    names = {name for entry in PIPELINE["plots"] if isinstance(entry, dict) for name in entry}
    both = [set(chart["revisions"]) for name in names for chart in drawn["data"][name]]
    return drawn.keys() == {"data"} and both == [{"HEAD", "workspace"}] * len(names)


def nothing_to_tell(printed: str) -> bool:
    return json.loads(printed) == {}


def one_parameter(printed: str) -> bool:
    ((file, change),) = json.loads(printed).items()
    return (file, list(change)) == ("params.yaml", ["compare.margin"])


def one_file_of_metrics(printed: str) -> bool:
    ((file, change),) = json.loads(printed).items()
    return file == "metrics/summary.json" and change["good_enough"]["diff"] > 0


def stages(printed: str) -> bool:
    names = {line.split()[0].split("@")[0] for line in printed.splitlines()}
    return names == PIPELINE["stages"].keys()


def graph(printed: str) -> bool:
    kind, *lines = printed.split("\n")
    names = set(re.findall(r'\["([a-z]+)', printed))
    return (
        kind == "flowchart TD" and names == PIPELINE["stages"].keys() and any("-->" in one for one in lines)
    )


CLIENTS: dict[str, Callable[[str], bool]] = {
    "dvc exp show --json": experiments,
    "dvc plots diff --json --split": charts,
    "dvc data status --json": nothing_to_tell,
    "dvc params diff --json": one_parameter,
    "dvc metrics diff --json": one_file_of_metrics,
    "dvc stage list": stages,
    "dvc dag --mermaid": graph,
}


@pytest.mark.parametrize("command", CLIENTS)
def test_command_is_read_and_warns_of_nothing(repository: Path, command: str) -> None:
    words = shlex.split(command)
    done = subprocess.run(words, cwd=repository, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert CLIENTS[command](done.stdout)


def test_pull_request_shows_what_it_changes(repository: Path, tmp_path: Path) -> None:
    (step,) = (step for step in WORKFLOW["jobs"]["changes"]["steps"] if "env" in step)
    picture = re.sub(r"\$\{\{.*?\}\}", "x", step["env"]["PICTURE"])
    assert picture.startswith("x/x/raw/x/")
    assert (repository / picture.removeprefix("x/x/raw/x/")).exists()
    summary = tmp_path / "summary.md"
    environment = {"BASE": "main", "PICTURE": picture, "GITHUB_STEP_SUMMARY": str(summary)}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(words, cwd=repository, env=ENVIRONMENT | environment, check=True)
    text = summary.read_text(encoding="utf-8")
    assert re.search(r"\| params\.yaml +\| compare\.margin +\| 0\.002 +\| 0\.003 ", text)
    assert re.search(r"\| metrics/summary\.json +\| good_enough ", text)
    assert f"]({picture})" in text
