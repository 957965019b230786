"""The commands and examples of docs/model.md and of the card: how the exported network is shared and used."""

import re
import sys
from pathlib import Path

import pytest

from compare import describe_choice
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EXPORT, PLOTS
from mnist_cnn.core.tables import write_table
from tests.support.commands import REPOSITORY, command_blocks, run_printed
from tests.support.digits import write_study
from tests.support.repositories import TOP, commit, copy_sources, run, tree
from tests.support.studies import sample

PAGE = TOP / "docs/model.md"
FILES = {"README.md", "agreement.json", "model.onnx", "model.safetensors"}
pytestmark = pytest.mark.slow


def section(page: Path, title: str) -> str:
    """Returns a section of a Markdown file."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def commands(title: str) -> list[str]:
    """Returns the commands in a section of docs/model.md."""
    return [command for block in command_blocks(section(PAGE, title)) for command in block]


def python_block(page: Path, title: str) -> str:
    """Returns the Python code in a section of a Markdown file."""
    (code,) = re.findall(r"```python\n(.*?)```", section(page, title), flags=re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """Contains `maker`, a repository that shares its network, `store`, its remote, and `clone`."""
    top = tmp_path_factory.mktemp("artifacts")
    maker, one = top / "maker", sample()
    copy_sources(maker)
    choice = describe_choice(one.summary, write_study(maker, params))
    write_table(maker / PLOTS / "networks.csv", one.networks)
    one.summary.write(maker / PLOTS / "study.json")
    choice.write(maker / PLOTS / "choice.json")
    run(top, "git init --quiet --bare public.git")
    run(maker, "git init --quiet")
    run(maker, "git remote add origin ../public.git")
    run(maker, f"dvc remote add --quiet --default store '{top / 'store'}'")
    run(maker, "dvc repro --single-item export card")
    commit(maker, "the network")
    run(maker, "git push --quiet --set-upstream origin HEAD")
    run_printed(maker, commands("Publish it"), {})
    run(top, "git clone --quiet public.git clone")
    return top


@pytest.fixture(scope="module")
def user(top: Path) -> Path:
    """A repository in which every command that fetches the network was run."""
    user = top / "user"
    user.mkdir()
    run(user, "git init --quiet")
    run(user, "dvc init --quiet")
    run_printed(user, commands("Fetch it"), {}, {REPOSITORY: f"{top}/clone"})
    return user


def test_commands_fetch_the_network(top: Path, user: Path) -> None:
    made = tree(top / "maker" / EXPORT)
    assert made.keys() == FILES
    for folder in ("export", "network", "network-v1.0.0"):
        assert tree(user / folder) == made
    assert not (top / "clone/.dvc/cache").exists()  # all of it comes from the remote


def test_python_reads_the_network(top: Path) -> None:
    code = python_block(PAGE, "Fetch it")
    scope: dict[str, bytes] = {}
    exec(code.replace(REPOSITORY, f"{top}/clone"), scope)
    assert scope["model"] == (top / "maker" / EXPORT / "model.onnx").read_bytes()


@pytest.mark.parametrize("page", ["docs/model.md", "data/export/README.md"])
def test_example_runs_beside_the_file(top: Path, user: Path, page: str) -> None:
    code = python_block(top / "maker" / page, "(?:Use it|How to use it)")
    (user / "example.py").write_text(code, encoding="utf-8")
    printed = run(user / "export", f"{sys.executable} ../example.py")
    assert re.fullmatch(r"(\d \d+\.\d%\n){2}|\[\d\] \[\d\.\d+\]\n", printed)


def test_any_network_is_exported_by_its_name(top: Path) -> None:
    maker = top / "maker"
    (command,) = commands("Make it")
    assert "conv1_linear1-small" in run(maker, command)
    assert tree(maker / "exports/conv1_linear1-small").keys() == FILES - {"README.md"}
    assert run(maker, "git status --porcelain") == ""
