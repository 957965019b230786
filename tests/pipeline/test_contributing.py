"""The citation file, and the workflow of CI."""

import os
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from mnist_cnn.core.params import load_params
from tests.support.fake_repository import make_repository, save_experiment
from tests.support.params import set_keys
from tests.support.repositories import TOP, run

JOBS = yaml.safe_load((TOP / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_citation_is_of_this_version() -> None:
    """Its fields are those that version 1.2 of the Citation File Format requires, and that we fill."""
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_small_pipeline_of_the_workflow_is_one_that_params_allow(tmp_path: Path) -> None:
    (line,) = (step["run"] for step in JOBS["elsewhere"]["steps"] if "dvc exp run" in step.get("run", ""))
    path = tmp_path / "params.yaml"
    path.write_bytes((TOP / "params.yaml").read_bytes())
    words = shlex.split(line.replace("\\\n", " "))
    changes = [value for option, value in pairwise(words) if option == "-S"]
    for change in changes:
        key, _, value = change.lstrip("~").partition("=")
        set_keys(path, {key: ... if change.startswith("~") else yaml.safe_load(value)})
    small = load_params(path)
    assert len(changes) == 5
    assert len(small.networks()) * len(small.train.folds) * small.train.epochs <= 1


@pytest.mark.slow
def test_pull_request_shows_what_it_changes(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repository")
    save_experiment(folder)
    (step,) = (step for step in JOBS["changes"]["steps"] if "env" in step)
    picture = re.sub(r"\$\{\{.*?\}\}", "x", step["env"]["PICTURE"])
    assert picture.startswith("x/x/raw/x/")
    assert (folder / picture.removeprefix("x/x/raw/x/")).exists()
    summary, script = tmp_path / "summary.md", tmp_path / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    environment = {"BASE": "main", "PICTURE": picture, "GITHUB_STEP_SUMMARY": str(summary)}
    run(folder, f"bash --noprofile --norc -eo pipefail {script}", **environment)
    text = summary.read_text(encoding="utf-8")
    assert re.search(r"\| params\.yaml +\| compare\.margin +\| 0\.002 +\| 0\.004 ", text)
    assert re.search(r"\| metrics/summary\.json +\| good_enough ", text)
    assert f"]({picture})" in text


@pytest.mark.parametrize(("status", "result"), [(0, "passed"), (2, "failed")])
def test_verification_shows_processor_and_result(status: int, result: str, tmp_path: Path) -> None:
    workflow = yaml.safe_load((TOP / ".github/workflows/verify.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["verify"]["steps"]
    (script,) = (step["run"] for step in steps if "make" in step.get("run", ""))
    (tmp_path / "step.sh").write_text(script, encoding="utf-8")
    make = tmp_path / "bin/make"
    make.parent.mkdir()
    make.write_text(f"#!/bin/sh\necho 'conv1_linear1-small: same bits'\nexit {status}\n", encoding="utf-8")
    make.chmod(0o755)
    summary = tmp_path / "summary.md"
    path = f"{make.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"TARGET": "verify", "GITHUB_STEP_SUMMARY": str(summary), "PATH": path}
    run(tmp_path, "bash --noprofile --norc -eo pipefail step.sh", fails=status > 0, **environment)
    text = summary.read_text(encoding="utf-8")
    assert text.startswith(f"### make verify: {result}\n\nProcessor: ")
    assert "conv1_linear1-small: same bits" in text
