"""The READMEs: their answer is the report's, their commands exist, and the two keep step."""

import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from mnist_cnn.core.params import load_params
from mnist_cnn.reporting.text import MARKERS, SUFFIXES

TOP = Path(__file__).parents[2]
READMES = {suffix: TOP / f"README{suffix}" for suffix in SUFFIXES.values()}
MOST_LINES = 120


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"```.*?```", text, flags=re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Lists the commands behind a `$`, one of several joined by `&&` a row."""
    lines = re.findall(r"^\$ (.*)$", text, flags=re.MULTILINE)
    return [shlex.split(command) for line in lines for command in line.split(" && ")]


@pytest.mark.parametrize("suffix", READMES)
def test_answer_is_that_of_the_report(suffix: str) -> None:
    (answer,) = re.findall("{}\n(.*?){}".format(*MARKERS), read(READMES[suffix]), flags=re.DOTALL)
    assert answer == read(TOP / f"report/answer{suffix}").replace("](", "](report/")


@pytest.mark.parametrize("suffix", READMES)
def test_answer_comes_first_then_the_figure_then_the_commands(suffix: str) -> None:
    text = read(READMES[suffix])
    order = ("# ", MARKERS[0], "(report/figures/accuracy_cost.svg)", "$ git", "$ make repro")
    places = [text.index(one) for one in order]
    assert places == sorted(places)
    assert text[: places[1]].count("\n") == 2
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("suffix", READMES)
def test_links_lead_somewhere(suffix: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", read(READMES[suffix]))
    assert [link for link in links if not link.startswith("https://") and not (TOP / link).exists()] == []
    assert links


@pytest.mark.parametrize("suffix", READMES)
def test_no_result_is_typed_by_hand(suffix: str) -> None:
    own = re.sub("{}.*?{}".format(*MARKERS), "", read(READMES[suffix]), flags=re.DOTALL)
    prose = re.sub(r"```.*?```|\]\([^)]*\)|`[^`]*`", "", own, flags=re.DOTALL)
    assert re.findall(r"\d+(?:[.,]\d+)?(?=\s*(?:%|s\b|min|сек|мин|point|пункт))", prose) == []


@pytest.mark.parametrize("command", commands(read(READMES[".md"])), ids=" ".join)
def test_command_exists(command: list[str]) -> None:
    if command[0] == "make":
        assert re.search(rf"^{command[1]}:", read(TOP / "Makefile"), flags=re.MULTILINE)
        names = {network.name for network in load_params(TOP / "params.yaml").networks()}
        assert {name for word in command[2:] for name in word.removeprefix("NETWORKS=").split()} <= names
        return
    if command[0] == "mnist-cnn":
        assert (
            command[1]
            in subprocess.run(["mnist-cnn", "--help"], capture_output=True, text=True, check=True).stdout
        )
        return
    assert command[0] in ("git", "cd", "dvc", "source")
    params = yaml.safe_load(read(TOP / "params.yaml"))
    for change in (value for option, value in pairwise(command) if option == "-S"):
        place = params
        for key in change.lstrip("~").split("=")[0].split("."):
            if not key.startswith("+") and change[0] != "+":
                place = place[key]


def test_architecture_of_the_readme_is_one_that_params_allow(tmp_path: Path) -> None:
    (entry,) = re.findall(r"```yaml\n(.*?)```", read(READMES[".md"]), flags=re.DOTALL)
    params = yaml.safe_load(read(TOP / "params.yaml"))
    params["models"] |= yaml.safe_load(entry)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    assert load_params(tmp_path / "params.yaml").networks()[-1].conv_layers == 4


def test_translation_keeps_step() -> None:
    english, russian = map(read, READMES.values())
    assert blocks(english) == blocks(russian)
    rest = [re.sub(r"```.*?```", "", text, flags=re.DOTALL) for text in (english, russian)]
    for pattern in (r"^#+ ", r"!\[[^]]*\]\(([^)]*)\)", r"^- \[([^]]*)\]"):
        assert re.findall(pattern, rest[0], re.MULTILINE) == re.findall(pattern, rest[1], re.MULTILINE)
