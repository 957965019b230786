"""Each stage of dvc.yaml lists every module that it imports, and no other; its stages and the grid agree."""

import ast
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from mnist_cnn.core.params import load_params

TOP = Path(__file__).parents[2]
SOURCE = TOP / "src"
STAGES = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
FOLDERS = {SOURCE / "mnist_cnn" / name for name in ("statistics", "figures", "templates")}


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
    needed = {path.parent if path.parent in FOLDERS else path for path in closure(SOURCE / f"{stage}.py")}
    templates = {SOURCE / "mnist_cnn/templates"} if SOURCE / "mnist_cnn/words.py" in needed else set()
    assert needed | templates == listed


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_script_of_its_name(stage: str) -> None:
    assert STAGES[stage]["cmd"].startswith(f"python src/{stage}.py")
    assert STAGES[stage]["desc"]


def test_stages_cover_the_grid() -> None:
    names = [stage.addressing for stage in Repo(TOP).index.stages]
    for network in load_params(TOP / "params.yaml").networks():
        assert f"train@{network.name}" in names
        assert f"evaluate@{network.name}" in names
    assert len(names) == 2 * len(load_params(TOP / "params.yaml").networks()) + len(STAGES) - 2


def test_arrows_go_one_way() -> None:
    allowed = {"pandas", "numpy", "scipy", "mnist_cnn"}
    for path in (SOURCE / "mnist_cnn/statistics").glob("*.py"):
        modules = {one.split(".")[0] for one in absolute_imports(path)}
        assert not modules & {"torch", "pathlib", "os", "matplotlib", "io"}, path
        assert modules <= allowed | STANDARD, path
    for name in ("training", "evaluation", "network", "parallel", "numerics"):
        modules = {one.split(".")[0] for one in absolute_imports(SOURCE / f"mnist_cnn/{name}.py")}
        assert not modules & {"pandas", "matplotlib", "scipy"}, name


STANDARD = {"collections", "dataclasses", "enum", "functools", "itertools", "math", "typing"}


def absolute_imports(path: Path) -> set[str]:
    """Returns the modules that a file names in its import statements."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    nodes = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        name
        for node in nodes
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }


def test_no_unix_only_module() -> None:
    for path in SOURCE.rglob("*.py"):
        assert not absolute_imports(path) & {"resource", "fcntl", "pwd", "termios"}, path


def test_packages_hold_no_code() -> None:
    for path in SOURCE.glob("mnist_cnn/*/__init__.py"):  # the library's own hands out its public functions
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path
    assert absolute_imports(SOURCE / "mnist_cnn/__init__.py") == {
        "importlib",
        "typing",
        "mnist_cnn.statistics.predictions",
    }
