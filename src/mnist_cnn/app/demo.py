"""A page on which all networks of the study classify a drawing; it works without a connection."""

import base64
import hashlib
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_tensors, write_text
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import NORMALISATION_FILE, Images, Normalisation, load_test_images
from mnist_cnn.core.mnist import CLASS_NAMES
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EVALUATION, METRICS, PLOTS, PREPARED, WEIGHTS, weights_file
from mnist_cnn.documents import Choice, NetworkMetrics

MAX_HARD_IMAGES = 24
LEVELS = 2**15 - 1  # of a layer's weights; half precision changed probabilities by 0.0017, this by 0.0004
TEMPLATES = Path(__file__).parent / "demo_page"


def write_demo(output: Path, open_browser: bool) -> None:
    """Writes the page.

    Args:
        output: The file to write.
        open_browser: Whether to show the page in the browser.

    Raises:
        UserError: A file of the study is missing or does not match params.yaml; or `output` is a folder.
    """
    if not output.name or output.is_dir():
        raise UserError(f"{output} is a folder: give the page a name with --output")
    write_text(output, render_page(study_content(load_params())))
    print(output)
    if open_browser:
        webbrowser.open(output.resolve().as_uri())


def render_page(content: dict[str, Any]) -> str:
    """Renders the page from what `study_content` returns; names are escaped."""
    parts = {name: (TEMPLATES / f"demo{name}").read_text("utf-8") for name in (".css", ".js", "_worker.js")}
    digests = {name: hashlib.sha256(part.encode()).digest() for name, part in parts.items()}
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return page.get_template("demo.html.j2").render(
        study=content,
        parts={name: Markup(part) for name, part in parts.items()},
        hashes={name: base64.b64encode(digest).decode() for name, digest in digests.items()},
    )


def study_content(params: Params) -> dict[str, Any]:
    """Reads what the page shows: the weights of each network's first run, and difficult test images.

    Raises:
        UserError: A file is missing or invalid, or belongs to a study with other parameters.
    """
    networks, dataset = params.networks(), params.data.dataset
    names = [network.name for network in networks]
    choice = Choice.read(PLOTS / "choice.json")
    accuracy = NetworkMetrics.read(METRICS / "networks.json").accuracy
    if choice.dataset != dataset or not {choice.network.name, *accuracy} <= set(names):
        raise UserError(f"{PLOTS / 'choice.json'} does not match params.yaml: run `dvc repro`")
    test, run = load_test_images(PREPARED), weights_file(params.train.seeds[0], params.train.folds[0])
    specs = {"test_labels": ("uint8", len(test.labels))}
    files = [EVALUATION / network.path / "predictions.safetensors" for network in networks]
    predictions = np.stack([read_tensors(file, specs)["test_labels"] for file in files])
    return {
        "dataset": dataset,
        "classes": CLASS_NAMES[dataset],
        "models": list(params.models),
        "kernels": [{"name": name, "size": size} for name, size in params.kernels.items()],
        "networks": [
            pack_network(network, read_tensors(WEIGHTS / network.path / run, network.tensors))
            | {"accuracy": accuracy.get(network.name)}
            for network in networks
        ],
        "chosen": names.index(choice.network.name),
        "normalisation": Normalisation.read(PREPARED / NORMALISATION_FILE).model_dump(),
        "hard": hard_images(test, predictions),
    }


def pack_network(network: Network, weights: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Returns the layers of a network in the format that the page reads."""
    tensors = [weights[name] for name in network.tensors]
    layers = [_pack_layer(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]
    return {
        "model": network.model,
        "parameters": network.parameters,
        "convolutions": layers[: network.conv_layers],
        "linears": layers[network.conv_layers :],
    }


def hard_images(test: Images, predictions: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Returns the test images that most networks misclassify, those with the most errors first.

    Args:
        test: The n test images.
        predictions: The label that each network predicted when it was evaluated, shape (networks, n).
    """
    wrong = (predictions != test.labels).sum(axis=0)
    hardest = np.argsort(-wrong, kind="stable")[:MAX_HARD_IMAGES]
    return [
        {"label": int(test.labels[index]), "pixels": _encode(test.pixels[index])}
        for index in hardest
        if 2 * wrong[index] > len(predictions)
    ]


def _pack_layer(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, Any]:
    """Packs a layer with 16 bits per weight."""
    outputs, inputs, *kernel = weight.shape
    if kernel:  # the loops of the page go over height and width before the inputs
        weight = weight.transpose(0, 2, 3, 1)
    scale = float(np.abs(weight).max()) / LEVELS or 1.0
    return {
        "outputs": outputs,
        "inputs": inputs,
        "size": kernel[0] if kernel else None,
        "scale": scale,
        "weights": _encode(np.rint(weight / scale).astype("<i2")),
        "bias": bias.ravel().tolist(),
    }


def _encode(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
