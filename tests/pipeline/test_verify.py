"""The verdicts of `verify`, and its error messages."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import verify
from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from tests.support.repositories import TOP, commit, run

NETWORK = Network("conv1_linear1", "small", 3, (16,), ())
OTHER = Network("b", "small", 3, (16,), ())


def lock(**changed: str) -> dict[str, Any]:
    """Returns the content of a dvc.lock with two networks; some hashes of the first one are replaced."""
    hashes = {
        f"{directory}/{one.path}": directory.name
        for one in (NETWORK, OTHER)
        for directory in verify.REPEATABLE
    }
    hashes |= {f"data/timing/{NETWORK.path}": "measured"}
    hashes |= {f"data/{name}/{NETWORK.path}": md5 for name, md5 in changed.items()}
    return {"stages": {"a": {"outs": [{"path": path, "md5": md5} for path, md5 in hashes.items()]}, "b": {}}}


def test_same_bits_are_those_of_all_outputs_but_measured_times() -> None:
    paths = verify.outputs(NETWORK)
    assert verify.same_bits(lock(), lock(timing="measured again"), paths)
    for name in ("weights", "training", "evaluation"):
        assert not verify.same_bits(lock(), lock(**{name: "other"}), paths)
        assert verify.same_bits(lock(), lock(**{name: "other"}), verify.outputs(OTHER))
    assert not verify.same_bits(lock(), lock(), {"data/weights/in/neither"})


def runs(**changed: list[int]) -> pd.DataFrame:
    """Returns the counts of three runs, in no order."""
    table = {
        "seed": [1, 0, 0],
        "fold": [0, 1, 0],
        "validation_correct": [9800, 9810, 9820],
        "validation_images": [10_000] * 3,
        "test_correct": [3260, 3270, 3280],
        "test_images": [3334, 3333, 3333],
    }
    return pd.DataFrame(table | changed)


def test_first_difference_names_the_run_and_the_largest_difference() -> None:
    shuffled = runs().sample(frac=1, random_state=1).assign(validation_loss=0.1)
    assert verify.first_difference(runs(), shuffled) is None
    both = runs(validation_correct=[9801, 9810, 9827], test_correct=[3260, 3270, 3300])
    found = verify.first_difference(runs(), both)
    assert found is not None
    assert found.startswith("seed 0, fold 0: 9820 validation images were correct, now 9827 are")
    assert "20 images" in found
    found = verify.first_difference(runs(), runs(test_correct=[3260, 3271, 3280]))
    assert found is not None
    assert found.startswith("seed 0, fold 1: ")
    found = verify.first_difference(runs(), runs().iloc[:2])
    assert found == "the committed table has other seeds and folds"


@pytest.fixture(params=[".", "study"], ids=["at the top", "in a subdirectory"])
def clone(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the repository of the current directory, made as `verify` makes it."""
    folder = tmp_path / "repository" / request.param
    for name in ("params.yaml", "dvc.lock", "plots/runs.csv", "plots/timing.csv", "report/timing.ru.md"):
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes((TOP / name).read_bytes())
    run(tmp_path / "repository", "git init --quiet")
    commit(tmp_path / "repository", "all")
    (folder / "params.yaml").write_text("edited since", encoding="utf-8")
    monkeypatch.chdir(folder)
    return verify.clone_repository(tmp_path / "clone")


def test_changed_files_are_neither_measured_nor_hashes(clone: Path) -> None:
    assert verify.changed_files(clone) == []
    for path in clone.rglob("*.*"):
        if ".git" not in path.parts and path.name != "params.yaml":
            path.write_text("changed", encoding="utf-8")
    assert verify.changed_files(clone) == ["plots/runs.csv"]
    committed = verify.committed_file(Path("plots/runs.csv"), clone)
    assert committed == (TOP / "plots/runs.csv").read_text(encoding="utf-8")


def test_what_prevents_verification_is_one_line(clone: Path) -> None:
    with pytest.raises(
        UserError, match=r"^no network 'huge' in the last commit; its networks are conv1_linear1-"
    ):
        verify.verify([NETWORK.name, "huge"])
    with pytest.raises(UserError, match=r"^data/raw/MNIST/raw is missing; run `dvc repro download` first$"):
        verify.verify([NETWORK.name])
    with pytest.raises(UserError, match=r"^git show HEAD:./plots/a.csv: exit status 128$"):
        verify.committed_file(Path("plots/a.csv"), clone)


@pytest.mark.parametrize("found", ["0123", "4567"])
def test_fingerprint_is_compared(
    found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "EXPECTED", "0123")
    monkeypatch.setattr(verify, "fingerprint", lambda: found)
    verify.check_fingerprint()
    out, err = capsys.readouterr()
    assert (out == "fingerprint 0123: this machine computes the committed bits\n") == (found == "0123")
    assert err.startswith("warning: fingerprint 4567, expected 0123: ") == (found == "4567")
