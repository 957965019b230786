"""What contributors read and use: CONTRIBUTING.md, the citation, git's hooks and CI's workflow."""

import re
import shlex
import shutil
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnist_cnn.core.params import load_params
from tests.support.repositories import TOP, commit, run

GUIDE = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", GUIDE, re.MULTILINE)]
ROWS = re.findall(r"^\| (`.*?) \| (`.*?) \| (.*?) \|$", GUIDE, re.MULTILINE)
STAGES: dict[str, Any] = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
JOBS = yaml.safe_load((TOP / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_exists(command: list[str]) -> None:
    name, *rest = command
    if name == "make":
        assert re.search(rf"^{rest[0]}:", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    elif name != "source":
        assert f"{name}==" in (TOP / "requirements.lock").read_text(encoding="utf-8")
        if name not in ("pytest", "mypy"):
            assert rest[0] in run(TOP, f"{name} --help")


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", GUIDE)
    assert links
    for path, _, place in (link.partition("#") for link in links):
        text = (TOP / path).read_text(encoding="utf-8")
        assert not place or f"\n## {place.replace('-', ' ')}\n" in text.lower()


# What runs again


def first_part(path: str) -> str:
    """Cuts a path of dvc.yaml where it begins to depend on parameters."""
    return path.partition("${")[0].rstrip("/")


def outputs(stage: dict[str, Any]) -> set[str]:
    listed = (*stage.get("outs", ()), *stage.get("metrics", ()), *stage.get("plots", ()))
    return {first_part(out if isinstance(out, str) else next(iter(out))) for out in listed}


def followers(name: str) -> set[str]:
    """Finds the stages that depend on what a stage writes, and on what those write."""
    found: set[str] = set()
    left = {name}
    while left:
        written = outputs(STAGES[left.pop()])
        new = {
            other
            for other, stage in STAGES.items()
            if any(
                first_part(dep).startswith(out) or out.startswith(first_part(dep))
                for dep in stage["deps"]
                for out in written
            )
        } - found
        found |= new
        left |= new
    return found


def touched(thing: str) -> set[str]:
    """Finds the stages that depend on a file, or on a section of params.yaml, themselves."""
    return {
        name
        for name, stage in STAGES.items()
        if thing in stage["deps"]
        or any(isinstance(key, str) and key.split(".")[0] == thing for key in stage.get("params", ()))
    }


@pytest.mark.parametrize(("change", "stages", "trains"), ROWS, ids=[row[0] for row in ROWS])
def test_what_runs_again(change: str, stages: str, trains: str) -> None:
    stated = set(re.findall(r"`(\w+)`", stages))
    for thing in re.findall(r"`(.*?)`", change):
        direct = touched(thing)
        assert direct - set().union(*map(followers, direct)) == stated
        assert ("train" in direct.union(*map(followers, direct))) == (trains != "none")


def test_table_is_not_empty() -> None:
    assert len(ROWS) > 5


# Citation and hooks


def test_citation_is_valid_and_of_this_version() -> None:
    """As version 1.2 of the Citation File Format asks; an author with a `name` alone is no person."""
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    known = {
        "cff-version",
        "message",
        "title",
        "abstract",
        "type",
        "authors",
        "version",
        "license",
        "keywords",
    }
    assert citation.keys() == known
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"] == [{"name": "The mnist-cnn authors"}]
    assert citation["type"] == "software"
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


@pytest.mark.slow
def test_hooks_pass_what_is_right_and_stop_what_is_not(tmp_path: Path) -> None:
    home = {"PRE_COMMIT_HOME": f"{tmp_path}/hooks"}
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(TOP / name, folder)
    run(folder, "git init --quiet")
    run(folder, "pre-commit install", **home)
    (folder / "right.py").write_text('"""Nothing."""\n', encoding="utf-8")
    commit(folder, "right")
    (folder / "wrong.py").write_text("import os\n", encoding="utf-8")
    run(folder, "git add wrong.py")
    printed = run(folder, "git commit --message wrong", fails=True, **home)
    assert re.search(r"^ruff check\.+Failed$", printed, re.MULTILINE)
    assert "F401" in printed
    assert "[WARNING]" not in printed


# Workflow


def test_jobs_use_what_the_project_has() -> None:
    lines = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    for line in lines:
        for path in re.findall(r"(?:bash|--requirement|--constraint) (\S+\.?\w+/?\w+)", line):
            assert (TOP / path).exists(), path
    versions = {
        step["with"]["python-version"]
        for job in JOBS.values()
        for step in job["steps"]
        if "python-version" in step.get("with", {})
    }
    assert versions == {"3.11"} == {PROJECT["requires-python"].removeprefix(">=")}
    assert JOBS["elsewhere"]["continue-on-error"] is True


def test_tiny_pipeline_is_one_that_params_allow(tmp_path: Path) -> None:
    (line,) = (step["run"] for step in JOBS["elsewhere"]["steps"] if "dvc exp run" in step.get("run", ""))
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    words = shlex.split(line.replace("\\\n", " "))
    changes = [value for option, value in pairwise(words) if option == "-S"]
    for change in changes:
        keys, _, value = change.lstrip("~").partition("=")
        *sections, last = keys.split(".")
        place = params
        for section in sections:
            place = place[section]
        assert last in place
        place[last] = yaml.safe_load(value)
        if change.startswith("~"):
            del place[last]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    small = load_params(path)
    assert len(changes) == 5
    assert len(small.networks()) * len(small.train.folds) * small.train.epochs <= 1
