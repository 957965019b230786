"""`mnist-cnn predict`: pictures as people make them, and files that are none; its network is trained here."""

import io
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from mnist_cnn.app import predict
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import Images, TrainingSet, stratified_folds
from mnist_cnn.core.mnist import DATASETS, SPLITS, read_idx
from mnist_cnn.onnx_graph import build_graph
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EXPORT
from mnist_cnn.app.picture import PictureError, open_picture, to_digit
from mnist_cnn.learning.training import train_all
from tests.support.drawn import KINDS
from tests.support.repositories import TOP, mnist

pytestmark = pytest.mark.slow
PLAIN = ("larger", "inverted", "coloured", "soft")  # drawn larger, inverted, coloured, with soft edges


def load(split: str) -> Images:
    return Images(*(read_idx(Path(mnist(), name).read_bytes()) for name in SPLITS[split]))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A network of the grid after two epochs, exported."""
    images = load("train")
    folds = stratified_folds(images.labels, 6, 0)
    data = TrainingSet(images, folds, float(images.pixels.mean()), float(images.pixels.std()))
    network = params.network("conv2_linear2", "medium")
    train = params.train.model_copy(update={"epochs": 2.0})
    weights = train_all(network, 0, train, data, lambda _: None)
    graph = build_graph(network, weights, data.mean, data.std, "MNIST", DATASETS["MNIST"].classes)
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return path


def answers(network: Any, kind: str, pictures: int) -> Iterator[tuple[bool, bool]]:
    """Says of some pictures of a kind, each of another test image, whether it is right, and sure."""
    test, rng = load("test"), np.random.default_rng(len(kind))
    for place in rng.choice(len(test.labels), pictures, replace=False):
        content = KINDS[kind](test.pixels[place], rng)
        probabilities = predict.see(network, to_digit(open_picture(io.BytesIO(content))))
        yield probabilities.argmax() == test.labels[place], probabilities.max() >= predict.SURE


@pytest.fixture(scope="module")
def right(model: Path) -> Callable[[str, int], int]:
    """Counts the right answers to some pictures of a kind."""
    network = predict.load_network(model)
    return lambda kind, pictures: sum(right for right, _ in answers(network, kind, pictures))


@pytest.mark.trial
def test_exported_network_reads_pictures() -> None:
    """Prints the table of docs/predict.md."""
    network = predict.load_network(TOP / EXPORT / "model.onnx")
    print("\n| pictures | right of 100 | of these sure | wrong but sure |\n| :-- | --: | --: | --: |")
    for kind in KINDS:
        found = [*answers(network, kind, 100)]
        both = [found.count(pair) for pair in ((True, True), (False, True))]
        print(f"| {kind.replace('_', ' ')} | {sum(right for right, _ in found)} | {both[0]} | {both[1]} |")
        assert kind not in PLAIN or sum(right for right, _ in found) >= 97


def test_at_least_97_of_100_plain_pictures_are_right(right: Callable[[str, int], int]) -> None:
    assert sum(right(kind, 25) for kind in PLAIN) >= 97


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PLAIN])
def test_pictures_as_people_make_them(right: Callable[[str, int], int], kind: str) -> None:
    assert right(kind, 10) >= 8


def run(*words: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [
        sys.executable,
        "-c",
        "from mnist_cnn.app.cli import main; main()",
        "predict",
        *map(str, words),
    ]
    return subprocess.run(command, input=given, capture_output=True, check=False, env=ENVIRONMENT, timeout=60)


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(predict.__file__).parent.parent)}


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """A picture of a seven."""
    test = load("test")
    (place,) = np.flatnonzero(test.labels == 7)[:1]
    path = tmp_path / "seven.png"
    Image.fromarray(255 - test.pixels[place]).resize((200, 200)).save(path)
    return path


def test_answers_as_text_and_as_json(model: Path, seven: Path) -> None:
    done = run("--model", model, seven)
    assert done.stdout.decode().startswith(f"{seven}: 7 (")
    assert (done.returncode, done.stderr) == (0, b"")
    done = run("--model", model, "--json", "--all", seven.parent, "-", given=seven.read_bytes())
    both = json.loads(done.stdout)
    assert [one["file"] for one in both] == [str(seven), "-"]
    for one in both:
        assert (one["digit"], len(one["probabilities"])) == (7, 10)
        assert one["probability"] == max(one["probabilities"])
        assert sorted(one["probabilities"])[-2] == one["probabilities"][one["runner_up"]]


def test_doubt_is_told() -> None:
    probabilities = np.array([0, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.4], np.float32)
    assert predict.as_line("x\n", probabilities, False) == "x\\n: 4 (60.0%), not sure: perhaps 9 (40.0%)"
    probabilities[[4, 9]] = 0.95, 0.05
    assert predict.as_line("x", probabilities, False) == "x: 4 (95.0%)"


def test_nothing_heavy_is_imported(model: Path, seven: Path) -> None:
    script = (
        "import sys; from mnist_cnn import cli; sys.argv[1:] = ['predict', '--model', *sys.argv[1:]]\n"
        "try: cli.main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'pandas', 'pydantic', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, model, seven], check=True, env=ENVIRONMENT, timeout=60)


# What is no picture of a digit


def png(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def bomb() -> bytes:
    """A picture of 20,000 × 20,000 pixels in a few kilobytes."""
    content = bytearray(png(np.zeros((4, 4), np.uint8)))
    content[16:24] = (20_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def wordy() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b" * 2**27, zip=True)
    return png(np.zeros((40, 40), np.uint8), pnginfo=text)


def strange() -> bytes:
    """A TIFF file with damaged pixels, on which libtiff comments by itself, past Python."""
    file = io.BytesIO()
    Image.new("RGB", (60, 60)).save(file, "TIFF", compression="tiff_lzw")
    return file.getvalue()[:100] + b"\xff" * 40 + file.getvalue()[140:]


WHITE = np.full((60, 60), 255, np.uint8)
NONE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "0 bytes"),
    "text": (lambda: b"7", "not a picture"),
    "a page": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "empty paper": (lambda: png(WHITE), "nothing stands out"),
    "cut": (
        lambda: png(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8))[:200],
        "damaged",
    ),
    "of which libtiff has an opinion": (strange, "damaged"),
    "a bomb": (bomb, "more than 100,000,000 pixels"),
    "a bomb of text": (wordy, "too large"),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_picture_is_one_line(model: Path, seven: Path, name: str) -> None:
    make, reason = NONE[name]
    path = seven.with_name("other.png")
    path.write_bytes(make())
    done = run("--model", model, path, seven)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"error: {path}: ")
    assert reason in line
    assert done.returncode == 1
    assert done.stdout.decode().startswith(f"{seven}: 7")  # the others are read all the same


def test_nothing_is_kept_of_what_was_read(model: Path, seven: Path, tmp_path: Path) -> None:
    """ONNX Runtime would keep an identity of the machine, and what it did, below HOME."""
    home = tmp_path / "home"
    home.mkdir()
    command = [
        sys.executable,
        "-c",
        "from mnist_cnn.app.cli import main; main()",
        "predict",
        "--model",
        model,
        seven,
    ]
    places = {"HOME": str(home), "TMPDIR": str(home)}
    places |= {name: str(home) for name in ENVIRONMENT if name.startswith("XDG_")}
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT | places, timeout=60)
    assert list(home.rglob("*")) == []


def test_what_is_no_file_is_one_line(model: Path, seven: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("pipe", "circle", "missing", "long" * 99):
        done = run("--model", model, tmp_path / name, seven)
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout.decode().startswith(f"{seven}: 7")
        assert done.returncode == 1
    (tmp_path / "empty").mkdir()
    assert b"a folder in which no file ends in" in run("--model", model, tmp_path / "empty").stderr


def test_first_frame_and_upright(seven: Path) -> None:
    expected = to_digit(open_picture(seven.open("rb"))).astype(int)
    picture = Image.open(seven).convert("L")
    for form, turned, options in (
        ("GIF", picture, {"save_all": True, "append_images": [Image.fromarray(WHITE)]}),
        ("PNG", picture.rotate(90, expand=True), {"exif": Image.Exif()}),
    ):
        if "exif" in options:
            options["exif"][0x0112] = 6  # shown turned by 90 degrees, clockwise
        file = io.BytesIO()
        turned.save(file, form, **options)
        assert np.abs(to_digit(open_picture(file)) - expected).mean() < 3


def test_blank_picture_has_no_digit() -> None:
    with pytest.raises(PictureError):
        to_digit(Image.new("RGB", (100, 80), "white"))


# What is no network of ours


def test_other_models_are_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    with pytest.raises(UserError, match="run `dvc repro export`"):
        predict.load_network(path)
    graph = onnx.load(model)
    clothes = onnx.ModelProto.FromString(graph.SerializeToString())
    next(one for one in clothes.metadata_props if one.key == "dataset").value = "FashionMNIST"
    graph.graph.input[0].name = "x"
    graph.graph.node[0].input[0] = "x"
    dumb = onnx.load(model)
    del dumb.graph.output[-1]
    for content, reason in (
        (dumb.SerializeToString(), "not a network of this project"),
        (b"no onnx", "not a network for ONNX Runtime"),
        (graph.SerializeToString(), "not a network of this project"),
        (clothes.SerializeToString(), "trained on FashionMNIST"),
        (outside(model), "not a network for ONNX Runtime"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=reason) as refused:
            predict.load_network(path)
        assert "\n" not in str(refused.value)


def outside(model: Path) -> bytes:
    """A network that has its numbers from a file of the system's."""
    graph = onnx.load(model)
    tensor = graph.graph.initializer[-1]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../../../../../../etc/passwd"), ("offset", "0"), ("length", "40")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return graph.SerializeToString()
