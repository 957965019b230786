"""Committed results are the same bits, the same counts, or different; and a machine says what it computes."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import verify as script
from mnist_cnn import fingerprint
from mnist_cnn.core.command import UserError
from mnist_cnn.verify import FOLDERS, first_difference, folders, hashes, same_bits
from tests.support.repositories import TOP, commit, run

PLACE = "conv1_linear1/small"
NETWORK = "conv1_linear1-small"


def lock(**changed: str) -> dict[str, Any]:
    """Makes what is read from dvc.lock: two networks, some of the first one's hashes replaced."""
    outs = {
        f"data/{folder}/{place}": f"{place} {folder}" for folder in FOLDERS for place in (PLACE, "b/small")
    }
    outs |= {f"data/timing/{PLACE}": "measured"} | {
        f"data/{name}/{PLACE}": value for name, value in changed.items()
    }
    return {
        "stages": {"one": {"outs": [{"path": path, "md5": md5} for path, md5 in outs.items()]}, "two": {}}
    }


def test_hashes_are_those_of_the_network() -> None:
    assert hashes(lock(), folders(PLACE)) == {
        f"data/{folder}/{PLACE}": f"{PLACE} {folder}" for folder in FOLDERS
    }


def test_same_bits_are_all_three_folders_and_no_measured_times() -> None:
    assert same_bits(lock(), lock(timing="measured again"), folders(PLACE))
    for folder in FOLDERS:
        assert not same_bits(lock(), lock(**{folder: "other"}), folders(PLACE))
        assert same_bits(lock(), lock(**{folder: "other"}), folders("b/small"))
    assert not same_bits(lock(), lock(), folders("c/small"))  # in neither


def runs(**changed: list[int]) -> pd.DataFrame:
    """Makes the counts of three runs, in no order."""
    table = {
        "seed": [1, 0, 0],
        "fold": [0, 1, 0],
        "validation_correct": [9800, 9810, 9820],
        "validation_images": [10_000] * 3,
        "test_correct": [3260, 3270, 3280],
        "test_images": [3334, 3333, 3333],
    }
    return pd.DataFrame(table | changed)


def test_same_counts_in_any_order() -> None:
    assert first_difference(runs(), runs().sample(frac=1, random_state=1).assign(validation_loss=0.1)) is None


def test_first_run_that_differs_is_named_and_the_largest_difference() -> None:
    again = runs(validation_correct=[9801, 9810, 9827], test_correct=[3260, 3270, 3300])
    line = "seed 0, fold 0: 9820 images were right, now 9827; largest difference 20 images"
    assert first_difference(runs(), again) == line
    again = runs(test_correct=[3260, 3271, 3280])
    line = "seed 0, fold 1: 9810 images were right, now 9810; largest difference 1 images"
    assert first_difference(runs(), again) == line


def test_run_that_only_one_has_is_a_difference() -> None:
    for one, other in ((runs(), runs().iloc[:2]), (runs().iloc[:2], runs())):
        assert first_difference(one, other) == "seed 0, fold 0: only one of the two has all runs"


def test_changed_files_are_neither_times_nor_hashes(tmp_path: Path) -> None:
    names = ("dvc.lock", "plots/runs.csv", "plots/timing.csv", "report/timing.ru.md", "metrics/summary.json")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("as it was", encoding="utf-8")
    run(tmp_path, "git init --quiet")
    commit(tmp_path, "all")
    assert script.changed_files(tmp_path) == []
    for name in names[:-1]:
        (tmp_path / name).write_text("as it is", encoding="utf-8")
    assert script.changed_files(tmp_path) == ["plots/runs.csv"]


def test_what_cannot_be_verified_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((TOP / "params.yaml").read_bytes())
    run(tmp_path, "git init --quiet")
    commit(tmp_path, "choices")
    (tmp_path / "params.yaml").write_text("edited since", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"^no network 'huge' in the last commit: there are conv1_linear1-small, "
    ):
        script.verify([NETWORK, "huge"])
    with pytest.raises(UserError, match=r"^data/raw/MNIST/raw is not here: run `dvc repro download` first$"):
        script.verify([NETWORK])
    with pytest.raises(UserError, match=r"^git show HEAD:plots/runs.csv: exit status 128$"):
        script.committed_file(Path("plots/runs.csv"), tmp_path)


@pytest.mark.parametrize("found", ["0123", "4567"])
def test_machine_says_what_it_computes(
    found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script.numerics, "choose", lambda _: None)
    monkeypatch.setattr(fingerprint, "EXPECTED", "0123")
    monkeypatch.setattr(fingerprint, "fingerprint", lambda: found)
    script.check_fingerprint()
    out, err = capsys.readouterr()
    assert (out == "fingerprint 0123: this machine computes the committed bits\n") == (found == "0123")
    assert err.startswith("warning: fingerprint 4567, expected 0123: this machine ") == (found == "4567")
