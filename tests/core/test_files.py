"""Files are whole or not there, and the same content gives the same bytes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_cnn.core.files import read_json, replacing, write_array, write_csv, write_json
from mnist_cnn.core.tables import read_table, write_table


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_json_keeps_order_and_rounds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"b": 0.1 + 0.2, "a": [1, None, "é"]})
    assert path.read_text(encoding="utf-8") == (
        '{\n  "b": 0.3,\n  "a": [\n    1,\n    null,\n    "é"\n  ]\n}\n'
    )
    assert read_json(path) == {"b": 0.3, "a": [1, None, "é"]}


def test_json_refuses_what_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_csv_has_a_header_without_rows_too(tmp_path: Path) -> None:
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


def test_array_round_trip(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    write_array(tmp_path / "a.npy", array)
    assert (np.load(tmp_path / "a.npy") == array).all()
