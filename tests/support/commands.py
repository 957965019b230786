"""The commands that a document prints, to be run as they are printed."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template

from tests.support.repositories import run

REPOSITORY = "https://github.com/OWNER/mnist-cnn"  # which the reader replaces


def command_blocks(text: str) -> list[list[str]]:
    """Returns the commands of each block of a shell, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [[re.sub(r" +# .*$", "", line) for line in block.splitlines()] for block in blocks]


def run_printed(
    folder: Path, commands: list[str], environment: dict[str, str], names: Mapping[str, str] | None = None
) -> list[str]:
    """Runs commands one after the other and returns what each printed.

    Args:
        folder: Where the first command is run; `cd` changes it.
        commands: As they are printed; `export` and `NAME=value` change the environment.
        environment: Added to that of the tests.
        names: What stands in a command → what the reader replaces it with.
    """
    outputs = []
    for line in commands:
        for placeholder, name in (names or {}).items():
            line = line.replace(placeholder, name)
        assert not re.search(r"<[^>]*>", line), line
        for command in Template(line).safe_substitute(environment).split(" && "):
            first, *rest = shlex.split(command)
            if first == "export" or re.fullmatch(r"[A-Z]+=.*", command):
                environment |= dict(word.split("=", 1) for word in rest or [first])
            elif first == "cd":
                folder /= rest[0]
            elif first != "source":  # the environment of the tests is active
                outputs.append(run(folder, command, **environment))
    return outputs
