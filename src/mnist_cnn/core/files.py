"""Files that are written atomically, with the same bytes for the same content, and validated when read."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mnist_cnn.core.command import UserError

SIGNIFICANT_DIGITS = 8
MAX_REASON = 200  # characters of a library's message


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turns what is wrong with a file into one line that names it.

    Args:
        path: The file that is read inside.
        errors: What a library raises at an invalid file, besides ValueError.

    Raises:
        UserError: The file is missing, or reading it raised ValueError or one of `errors`.
    """
    invalid: tuple[type[Exception], ...] = (ValueError, *errors)
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` or `dvc pull`") from None
    except invalid as error:
        reason = shorten(_first_fault(error), MAX_REASON)
        raise UserError(f"{path} is corrupted or was edited: {reason}; run `dvc repro`") from error


def _first_fault(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    fault = error.errors()[0]
    return ": ".join([*filter(None, [".".join(map(str, fault["loc"]))]), fault["msg"]])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to `path`, which replaces it on success and is removed on failure.

    Raises:
        OSError: It could not be written; with the name of the file, which a full disk leaves out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # the same name each time, so that none is left for good
    try:
        yield part
        part.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with line feeds."""
    write_bytes(path, text.encode())


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
    """Writes JSON in the order of `content`; refuses NaN, which is not JSON."""
    text = json.dumps(_rounded(dict(content)), indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


class Document(BaseModel):
    """A JSON file that one stage writes and another one reads."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads and validates the file.

        Raises:
            UserError: The file is missing, or does not hold exactly the fields of this class.
        """
        with reading(path):
            return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Writes the fields in the order of the class."""
        write_json(path, self.model_dump(mode="json"))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a header and one line per row; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _rounded(value) for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays by name in the safetensors format."""
    write_bytes(path, save(dict(tensors)))  # `save_file` raises an error of its own for a full disk


def read_tensors(path: Path, specs: Mapping[str, tuple[str | int | None, ...]]) -> dict[str, NDArray[Any]]:
    """Reads arrays from a safetensors file.

    Args:
        path: The file.
        specs: Name to dtype and lengths: `("float32", None, 3)`, where None is any length.

    Raises:
        UserError: The file is missing or invalid, lacks an array, or holds one of another dtype or shape, or
            with values that are not finite.
    """
    with reading(path, SafetensorError):
        tensors: dict[str, NDArray[Any]] = load_file(path)
        for name, spec in specs.items():
            if name not in tensors:
                raise ValueError(f"it holds no {name}")
            found = (str(tensors[name].dtype), *tensors[name].shape)
            if len(found) != len(spec) or any(b not in (None, a) for a, b in zip(found, spec, strict=True)):
                raise ValueError(f"{name} is {found}, must be {spec}")
            if not np.isfinite(tensors[name]).all():
                raise ValueError(f"{name} holds values that are not finite")
        return {name: tensors[name] for name in specs}
