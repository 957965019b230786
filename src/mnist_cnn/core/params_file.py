"""Reads params.yaml: plain YAML values, interpreted as DVC does, with limits of size and depth."""

import re
from collections import Counter
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from pydantic_core import ErrorDetails

from mnist_cnn.core.command import UserError

MAX_BYTES = 30_000  # the largest grid has 25,000; PyYAML reads about 100,000 per second
MAX_SHOWN = 80  # characters of a key or a value in a message
MAX_NESTING = 10  # of brackets; PyYAML is slow where there are many
PLAIN = {  # scalars of YAML 1.2 that are not text; PyYAML reads YAML 1.1, with dates, 1:30, 010 and no
    "null": r"(~|null|Null|NULL)?",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]{0,99})",
    "float": r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
}


class ParamsError(UserError):
    """A mistake in params.yaml."""


class _PlainLoader(yaml.SafeLoader):
    """Reads plain values alone; refuses aliases, tags, and a key that is given twice.

    A few lines of aliases can stand for billions of values, and of two keys the last would count.
    """

    def fetch_flow_collection_start(self, token: Any) -> None:
        if self.flow_level >= MAX_NESTING:
            raise RecursionError
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) is not allowed")
        if event.tag:
            raise yaml.YAMLError(f"a tag ({event.tag}) is not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        for name, times in Counter(str(key.value) for key, _ in node.value).items():
            if times > 1:
                raise yaml.YAMLError(f"{quoted(name)} is given twice")
        return super().construct_mapping(node, deep)


_PlainLoader.yaml_implicit_resolvers = {
    None: [(f"tag:yaml.org,2002:{kind}", re.compile(rf"({form})\Z")) for kind, form in PLAIN.items()]
}


def read_params(path: Path) -> Any:
    """Reads mappings, lists and plain values.

    Raises:
        ParamsError: The file cannot be read, is too large or too deep, or holds aliases, tags or a key twice.
    """
    try:
        return yaml.load(_text(path), _PlainLoader)  # a SafeLoader
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ParamsError(f"{path} is not valid YAML: nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not valid YAML: {shorten(str(error), 4 * MAX_SHOWN)}") from None


def _text(path: Path) -> str:
    if not path.is_file():  # reading a pipe or a device may never end
        raise ParamsError(f"{path} is not here: run from the top of the repository")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ParamsError(f"{path} is larger than {MAX_BYTES:,} bytes")
    return content.decode("utf-8")


def quoted(value: Any) -> str:
    """Returns the repr of a value, cut to a length that fits a message."""
    text = repr(value)
    return text[:MAX_SHOWN] + "…" * (len(text) > MAX_SHOWN)


def describe_mistake(error: ErrorDetails, path: Path) -> str:
    """Describes what a validator found in one line: the key, its value, and what is allowed."""
    key = ".".join(quoted(part).strip("'") for part in error["loc"] if part != "[key]")
    value = list(error["input"]) if isinstance(error["input"], tuple) else error["input"]
    allowed = error["msg"].removeprefix("Input should be ")
    match error["type"]:
        case "missing":
            return f"{path}: {key} is missing"
        case "extra_forbidden" | "invalid_key":
            return f"{path}: {key} is unknown"
        case "value":
            return f"{path}: {allowed}"
        case "name":
            return f"{path}: {key}: {allowed}"
    allowed = re.sub(r".* should (have at \w+ \d+ items?).*", r"must \1", allowed)
    must = "" if allowed.startswith("must") else "must be "
    return f"{path}: {key or 'its content'} is {quoted(value)}: {must}{allowed}"
