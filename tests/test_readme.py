"""The README: its finding is the report's, its commands are tested, its translation keeps step."""

import re
from pathlib import Path

import pytest

from tests.conftest import TOP
from tests.test_pipeline import EXPERIMENTS, LOOKS, QUEUE
from tests.test_repro import SIDE_BY_SIDE

ENGLISH, RUSSIAN = TOP / "README.md", TOP / "README.ru.md"
ELSEWHERE = {  # run by CI itself, or by tests with other words
    "make repro",
    "dvc repro",
    "dvc queue start",
    "dvc remote add --local --default storage ../storage",
    "dvc push",
    "dvc pull",
}


def commands(path: Path) -> list[str]:
    """Finds the commands behind a `$` in the code blocks."""
    blocks = re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [
        line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]


def between_markers(path: Path) -> str:
    """Finds the finding."""
    (found,) = re.findall(
        r"<!-- finding -->(.*?)<!-- /finding -->", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    return found


def test_finding_is_that_of_the_report() -> None:
    assert between_markers(ENGLISH) == between_markers(TOP / "report/report.md")


def test_commands_are_tested() -> None:
    tested = ELSEWHERE | {*EXPERIMENTS, *LOOKS, QUEUE, SIDE_BY_SIDE}
    shown = set(commands(ENGLISH)) - {line for line in commands(ENGLISH) if line.startswith(("git", "cd"))}
    assert shown == tested


@pytest.mark.parametrize("mark", ["#", "!["])
def test_translation_has_the_same_parts(mark: str) -> None:
    def parts(path: Path) -> list[str]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        return [line.split(" ")[0] for line in text.splitlines() if line.startswith(mark)]

    assert len(parts(ENGLISH)) == len(parts(RUSSIAN))
    if mark == "#":
        assert parts(ENGLISH) == parts(RUSSIAN)


def test_translation_has_the_same_blocks() -> None:
    blocks = [
        re.findall(r"```.*?```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for path in (ENGLISH, RUSSIAN)
    ]
    assert blocks[0] == blocks[1]


def test_translation_tells_the_same_numbers() -> None:
    def numbers(path: Path) -> list[str]:
        return re.findall(r"\d+(?:[.,]\d+)?", between_markers(path).replace(",", "."))

    assert sorted(numbers(ENGLISH)) == sorted(numbers(RUSSIAN))


@pytest.mark.parametrize("path", [ENGLISH, RUSSIAN], ids=["english", "russian"])
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("https://") or (TOP / link).exists(), link
    assert links
