"""`mnist-cnn predict`: simulated pictures, invalid files, and other networks."""

import io
import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.drawings import KINDS
from mnist_cnn.app import predict
from mnist_cnn.app.picture import open_picture, to_digit
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import Images, Normalisation, TrainingSet
from mnist_cnn.core.mnist import CLASS_NAMES
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EXPORT
from mnist_cnn.learning.training import train_on_all_images
from mnist_cnn.onnx_graph import build_graph
from mnist_cnn.sources.idx import read_idx
from tests.support.command_line import mnist_cnn
from tests.support.repositories import mnist

pytestmark = pytest.mark.slow


def load(split: str) -> Images:
    return Images(
        *(
            read_idx(Path(mnist(), f"{split}-{kind}-ubyte").read_bytes())
            for kind in ("images-idx3", "labels-idx1")
        )
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A network of the grid after one epoch, exported."""
    images = load("train")
    normalisation = Normalisation(mean=float(images.pixels.mean()), std=float(images.pixels.std()))
    data = TrainingSet(images, np.zeros(len(images.labels), np.uint8), normalisation)
    network = params.network("conv2_linear2", "medium")
    recipe = params.train.model_copy(update={"epochs": 1.0})
    weights = train_on_all_images(network, 0, recipe, data, lambda _: None)
    graph = build_graph(network, weights, normalisation, "MNIST", CLASS_NAMES["MNIST"])
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """A picture of a seven."""
    test = load("t10k")
    path = tmp_path / "seven.png"
    Image.fromarray(255 - test.pixels[test.labels == 7][0]).resize((200, 200)).save(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_pictures_are_classified(model: Path, kind: str) -> None:
    """The accuracy of the network is about 98.5 %."""
    session, test, rng = predict.load_session(model), load("t10k"), np.random.default_rng(0)
    correct = 0
    for index in rng.choice(len(test.labels), 10, replace=False):
        digit = to_digit(open_picture(io.BytesIO(KINDS[kind](test.pixels[index], rng))))
        correct += int(predict.predict_probabilities(session, digit).argmax() == test.labels[index])
    assert correct >= 8


def test_predictions_as_text_and_as_json(model: Path, seven: Path) -> None:
    done = mnist_cnn("predict", "--model", model, seven)
    assert done.stdout.decode().startswith(f"{seven}: 7 (")
    assert (done.returncode, done.stderr) == (0, b"")
    words = "predict", "--model", model, "--json", seven.parent, "-"
    both = json.loads(mnist_cnn(*words, content=seven.read_bytes()).stdout)
    assert [one["file"] for one in both] == [str(seven), "-"]
    for one in both:
        assert (one["digit"], len(one["probabilities"])) == (7, 10)
        assert one["probability"] == max(one["probabilities"])
        assert sorted(one["probabilities"])[-2] == one["probabilities"][one["runner_up"]]


def test_default_network_is_the_exported_one(model: Path, seven: Path) -> None:
    done = mnist_cnn("predict", seven.name, folder=seven.parent)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"error: {EXPORT / 'model.onnx'} cannot be read")
    (seven.parent / EXPORT).mkdir(parents=True)
    shutil.copy(model, seven.parent / EXPORT)
    done = mnist_cnn("predict", seven.name, folder=seven.parent)
    assert done.stdout.startswith(b"seven.png: 7 (")
    assert (done.returncode, done.stderr) == (0, b"")


def test_low_probability_is_marked() -> None:
    probabilities = np.array([0, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.4], np.float32)
    assert predict.to_line("x\n", probabilities) == "x\\n: 4 (60.0%), not sure: perhaps 9 (40.0%)"
    probabilities[[4, 9]] = 0.95, 0.05
    assert predict.to_line("x", probabilities) == "x: 4 (95.0%)"


# Invalid files


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def bomb() -> bytes:
    """A picture of 20,000 × 20,000 pixels in a few kilobytes."""
    content = bytearray(png(np.zeros((4, 4), np.uint8)))
    content[16:24] = (20_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def damaged_tiff() -> bytes:
    """A TIFF file with damaged pixels: libtiff writes a message on stderr, past Python."""
    file = io.BytesIO()
    Image.new("RGB", (60, 60)).save(file, "TIFF", compression="tiff_lzw")
    return file.getvalue()[:100] + b"\xff" * 40 + file.getvalue()[140:]


NOISE = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
WHITE = np.full((60, 60), 255, np.uint8)
INVALID: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "0 bytes"),
    "text": (lambda: b"7", "not a picture"),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "blank paper": (lambda: png(WHITE), "no ink was found"),
    "cut": (lambda: png(NOISE)[:200], "damaged"),
    "damaged TIFF": (damaged_tiff, "damaged"),
    "decompression bomb": (bomb, "more than 100,000,000 pixels"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_error_about_an_invalid_file_is_one_line(model: Path, seven: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "folder").mkdir()
    for name, (make, _) in INVALID.items():
        (tmp_path / name).write_bytes(make())
    reasons = {
        "pipe": "not a regular file",
        "circle": "",
        "missing": "",
        "long" * 99: "",
        "folder": "a folder in which",
    }
    reasons |= {name: reason for name, (_, reason) in INVALID.items()}
    done = mnist_cnn("predict", "--model", model, *(tmp_path / name for name in reasons), seven)
    lines = done.stderr.decode().splitlines()
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"error: {tmp_path / name}: ")
        assert reason in line
    assert done.stdout.decode().startswith(f"{seven}: 7")  # the last picture is read
    assert done.returncode == 1


def test_no_file_is_left_behind(model: Path, seven: Path, tmp_path: Path) -> None:
    """ONNX Runtime's telemetry would write an identity of the machine and a log below HOME."""
    home = tmp_path / "home"
    home.mkdir()
    names = ["HOME", "TMPDIR", *(name for name in os.environ if name.startswith("XDG_"))]
    done = mnist_cnn("predict", "--model", model, seven, **dict.fromkeys(names, str(home)))
    assert done.returncode == 0
    assert list(home.rglob("*")) == []


# Other networks


def test_other_models_are_refused(model: Path, tmp_path: Path) -> None:
    fashion, renamed, incomplete = (onnx.load(model) for _ in range(3))
    next(one for one in fashion.metadata_props if one.key == "dataset").value = "FashionMNIST"
    renamed.graph.input[0].name = renamed.graph.node[0].input[0] = "x"
    del incomplete.graph.output[-1]
    path = tmp_path / "other.onnx"
    for content, reason in (
        (b"no onnx", "is not a network for ONNX Runtime"),
        (model.read_bytes().replace(b"MNIST", b"\xffNIST"), "is not a network for ONNX Runtime"),
        (renamed.SerializeToString(), "is not a network of this project"),
        (incomplete.SerializeToString(), "is not a network of this project"),
        (fashion.SerializeToString(), "was trained on FashionMNIST"),
        (with_external_data(model), "is not a network for ONNX Runtime"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=reason) as refused:
            predict.load_session(path)
        assert "\n" not in str(refused.value)


def with_external_data(model: Path) -> bytes:
    """Returns a network that reads its weights from another file of the system."""
    graph = onnx.load(model)
    tensor = graph.graph.initializer[-1]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../../../../../../etc/passwd"), ("offset", "0"), ("length", "40")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return graph.SerializeToString()
