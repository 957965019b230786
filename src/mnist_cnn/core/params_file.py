"""How params.yaml is read: plain YAML, as DVC reads it, and nothing that takes more than a moment."""

import re
from collections import Counter
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml

from mnist_cnn.core.command import UserError

MAX_BYTES = 30_000  # the largest grid takes 25,000; PyYAML reads some 100,000 a second
MAX_SHOWN = 80  # characters of a key or a value in a message
MAX_NESTING = 10  # of brackets; PyYAML is slow where there are many
PLAIN = {  # values that are no text, by YAML 1.2, as DVC reads them; PyYAML's 1.1 has dates, 1:30, 010 and no
    "null": r"(~|null|Null|NULL)?",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]{0,99})",
    "float": r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
}


class ParamsError(UserError):
    """A choice in params.yaml that is not allowed."""


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
                raise yaml.YAMLError(f"{shown(name)} is given twice")
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
    if not path.is_file():  # a pipe or a device would be read for ever
        raise ParamsError(f"{path} is not here: run from the top of the repository")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ParamsError(f"{path} is larger than {MAX_BYTES:,} bytes")
    return content.decode("utf-8")


def shown(value: Any) -> str:
    """Writes a value so that no line gets long or holds what is no character."""
    text = repr(value)
    return text[:MAX_SHOWN] + "…" * (len(text) > MAX_SHOWN)
