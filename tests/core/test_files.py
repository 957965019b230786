"""Files are complete or absent, the same content gives the same bytes, and what is read is validated."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from pydantic import Field
from safetensors.numpy import save_file

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import (
    Document,
    read_tensors,
    reading,
    replacing,
    write_csv,
    write_json,
    write_tensors,
)
from mnist_cnn.core.tables import read_table, write_table


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert isinstance(error, KeyboardInterrupt) or str(path) in str(caught.value)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_order_and_rounds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"b": 0.1 + 0.2, "a": [1, None, "é"]})
    expected = '{\n  "b": 0.3,\n  "a": [\n    1,\n    null,\n    "é"\n  ]\n}\n'
    assert path.read_text(encoding="utf-8") == expected


def test_nan_is_not_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_csv_has_a_header_even_without_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("x", "y"), [])
    assert (tmp_path / "a.csv").read_bytes() == b"x,y\n"
    write_csv(tmp_path / "a.csv", ("x", "y"), [{"x": 1 / 3, "y": None}, {"x": "a,b", "y": True}])
    assert (tmp_path / "a.csv").read_bytes() == b'x,y\n0.33333333,\n"a,b",True\n'


def test_table_has_the_bytes_of_a_csv_file(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1 / 3, 2.0], "name": ["NA", ""], "n": [1, 2], "y": [np.nan, 0.1 + 0.2]})
    write_table(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_bytes() == b"x,name,n,y\n0.33333333,NA,1,\n2,,2,0.3\n"
    again = read_table(tmp_path / "a.csv")
    assert again["name"][0] == "NA"
    assert again["n"].dtype == np.int64
    assert np.isnan(again["y"][0])


# Tensors


def test_tensors_round_trip(tmp_path: Path) -> None:
    tensors = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros(2, np.uint8)}
    path = tmp_path / "a.safetensors"
    write_tensors(path, tensors)
    content = path.read_bytes()
    read = read_tensors(path, {"a": ("float64", None, 3), "b": ("uint8", 2)})
    assert read.keys() == tensors.keys()
    assert all((read[name] == tensors[name]).all() for name in tensors)
    write_tensors(path, tensors)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (None, "it holds no a"),
        (np.zeros((2, 3), np.float64), "a is ('float64', 2, 3), must be ('float32', None, 3)"),
        (np.zeros(3, np.float32), "a is ('float32', 3), must be"),
        (np.array([[0, np.inf, 0]], np.float32), "a holds values that are not finite"),
    ],
)
def test_tensors_of_another_form_are_refused(tmp_path: Path, array: np.ndarray | None, reason: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"other": np.zeros(1)} if array is None else {"a": array}, path)
    with pytest.raises(UserError) as error:
        read_tensors(path, {"a": ("float32", None, 3)})
    assert str(error.value).startswith(f"{path} is corrupted or was edited: {reason}")


# Documents


class Inner(Document):
    """A part of a document."""

    number: int


class Sample(Document):
    """One field of each kind."""

    text: str | None
    share: Annotated[float, Field(gt=0, lt=1)]
    parts: tuple[Inner, ...]


SAMPLE = Sample(text=None, share=0.1 + 0.2, parts=(Inner(number=1), Inner(number=2)))
VALID = '{"text": "x", "share": 0.5, "parts": [{"number": 1}]}'


def test_document_round_trip(tmp_path: Path) -> None:
    SAMPLE.write(tmp_path / "a.json")
    assert Sample.read(tmp_path / "a.json") == SAMPLE.model_copy(update={"share": 0.3})


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"share": 0.5, ', "", "share"),
        ('"share"', '"more": 1, "share"', "more"),
        ("0.5", "1.5", "share"),
        ("0.5", "1e999", "share"),
        ("0.5", '"0.5"', "share"),
        ('"x"', "5", "text"),
        ('"number": 1', '"number": 1.5', "parts.0.number"),
        (VALID, "[]", ""),
        (VALID, VALID[:-5], ""),
        ('"x"', "[" * 100_000, ""),
    ],
)
def test_invalid_document_is_one_line_that_names_the_field(
    tmp_path: Path, old: str, new: str, field: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(VALID, encoding="utf-8")
    Sample.read(path)
    path.write_text(VALID.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as error:
        Sample.read(path)
    line = str(error.value)
    assert line.startswith(f"{path} is corrupted or was edited: {field + ': ' if field else ''}")
    assert line.endswith("; run `dvc repro`")
    assert line.isprintable()
    assert len(line) < len(str(path)) + 300


def test_a_missing_document_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a.json is missing; run `dvc repro` or `dvc pull`$"):
        Sample.read(tmp_path / "a.json")


@pytest.mark.parametrize("error", [TypeError, KeyError, IndexError, AttributeError, AssertionError])
def test_a_fault_of_our_own_is_not_taken_for_an_invalid_file(error: type[Exception]) -> None:
    with pytest.raises(error), reading(Path("a.json")):
        raise error("ours")


def test_only_the_errors_that_are_named_mean_an_invalid_file() -> None:
    message = r"^a.json is corrupted or was edited: theirs; run"
    with pytest.raises(UserError, match=message), reading(Path("a.json"), ZeroDivisionError):
        raise ZeroDivisionError("theirs")
    with pytest.raises(ZeroDivisionError), reading(Path("a.json")):
        raise ZeroDivisionError
