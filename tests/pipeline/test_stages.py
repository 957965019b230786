"""The stages of dvc.yaml depend on what their scripts import, and an edit runs no more than it has to."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from mnist_cnn.core.params import Params
from tests.support.fake_repository import make_small_repository
from tests.support.params import set_keys
from tests.support.repositories import TOP, changed_stages, run

SOURCE = TOP / "src"
PACKAGE = SOURCE / "mnist_cnn"
TEXT = (TOP / "dvc.yaml").read_text(encoding="utf-8")
STAGES = yaml.safe_load(TEXT)["stages"]
MAX_LINES, MAX_ENTRIES = 300, 5
ARROWS = {  # part of the package → the parts that it may import
    "core": set(),
    "documents": {"core"},
    "sources": {"core"},
    "learning": {"core"},
    "evaluation": {"core", "learning"},
    "fingerprint": {"core", "learning"},
    "onnx_graph": {"core"},
    "statistics": {"core", "documents"},
    "reporting": {"core", "documents", "statistics"},
    "app": {"core", "documents"},
}
NEVER_LOADED = {  # part of the package → libraries that neither it nor what it imports may import
    "core": {"torch"},
    "statistics": {"torch", "matplotlib"},
    "learning": {"pandas", "matplotlib", "scipy"},
    "app": {"torch", "pandas", "matplotlib"},
}

GUIDE = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|$", GUIDE, re.MULTILINE)  # change, stages, what trains
CHOICES = {  # section of params.yaml → a key of it and another value
    "data": ("data.seed", 1),
    "models": ("models.conv1_linear1.hidden_units", [8]),
    "kernels": ("kernels.small", 5),
    "train": ("train.epochs", 1),
    "compare": ("compare.confidence", 0.9),
}


@cache
def names_in(path: Path) -> frozenset[str]:
    """Returns the modules that a file names, in import statements anywhere in it and in strings."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and str(node.value).startswith("mnist_cnn."):
            names.add(str(node.value))
    return frozenset(names)


def imported(path: Path) -> set[Path]:
    """Returns the files of the package that importing a file loads, with the `__init__` of each folder."""
    found: set[Path] = set()
    for name in names_in(path):
        parts = name.split(".")
        if parts[0] == "mnist_cnn":
            inits = (SOURCE.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + 1))
            found |= {*inits, SOURCE.joinpath(*parts).with_suffix(".py")}
    return {path for path in found if path.exists()}


@cache
def closure(path: Path) -> frozenset[Path]:
    """Returns all files of the project that a file needs, itself included."""
    found: set[Path] = set()
    left = {path}
    while left:
        found |= left
        left = set().union(*map(imported, left)) - found
    return frozenset(found)


def part(path: Path) -> str:
    """Returns the part of the package that a file belongs to: a folder or a single module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files_of(name: str) -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if part(path) == name]


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_are_the_imports(stage: str) -> None:
    script = SOURCE / f"{stage}.py"
    entries = {TOP / dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")}
    needed = closure(script)
    uncovered = {path for path in needed if not entries & {path, *path.parents}}
    unused = {entry for entry in entries if not any(entry in (path, *path.parents) for path in needed)}
    assert (uncovered, unused) == (set(), set())
    assert {script, PACKAGE / "__init__.py"} <= entries
    assert len(entries) <= MAX_ENTRIES + 2
    for name in {part(path) for path in needed - {script}}:  # with templates and the like, as a whole
        data = [path for path in (PACKAGE / name).rglob("*") if path.suffix not in (".py", ".pyc")]
        assert not any(path.is_file() for path in data) or PACKAGE / name in entries, name


@pytest.mark.parametrize("stage", STAGES)
def test_stage_is_a_script_of_its_name(stage: str) -> None:
    assert STAGES[stage]["cmd"].startswith(f"python src/{stage}.py")
    assert STAGES[stage]["desc"]


def test_stages_cover_the_grid(params: Params) -> None:
    names = [stage.addressing for stage in Repo(TOP).index.stages]
    grid = {f"{stage}@{network.name}" for stage in ("train", "evaluate") for network in params.networks()}
    assert set(names) == grid | (STAGES.keys() - {"train", "evaluate"})
    assert len(names) == len(set(names))
    assert len(TEXT.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", ARROWS)
def test_arrows_go_one_way(name: str) -> None:
    paths = files_of(name)
    assert paths
    for path in paths:
        found = {part(one) for one in imported(path) if one != PACKAGE / "__init__.py"}
        assert found <= ARROWS[name] | {name}, path


@pytest.mark.parametrize("name", NEVER_LOADED)
def test_part_loads_no_heavy_library(name: str) -> None:
    for path in files_of(name):
        loaded = {one.split(".")[0] for file in closure(path) for one in names_in(file)}
        assert not loaded & NEVER_LOADED[name], path


def test_every_part_is_known_and_its_modules_hold_the_code() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert {part(path) for path in paths} == ARROWS.keys()
    for path in paths:
        if path.name == "__init__.py":
            assert len(ast.parse(path.read_text(encoding="utf-8")).body) == 1, path  # a docstring
    scripts = {path.stem for path in SOURCE.glob("*.py")}
    names = [path.stem for path in paths if path.name != "__init__.py"]
    assert len({*names, *scripts}) == len(names) + len(scripts), "two modules have the same name"


# What DVC would run again


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_small_repository(tmp_path_factory.mktemp("stages"), {"small": 3})
    assert changed_stages(folder) == {}
    return folder


@pytest.fixture
def edited(repository: Path) -> Path:
    """The repository without the edits of the test before."""
    run(repository, "git checkout --quiet -- .")
    run(repository, "git clean --quiet --force -d")
    return repository


@pytest.mark.slow
@pytest.mark.parametrize(("change", "stages", "trains"), ROWS, ids=[change for change, _, _ in ROWS])
def test_table_of_contributing_says_what_runs_again(
    edited: Path, change: str, stages: str, trains: str
) -> None:
    for thing in re.findall(r"`(.*?)`", change):
        if thing in CHOICES:
            set_keys(edited / "params.yaml", dict([CHOICES[thing]]))
        else:
            path = edited / thing if thing.endswith(".py") else next((edited / thing).glob("*.py"))
            with path.open("a", encoding="utf-8") as file:
                file.write("# edited\n")
        changed = changed_stages(edited)
        changed.pop("download", None)  # checks every change of params.yaml
        following = set().union(*changed.values())
        stated = set(re.findall(r"`(\w+)`", stages)) - {"download"}
        assert {name.split("@")[0] for name in changed.keys() - following} == stated
        trained = changed.keys() | (set() if trains.startswith("none") else following)
        assert any(name.startswith("train@") for name in trained) != trains.startswith("none")
        run(edited, "git checkout --quiet -- .")


def test_table_of_contributing_names_all_code_that_trains_nothing() -> None:
    none = {change for change, _, trains in ROWS if trains.startswith("none")}
    names = ("app", "documents.py", "evaluation.py", "reporting", "sources", "statistics")
    assert {f"`src/mnist_cnn/{name}`" for name in names} <= none


@pytest.mark.slow
def test_files_of_editors_run_nothing(edited: Path) -> None:
    for name in (".x.py.swp", "x.py~", ".#x.py", ".DS_Store", "__pycache__/x.pyc"):
        path = edited / "src/mnist_cnn/core" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert changed_stages(edited) == {}
