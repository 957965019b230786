"""Reads digits: for each picture, the digit that the exported network sees in it, and how sure it is."""

import io
import json
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from mnist_cnn.command import UserError
from mnist_cnn.picture import SUFFIXES, PictureError, open_picture, to_digit

STANDARD_INPUT = "-"
MOST_BYTES = 200_000_000  # of standard input, or of a network
SURE = 0.9
FAULTS = tuple(
    kind
    for kind in vars(onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def main(places: Sequence[str], model: Path, as_json: bool, with_all: bool) -> None:
    """Prints what the network sees in each picture, one line a picture, or all of it as JSON.

    Args:
        places: Files, folders with pictures in them, or `-` for standard input.
        model: The network, as `export` writes it.
        as_json: Whether to print a list of objects.
        with_all: Whether to tell all ten probabilities.

    Raises:
        UserError: The network cannot be used.
        SystemExit: With status 1, when all pictures are done and some could not be read.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names of files are bytes
    network = load_network(model)
    answers, failed = [], False
    for name in (name for place in places for name in _listed(place)):
        try:
            answer = _answer(name, network)
        except (PictureError, OSError) as error:
            failed = True
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"error: {_printable(name)}: {reason}", file=sys.stderr)
    if as_json:
        print(json.dumps(answers, indent=2))
    if failed:
        sys.exit(1)
