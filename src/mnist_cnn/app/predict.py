"""Predicts the digit in each picture with the exported network, and prints it with its probability."""

import io
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort
from PIL import Image

from mnist_cnn.app.picture import SUFFIXES, PictureError, open_picture, to_digit
from mnist_cnn.core.command import UserError

STANDARD_INPUT = "-"
MAX_BYTES = 200_000_000  # of standard input, or of a network
SURE = 0.9  # below this probability, a prediction is marked as not sure
INPUT, OUTPUT = ("pixels", "tensor(uint8)", [28, 28]), ("probabilities", "tensor(float)", [10])
INVALID_MODEL = ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented


def print_predictions(paths: Sequence[str], model: Path, as_json: bool) -> None:
    """Prints the prediction for each picture: one line per picture, or all of them as JSON.

    Args:
        paths: Files, folders with pictures in them, or `-` for standard input.
        model: The network, as the stage `export` writes it.
        as_json: Whether to print a list of objects, with all ten probabilities.

    Raises:
        UserError: The network cannot be used.
        SystemExit: With status 1, at the end, if a picture could not be read.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # files have any name
    session = load_session(model)
    objects, failures = [], 0
    for name in _expand_folders(paths):
        try:
            digit = to_digit(_read_picture(name))
        except (PictureError, OSError) as error:
            failures += 1
            print(f"error: {_escape(name)}: {_reason(error)}", file=sys.stderr)
            continue
        probabilities = predict_probabilities(session, digit)
        if as_json:
            objects.append(to_object(name, probabilities))
        else:
            print(to_line(name, probabilities), flush=True)
    if as_json:
        print(json.dumps(objects, indent=2))
    if failures:
        sys.exit(1)


def load_session(path: Path) -> onnxruntime.InferenceSession:
    """Loads a network that `export` wrote. It is loaded from memory, so it cannot refer to other files.

    Raises:
        UserError: The file is missing, or is not a network for digits.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        with _open_regular(path) as file:
            content = _read_all(file)
        # With its fallback ONNX Runtime would print that it tries again.
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"], enable_fallback=0)
        values = session.get_inputs(), session.get_outputs()
        inputs, outputs = ([(one.name, one.type, one.shape[1:]) for one in each] for each in values)
        dataset = session.get_modelmeta().custom_metadata_map.get("dataset", "an unknown data set")
    except (PictureError, OSError) as error:
        hint = f"run `dvc repro export` or `dvc pull {path}`, or name another network with --model"
        raise UserError(f"{path} cannot be read ({_reason(error)}): {hint}") from None
    except (ValueError, *INVALID_MODEL) as error:  # a ValueError if a name is not UTF-8
        raise UserError(f"{path} is not a network for ONNX Runtime: {_reason(error)}") from None
    if inputs != [INPUT] or OUTPUT not in outputs:
        raise UserError(
            f"{path} is not a network of this project: it must have the input {INPUT} and the output {OUTPUT}"
        )
    if dataset != "MNIST":
        raise UserError(f"{path} was trained on {_escape(dataset)}: predict needs a network trained on MNIST")
    return session


def predict_probabilities(
    session: onnxruntime.InferenceSession, digit: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Returns the probabilities of the digits 0 to 9, shape (10,), for an image of shape (28, 28)."""
    probabilities: NDArray[np.float32] = session.run([OUTPUT[0]], {INPUT[0]: digit[np.newaxis]})[0][0]
    return probabilities


def to_object(name: str, probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Returns what `--json` prints for a picture."""
    digit, runner_up = np.argsort(-probabilities, kind="stable")[:2].tolist()
    rounded = [round(float(probability), 6) for probability in probabilities]
    answer = {"file": name, "digit": digit, "probability": rounded[digit]}
    return answer | {"runner_up": runner_up, "probabilities": rounded}


def to_line(name: str, probabilities: NDArray[np.float32]) -> str:
    """Returns the line of text for a picture."""
    digit, runner_up = np.argsort(-probabilities, kind="stable")[:2]
    line = f"{_escape(name)}: {digit} ({probabilities[digit]:.1%})"
    if probabilities[digit] < SURE:
        line += f", not sure: perhaps {runner_up} ({probabilities[runner_up]:.1%})"
    return line


def _expand_folders(paths: Sequence[str]) -> Iterator[str]:
    """Replaces a folder by the pictures in it, sorted; a folder without pictures is kept."""
    for path in paths:
        is_folder = path != STANDARD_INPUT and os.path.isdir(path)  # noqa: PTH112  # raises nothing
        files = sorted(Path(path).glob("[!.]*")) if is_folder else []
        yield from [str(file) for file in files if file.suffix.lower() in SUFFIXES] or [path]


def _read_picture(name: str) -> Image.Image:
    if name == STANDARD_INPUT:
        with open(0, "rb", closefd=False) as file, _decoders_silenced():
            return open_picture(io.BytesIO(_read_all(file)))
    if Path(name).is_dir():
        raise PictureError(f"a folder in which no file ends in {', '.join(sorted(SUFFIXES))}")
    with _open_regular(Path(name)) as file, _decoders_silenced():
        return open_picture(file)


@contextmanager
def _decoders_silenced() -> Iterator[None]:
    """Hides the messages of libtiff about a damaged file, which it writes to the terminal itself."""
    terminal = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _open_regular(path: Path) -> IO[bytes]:
    """Opens a regular file; reading a pipe or a device might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise PictureError("not a regular file, but a folder, a pipe or a device")
    return path.open("rb")


def _read_all(file: IO[bytes]) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise PictureError(f"more than {MAX_BYTES:,} bytes")
    return content


def _reason(error: Exception) -> str:
    """Returns the message of an error on one line; without the file name if it is an error of the system."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _escape(name: str) -> str:
    """Escapes line breaks and control characters, which would affect the terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
