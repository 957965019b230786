"""Invalid parameters are reported in one line, and no file changes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_repository import make_small_repository
from tests.support.params import set_keys
from tests.support.repositories import run, tree

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_repository(tmp_path_factory.mktemp("refused"), {"large": 7})


@pytest.fixture
def untouched(repository: Path) -> Iterator[Path]:
    """The repository; a test may change its params.yaml, and everything else must stay."""
    before = tree(repository)
    yield repository
    (repository / "params.yaml").write_bytes(before["params.yaml"])
    assert tree(repository) == before


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"kernels.large": 4}, r"kernels\.large is 4: must be odd"),
        ({"train.epochs": 0.001}, r"train\.epochs is 0\.001: must be enough for "),
        ({"kernels": {"$(touch hacked)": 7}}, r"kernels: the name '\$\(touch hacked\)' must be a letter"),
    ],
    ids=["a value", "too short", "a hostile name"],
)
def test_reproduction_is_refused(untouched: Path, values: dict[str, object], line: str) -> None:
    set_keys(untouched / "params.yaml", values)
    printed = run(untouched, "dvc repro", fails=True)
    assert len(re.findall(f"^error: params.yaml: {line}", printed, re.MULTILINE)) == 1
    assert "Traceback" not in printed


def test_experiment_is_refused(untouched: Path) -> None:
    printed = run(untouched, "dvc exp run -S +kernels.CON=9", fails=True)
    assert re.search("^error: params.yaml: kernels: the name 'CON' is ", printed, re.MULTILINE)
    assert "Traceback" not in printed


def test_yaml_that_stops_dvc_itself_costs_nothing(untouched: Path) -> None:
    (untouched / "params.yaml").write_text("data: " + "[" * 10_000, encoding="utf-8")
    run(untouched, "dvc repro", fails=True)
