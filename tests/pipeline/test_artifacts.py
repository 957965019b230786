"""The exported network is given out and fetched from another repository, as docs/model.md says."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from compare import to_take
from mnist_cnn.core.files import read_json, write_json
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EXPORT, PLOTS
from mnist_cnn.core.tables import write_table
from tests.support.digits import write_study
from tests.support.studies import sample
from tests.support.repositories import TOP, commit, copy_sources, run, tree

PAGE = TOP / "docs/model.md"
FILES = {"README.md", "agreement.json", "model.onnx", "model.safetensors"}
pytestmark = pytest.mark.slow


def blocks(page: Path, section: str, language: str) -> list[str]:
    """Lists the blocks of a language in a section of a Markdown file."""
    text = page.read_text(encoding="utf-8")
    (part,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(rf"```{language}\n(.*?)```", part, flags=re.DOTALL)
    assert found
    return found


def commands(section: str) -> list[str]:
    """Lists the commands behind a `$` in a section of docs/model.md."""
    return re.findall(r"^\$ (.*)$", "".join(blocks(PAGE, section, "console")), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """Holds `maker`, a repository whose network is given out, `store`, its remote, and `clone`."""
    top = tmp_path_factory.mktemp("artifacts")
    maker, one = top / "maker", sample()
    copy_sources(maker)
    choices = write_study(maker, params)
    network = choices.network(*one.summary["chosen"].split("-"))
    write_table(maker / PLOTS / "networks.csv", one.networks)
    write_json(maker / PLOTS / "statements.json", one.summary)
    write_json(maker / PLOTS / "choice.json", to_take(network, True, choices))
    run(top, "git init --quiet --bare public.git")
    run(maker, "git init --quiet")
    run(maker, "git remote add origin ../public.git")
    run(maker, f"dvc remote add --quiet --default store {top / 'store'}")
    run(maker, "dvc repro --single-item export card")
    commit(maker, "the network")
    run(maker, "git push --quiet --set-upstream origin HEAD")
    for command in commands("Give it out"):
        run(maker, command)
    run(top, "git clone --quiet public.git clone")
    return top


def change_card(top: Path) -> None:
    """Gives out another card, as after another study that chose the same network."""
    maker = top / "maker"
    facts = read_json(maker / PLOTS / "statements.json")
    write_json(maker / PLOTS / "statements.json", facts | {"runs": 123})
    run(maker, "dvc repro --single-item card")
    commit(maker, "another study")
    for command in commands("Give it out")[:2]:
        run(maker, command)
    run(top / "clone", "git pull --quiet")


@pytest.fixture(scope="module")
def user(top: Path) -> Path:
    """A repository in which every command that fetches was run; the card changed before the last two."""
    user = top / "user"
    user.mkdir()
    run(user, "git init --quiet")
    run(user, "dvc init --quiet")
    shutil.copytree(top / "maker" / EXPORT, top / "old")
    for command in commands("Fetch it"):
        if "update" in command:
            change_card(top)
        run(user, command.replace("<this repository>", f"{top}/clone"))
    assert not (top / "clone/.dvc/cache").exists()  # all of it came from the remote
    assert not (top / "clone/data").exists()
    return user


def test_a_copy_has_the_four_files(top: Path, user: Path) -> None:
    assert tree(user / "export").keys() == FILES
    assert tree(user / "export") == tree(top / "old")


def test_an_import_follows(top: Path, user: Path) -> None:
    assert tree(user / "network") == tree(top / "maker" / EXPORT)
    changed = {name for name, content in tree(user / "network").items() if content != tree(top / "old")[name]}
    assert changed == {"README.md"}


def test_a_version_stays(top: Path, user: Path) -> None:
    assert tree(user / "network-v1.0.0") == tree(top / "old")


def test_artifact_names_its_kind(top: Path) -> None:
    import dvc.api

    with dvc.api.open("dvc.yaml", repo=str(top / "clone")) as file:
        assert re.search(
            r"^artifacts:\n  network:\n    path: data/export\n    type: model\n", file.read(), re.M
        )


def test_python_opens_it(top: Path) -> None:
    (code,) = blocks(PAGE, "Fetch it", "python")
    scope: dict[str, bytes] = {}
    exec(code.replace("<this repository>", f"{top}/clone"), scope)
    assert scope["model"] == (top / "maker" / EXPORT / "model.onnx").read_bytes()


@pytest.mark.parametrize("page", ["docs/model.md", "data/export/README.md"])
def test_example_works_beside_the_file(top: Path, user: Path, page: str) -> None:
    (code,) = blocks(top / "maker" / page, "(?:Use it|How to use it)", "python")
    (user / "example.py").write_text(code, encoding="utf-8")
    printed = run(user / "export", f"{sys.executable} ../example.py")
    assert re.fullmatch(r"(\d \d+\.\d%\n){2}|\[\d\] \[\d\.\d+\]\n", printed)


def test_any_network_by_its_name(top: Path) -> None:
    maker = top / "maker"
    for command in commands("Make it"):
        assert "conv1_linear1-small" in run(maker, command)
    assert tree(maker / "mine") == tree(maker / "exports/conv1_linear1-small")
    assert tree(maker / "mine").keys() == FILES - {"README.md"}
    assert run(maker, "git status --porcelain") == "?? mine/\n"  # exports/ is nobody's commit
