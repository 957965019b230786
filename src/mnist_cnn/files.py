"""Files that are written whole or not at all, and to the same bytes for the same content."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mnist_cnn.command import UserError

SIGNIFICANT_DIGITS = 8
MOST_SAID = 200  # characters of what a library says of a file
WRONG = (  # what libraries raise at files that are cut or spoilt; the last four at headers of NumPy
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SafetensorError),
    *(RecursionError, EOFError, MemoryError, SyntaxError, TokenError),
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Says in one line which file is missing, cut, of an older form or edited by hand.

    Raises:
        UserError: What is read inside is not what a stage wrote.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` or `dvc pull`") from None
    except WRONG as error:
        what = shorten(repr(error), MOST_SAID)
        memory = "takes more memory than there is, or " if isinstance(error, MemoryError) else ""
        raise UserError(f"{path} {memory}is not as its stage wrote it: {what}; run `dvc repro`") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, which takes its place if all goes well and vanishes if not.

    Raises:
        OSError: It could not be written; with the name of the file, which a full disk leaves out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # what a killed process left, the next one replaces
    try:
        yield part
        part.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
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
    with reading(path):
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
    content = io.BytesIO()  # to a file NumPy writes in a way that does not say why it could not
    np.save(content, array, allow_pickle=False)
    with replacing(path) as part:
        part.write_bytes(content.getbuffer())


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays by name, as safetensors."""
    with replacing(path) as part:
        part.write_bytes(save(dict(arrays)))  # its `save_file` has an error of its own for a full disk


def read_array(path: Path, *item: int) -> NDArray[np.uint8]:
    """Reads an array of bytes, of shape (n, *item), in NumPy's own format; nothing is unpickled."""
    with reading(path), path.open("rb") as file:
        array: NDArray[np.uint8] = np.lib.format.read_array(file, allow_pickle=False)
        if array.dtype != np.uint8 or array.ndim != 1 + len(item) or array.shape[1:] != item:
            raise ValueError(f"{array.dtype} of shape {array.shape}")
        return array


def read_tensors(path: Path, forms: Mapping[str, tuple[str | int | None, ...]]) -> dict[str, NDArray[Any]]:
    """Reads arrays from a safetensors file.

    Args:
        path: The file.
        forms: Name to dtype and lengths: `("float32", None, 3)`, where None is any length.
    """
    with reading(path):
        tensors: dict[str, NDArray[Any]] = load_file(path)
        for name, form in forms.items():
            found = (str(tensors[name].dtype), *tensors[name].shape)
            if len(found) != len(form) or any(b not in (None, a) for a, b in zip(found, form, strict=True)):
                raise ValueError(f"{name} is {found}, must be {form}")
            if not np.isfinite(tensors[name]).all():
                raise ValueError(f"{name} holds what is no number")
        return {name: tensors[name] for name in forms}
