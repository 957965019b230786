"""A params.yaml that is refused costs nothing: one line, a status other than 0, and every file as it was."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mnist_cnn.params import ParamsError, load_params
from tests.scratch import TOP, commit, copy_sources, run, tree

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
STOPS_DVC = sorted(
    set(BROKEN) - {"a bomb of aliases"}
)  # DVC itself reads the file first, and expands aliases
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
    """A repository with something in place of every output, of which DVC would make each anew."""
    folder = tmp_path_factory.mktemp("refused")
    copy_sources(folder)
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, ()):
                path = folder / (out if isinstance(out, str) else next(iter(out)))
                path = Path(
                    str(path).replace("${item.model}", "conv1_linear1").replace("${item.kernel}", "small")
                )
                file = path if path.suffix else path / "file"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"what was in {path.name}", encoding="utf-8")
    run(folder, "git init --quiet")
    commit(folder, "all")
    return folder


def test_dvc_repro_says_the_line_and_loses_nothing(repository: Path) -> None:
    before = tree(repository)
    for key, value, line in (
        ("large: 7", "large: 4", "error: params.yaml: kernels.large is 4: must be odd"),
        (
            "epochs: 2.5",
            "epochs: 0.001",
            "error: params.yaml: train.epochs is 0.001: must be enough for 8 steps",
        ),
    ):
        assert key in TEXT
        (repository / "params.yaml").write_text(TEXT.replace(key, value), encoding="utf-8")
        printed = run(repository, "dvc repro", fails=True)
        assert line in printed
        assert "Traceback" not in printed
        (repository / "params.yaml").write_text(TEXT, encoding="utf-8")
        assert tree(repository) == before


@pytest.mark.parametrize(
    "change", ["kernels.large=4", "models.conv1_linear1.conv_channels=[10000000]", "train.folds=[9]"]
)
def test_dvc_exp_run_says_the_line_and_loses_nothing(repository: Path, change: str) -> None:
    before = tree(repository)
    printed = run(repository, f"dvc exp run -S '{change}'", fails=True)
    key, _, value = change.partition("=")
    assert f"error: params.yaml: {key}" in printed
    assert f" is {value.strip('[]')}: must be " in printed
    assert "Traceback" not in printed
    (repository / "params.yaml").write_text(TEXT, encoding="utf-8")
    assert tree(repository) == before


@pytest.mark.parametrize("name", STOPS_DVC)
def test_what_stops_dvc_itself_loses_nothing(repository: Path, name: str) -> None:
    before = tree(repository)
    (repository / "params.yaml").write_bytes(BROKEN[name])
    run(repository, "dvc repro", fails=True)
    (repository / "params.yaml").write_text(TEXT, encoding="utf-8")
    assert tree(repository) == before
