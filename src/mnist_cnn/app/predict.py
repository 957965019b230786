"""Reads digits: for each picture, the digit that the exported network sees in it, and how sure it is."""

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
from onnxruntime.capi import onnxruntime_pybind11_state
from PIL import Image

from mnist_cnn.app.picture import SUFFIXES, PictureError, open_picture, to_digit
from mnist_cnn.core.command import UserError

STANDARD_INPUT = "-"
MOST_BYTES = 200_000_000  # of standard input, or of a network
SURE = 0.9
INPUT, OUTPUT = ("pixels", "tensor(uint8)", [28, 28]), ("probabilities", "tensor(float)")
FAULTS: tuple[type[Exception], ...] = (
    ValueError,
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)

Probabilities = NDArray[np.float32]  # shape (10,), of the digits 0 to 9


def main(places: Sequence[str], model: Path, as_json: bool, with_all: bool) -> None:
    """Prints what the network sees in each picture: one line a picture, or all as JSON.

    Args:
        places: Files, folders with pictures in them, or `-` for standard input.
        model: The network, as the stage `export` writes it.
        as_json: Whether to print a list of objects.
        with_all: Whether to tell all ten probabilities.

    Raises:
        UserError: The network cannot be used.
        SystemExit: With status 1, when all is done and some picture could not be read.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # files have any name
    network = load_network(model)
    answers, failures = [], 0
    for name in _listed(places):
        try:
            digit = to_digit(_open_picture(name))
        except (PictureError, OSError) as error:
            failures += 1
            print(f"error: {_printable(name)}: {_reason(error)}", file=sys.stderr)
            continue
        probabilities = see(network, digit)
        if as_json:
            answers.append(as_object(name, probabilities, with_all))
        else:
            print(as_line(name, probabilities, with_all), flush=True)
    if as_json:
        print(json.dumps(answers, indent=2))
    if failures:
        sys.exit(1)


def load_network(path: Path) -> onnxruntime.InferenceSession:
    """Loads a network that `export` wrote; as it comes from memory, no other file can be part of it.

    Raises:
        UserError: There is none, or it is not one that reads digits.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        with _open_regular(path) as file:
            content = _content(file)
        # With a fallback ONNX Runtime would try again, and print that it does.
        network = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"], enable_fallback=0)
        inputs = [(each.name, each.type, each.shape[1:]) for each in network.get_inputs()]
        outputs = [(each.name, each.type) for each in network.get_outputs()]
        dataset = network.get_modelmeta().custom_metadata_map.get("dataset", "nothing that it names")
    except (PictureError, OSError) as error:
        todo = f"run `dvc repro export` or `dvc pull {path}`, or name another with --model"
        raise UserError(f"{path}: no network ({_reason(error)}): {todo}") from None
    except FAULTS as error:
        raise UserError(f"{path}: not a network for ONNX Runtime: {_reason(error)}") from None
    if inputs != [INPUT] or OUTPUT not in outputs:
        raise UserError(f"{path}: not a network of this project, which goes from {INPUT} to {OUTPUT}")
    if dataset != "MNIST":
        raise UserError(
            f"{path}: trained on {_printable(dataset)}, and predict reads digits only: take MNIST"
        )
    return network


def see(network: onnxruntime.InferenceSession, digit: NDArray[np.uint8]) -> Probabilities:
    """Returns the probabilities of the ten digits for an image of shape (28, 28).

    Raises:
        UserError: The network fails, or gives something else.
    """
    try:
        probabilities: Probabilities = network.run([OUTPUT[0]], {INPUT[0]: digit[np.newaxis]})[0]
    except FAULTS as error:
        raise UserError(f"the network fails: {_reason(error)}") from None
    if np.shape(probabilities) != (1, 10) or not np.isclose(np.sum(probabilities), 1, atol=1e-3):
        raise UserError(
            f"the network's {OUTPUT[0]} are not ten that add up to 1: take one that `export` wrote"
        )
    first: Probabilities = probabilities[0]
    return first


def as_object(name: str, probabilities: Probabilities, with_all: bool) -> dict[str, Any]:
    """Makes what `--json` prints of a picture."""
    digit, runner_up = (int(index) for index in np.argsort(-probabilities, kind="stable")[:2])
    rounded = [round(float(probability), 6) for probability in probabilities]
    answer = {"file": name, "digit": digit, "probability": rounded[digit], "runner_up": runner_up}
    return answer | ({"probabilities": rounded} if with_all else {})


def as_line(name: str, probabilities: Probabilities, with_all: bool) -> str:
    """Makes the line of a picture, for people."""
    digit, other = np.argsort(-probabilities, kind="stable")[:2]
    line = f"{_printable(name)}: {digit} ({probabilities[digit]:.1%})"
    if probabilities[digit] < SURE:
        line += f", not sure: perhaps {other} ({probabilities[other]:.1%})"
    if with_all:
        line += "; " + ", ".join(f"{number}: {share:.1%}" for number, share in enumerate(probabilities))
    return line


def _listed(places: Sequence[str]) -> Iterator[str]:
    """Names each file: a folder's pictures, sorted; a folder without any stands for itself."""
    for place in places:
        folder = place != STANDARD_INPUT and os.path.isdir(place)  # noqa: PTH112  # raises nothing
        inside = sorted(Path(place).glob("[!.]*")) if folder else []
        yield from [str(path) for path in inside if path.suffix.lower() in SUFFIXES] or [place]


def _open_picture(name: str) -> Image.Image:
    if name == STANDARD_INPUT:
        with open(0, "rb", closefd=False) as file, _decoders_silenced():
            return open_picture(io.BytesIO(_content(file)))
    if Path(name).is_dir():
        next(Path(name).iterdir(), None)  # an error if nobody may look inside
        raise PictureError(f"a folder in which no file ends in {', '.join(sorted(SUFFIXES))}")
    with _open_regular(Path(name)) as file, _decoders_silenced():
        return open_picture(file)


@contextmanager
def _decoders_silenced() -> Iterator[None]:
    """Keeps what libtiff thinks of a damaged file from the terminal: it writes past Python."""
    terminal = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _open_regular(path: Path) -> IO[bytes]:
    """Opens a file, and nothing that may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise PictureError("not a file, but a folder, a pipe or a device")
    return path.open("rb")


def _content(file: IO[bytes]) -> bytes:
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise PictureError(f"more than {MOST_BYTES:,} bytes")
    return content


def _reason(error: Exception) -> str:
    """Says on one line what was wrong; of what the system says, only that, without the name of the file."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _printable(name: str) -> str:
    """Keeps a name on one line and from steering the terminal."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)
