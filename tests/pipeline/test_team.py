"""docs/team.md as it stands: with a bucket, on an S3 server of the test's own, and with a folder."""

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.support.fake_repository import make_repository
from tests.support.repositories import TOP, run, stages_run, tree

DOC = (TOP / "docs/team.md").read_text(encoding="utf-8")
BUCKET, FOLDER, GIVE, TAKE, TRY, SEE, TIDY, SIZES = re.findall(r"```console\n(.*?)```", DOC, re.DOTALL)
RUN = re.findall(r"dvc exp run .*", TRY)[0]
SECRET = "secret-of-the-team"


def walk(folder: Path, block: str, words: dict[str, str], environment: dict[str, str]) -> str:
    """Runs the commands of a block, with words in place of `<…>`; returns what the last one printed."""
    for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        for placeholder, word in words.items():
            line = line.replace(placeholder, word)
        assert "<" not in line, line
        for command in line.split(" && "):
            name, *rest = shlex.split(command)
            if name == "export":
                environment |= dict(word.split("=") for word in rest)
            elif name == "cd":
                folder /= rest[0]
            else:
                printed = run(folder, command, **environment)
    return printed


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("study"))


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an S3 server with one empty bucket, on loopback."""
    from moto.server import ThreadedMotoServer  # here, as it takes a second

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    urlopen(Request(f"http://{host}:{port}/bucket", method="PUT"))
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.mark.slow
@pytest.mark.parametrize("set_up", [BUCKET, FOLDER], ids=["bucket", "folder"])
def test_everything_travels(set_up: str, study: Path, server: str, tmp_path: Path) -> None:
    first, second, origin = tmp_path / "first", tmp_path / "mnist-cnn", tmp_path / "origin.git"
    shutil.copytree(study, first)
    run(tmp_path, "git init --quiet --bare --initial-branch main origin.git")
    run(first, f"git remote add origin {origin}")
    run(first, "git push --quiet --set-upstream origin main")
    words = {"<key>": "key", "<secret>": SECRET, "https://<server>": server, "<bucket>": "bucket"}
    words |= {"<folder>": f"{tmp_path}/shared", "<repository>": f"{origin}"}
    environment: dict[str, str] = {}

    walk(first, set_up, words, environment)
    assert "in sync" in walk(first, GIVE, words, environment)
    printed = walk(tmp_path, TAKE, words, environment)
    assert "up to date" in printed
    assert stages_run(printed) == set()
    before = tree(first)
    assert tree(second) == before

    if set_up == FOLDER:  # the same experiment, but not run a second time
        fake_experiment(second)
        words[RUN] = "dvc exp save --name wider-margin"
    walk(second, TRY, words, environment)
    changed = {name for name, _ in tree(second).items() ^ before.items()}
    assert {"params.yaml", "metrics/summary.json", "report/index.html"} <= changed
    assert "wider-margin" in walk(first, SEE, words, environment)
    assert tree(second) == tree(first)
    walk(first, TIDY, words, environment)
    assert run(first, "dvc exp list origin") == run(first, "dvc exp list") == ""
    assert SECRET not in run(first, "git log --patch -- .dvc")
    assert "data/prepared" in walk(first, SIZES, words, environment)


def fake_experiment(folder: Path) -> None:
    """Changes some of what an experiment changes: for git a parameter and a metric, for DVC a file."""
    for name in ("params.yaml", "metrics/summary.json", "report/index.html"):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n")


def test_sizes_are_those_of_the_study() -> None:
    outs: Counter[str] = Counter()
    for stage in yaml.safe_load((TOP / "dvc.lock").read_text(encoding="utf-8"))["stages"].values():
        for out in stage["outs"]:
            folder, name = out["path"].split("/")[:2]
            cached = folder == "data" or out["path"] == "report/index.html"
            outs[f"{folder}/{name}" if cached else folder] += out["size"]
    table = dict(re.findall(r"^\| (.*?`)[^`|]*\| (\d+) \|", DOC, re.MULTILINE))
    stated = {row: int(size) for row, size in table.items()}
    names = {row: re.findall(r"`([^`]*)`", row) for row in stated}
    assert {row: round(sum(outs[name] for name in names[row]) / 2**20) for row in stated} == stated
    assert {name for row in names.values() for name in row} == set(outs)
