"""Each stage of dvc.yaml lists every module that it imports, and no other."""

import ast
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parent.parent
SOURCE = TOP / "src"
STAGES = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def imported(path: Path) -> set[Path]:
    """Finds the project's modules that a module imports itself, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    paths = (
        SOURCE / Path(*name.split(".")).with_suffix(".py") for name in names if name.startswith("mnist_cnn")
    )
    return {path for path in paths if path.exists()}


def closure(path: Path) -> set[Path]:
    """Finds all modules that a module needs."""
    found: set[Path] = set()
    left = {path}
    while left:
        one = left.pop()
        found.add(one)
        left |= imported(one) - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_imports(stage: str) -> None:
    listed = {TOP / dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")}
    needed = closure(SOURCE / f"mnist_cnn/stages/{stage}.py")
    assert {path.parent if path.parent in listed else path for path in needed} == listed


def test_packages_hold_no_code() -> None:
    for path in SOURCE.rglob("__init__.py"):
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path


@pytest.mark.parametrize("stage", STAGES)
def test_stage_runs_the_code_of_its_own_tree(stage: str) -> None:
    assert STAGES[stage]["cmd"].startswith(f"env PYTHONPATH=src python -m mnist_cnn.stages.{stage}")
    assert STAGES[stage]["desc"]
