"""A params.yaml that is refused costs nothing: one line, a status other than 0, and every file as it was."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mnist_cnn.core.params import ParamsError, load_params
from tests.support.repositories import TOP, commit, copy_sources, run, tree

TEXT = (TOP / "params.yaml").read_text(encoding="utf-8")
LEVELS = 10_000
BOMB = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN = {
    "nothing": b"",
    "a list left open": b"data: [",
    "deep nesting": ("data: " + "[" * LEVELS + "]" * LEVELS).encode(),
    "an integer of 5,000 digits": TEXT.replace("curve_images: 1000", "curve_images: " + "9" * 5000).encode(),
    "no such day": TEXT.replace("curve_images: 1000", "curve_images: 2020-13-45").encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "Latin-1": TEXT.replace("MNIST", "MNIST é").encode("latin-1"),
    "a bomb of aliases": BOMB.encode(),
    "too large": TEXT.encode() + b"#" * 100_000,
}
STOPS_DVC = ("deep nesting", "an integer of 5,000 digits", "no such day", "UTF-16")  # aliases it expands
NAMES = {"data.dataset": "MNIST", "item.model": "conv1_linear1", "item.kernel": "large"}
SCRIPTS = (["download.py"], ["prepare.py"], ["train.py", "--model", "a", "--kernel", "b"], ["compare.py"])


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(BROKEN[name])
    with pytest.raises(ParamsError) as refused:
        load_params(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[0])
def test_every_script_says_it_in_one_line(tmp_path: Path, script: list[str]) -> None:
    (tmp_path / "params.yaml").write_text(TEXT.replace("large: 7", "large: 4"), encoding="utf-8")
    words = [sys.executable, TOP / "src" / script[0], *script[1:]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: params.yaml: kernels.large is 4: must be odd (an even kernel shifts the "
        + ("image by half a pixel)\n")
    )
    assert tree(tmp_path).keys() == {"params.yaml"}


# In a repository whose outputs are all there


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of one network, in which something stands in place of every output and is up to date."""
    folder = tmp_path_factory.mktemp("refused")
    copy_sources(folder)
    content = yaml.safe_load(TEXT)
    content["kernels"] = {"large": 7}
    content["models"] = {"conv1_linear1": content["models"]["conv1_linear1"]}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (folder / "benchmarks/reference_runs.csv").touch()
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values():
        for out in (*stage.get("outs", ()), *stage.get("metrics", ()), *stage.get("plots", ())):
            name = out if isinstance(out, str) else next(iter(out))
            for key, value in NAMES.items():
                name = name.replace(f"${{{key}}}", value)
            path = folder / name
            file = path if path.suffix else path / "file"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"what was in {name}", encoding="utf-8")
    run(folder, "git init --quiet")
    run(folder, "dvc commit --force --quiet")
    commit(folder, "all")
    assert "up to date" in run(folder, "dvc status")
    return folder


@pytest.fixture
def untouched(repository: Path) -> Iterator[Path]:
    """The repository; whatever a test does to its params.yaml, nothing else in it may be lost."""
    before = tree(repository)
    yield repository
    (repository / "params.yaml").write_bytes(before["params.yaml"])
    assert tree(repository) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [("kernels.large", "4"), ("train.epochs", "0.001"), ("models.conv1_linear1.conv_channels", "[10000000]")],
)
@pytest.mark.parametrize("command", ["dvc repro", "dvc exp run"])
def test_refusal_through_dvc_costs_nothing(untouched: Path, command: str, key: str, value: str) -> None:
    change = f" -S {key}={value}"
    if command == "dvc repro":
        change, path = "", untouched / "params.yaml"
        content = section = yaml.safe_load(path.read_text(encoding="utf-8"))
        *parents, last = key.split(".")
        for parent in parents:
            section = section[parent]
        section[last] = yaml.safe_load(value)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    printed = run(untouched, command + change, fails=True)
    assert re.search(
        rf"error: params\.yaml: {re.escape(key)}\S* is {value.strip('[]')}: must be \w+", printed
    )
    assert "Traceback" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", STOPS_DVC)
def test_what_stops_dvc_itself_costs_nothing(untouched: Path, name: str) -> None:
    (untouched / "params.yaml").write_bytes(BROKEN[name])
    run(untouched, "dvc repro", fails=True)


def call_it(folder: Path, kernel: str) -> None:
    """Renames the kernel in params.yaml."""
    path = folder / "params.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | {"kernels": {kernel: 7}}), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["$(touch hacked)", "a; touch hacked", "../x", "/tmp/x", "lаrge"])
def test_hostile_names_stop_at_download(untouched: Path, kernel: str) -> None:
    call_it(untouched, kernel)
    printed = run(untouched, "dvc repro", fails=True)
    assert f"error: params.yaml: kernels: the name '{kernel}' must be a letter" in printed


@pytest.mark.slow
def test_hostile_name_of_an_experiment_stops_there_too(untouched: Path) -> None:
    printed = run(untouched, "dvc exp run -S +kernels.CON=9", fails=True)
    assert "error: params.yaml: kernels: the name 'CON' is Windows' own" in printed


@pytest.mark.slow
def test_a_single_stage_goes_past_the_guard(untouched: Path) -> None:
    """The limit that docs/reliability.md names: the name is in a shell before any code of ours runs."""
    call_it(untouched, "$(touch hacked)")
    run(untouched, "dvc repro --single-item 'train@conv1_linear1-$(touch hacked)'", fails=True)
    (untouched / "hacked").unlink()
