"""Files that are written whole or not at all, and to the same bytes for the same content."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT_DIGITS = 8


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, which takes its place if all goes well and vanishes if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # what a killed process left, the next one replaces
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with line feeds."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _rounded(value: Any) -> Any:
    """Rounds every float inside, so that a file has the same text wherever the numbers agree."""
    match value:
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case float():
            return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        case _:
            return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes JSON in the order of `content`; refuses NaN, which is no JSON."""
    write_text(
        path, json.dumps(_rounded(dict(content)), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    )


def read_json(path: Path) -> Any:
    """Reads what `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a header and one line a row. None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _rounded(value) for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Writes an array in NumPy's own format."""
    with replacing(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)
