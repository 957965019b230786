"""What pydantic refuses in params.yaml, said in lines that name the file, the key and what is allowed."""

from pathlib import Path

from pydantic_core import ErrorDetails


def _line(error: ErrorDetails, path: Path) -> str:
    """Says in one line which key has which value, and what is allowed."""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]")
    value = list(error["input"]) if isinstance(error["input"], tuple) else error["input"]
    allowed = error["msg"].removeprefix("Input should be ")
    match error["type"]:
        case "missing":
            return f"{path}: {key} is missing"
        case "extra_forbidden":
            return f"{path}: {key} is unknown"
        case "too_large":
            return f"{path}: {allowed}"
        case "too_short":
            return f"{path}: {key} is empty: must have at least one entry"
        case "name" | "twin":
            return f"{path}: {key}: {allowed}"
    must = "" if allowed.startswith("must") else "must be "
    return f"{path}: {key or 'the whole'} is {value!r}: {must}{allowed}"


def in_lines(errors: list[ErrorDetails], path: Path) -> str:
    """Says each mistake in a line; a list whose entries are refused is not called empty as well."""
    refused = {error["loc"][:-1] for error in errors}
    return "\n".join(
        _line(error, path) for error in errors if error["type"] != "too_short" or error["loc"] not in refused
    )
