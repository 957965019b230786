"""One page on which every network of the study answers what is drawn; once written, it needs no network."""

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
from mnist_cnn.core.files import read_json, read_tensors, reading, write_text
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, load_test_images
from mnist_cnn.core.mnist import DATASETS
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EVALUATION, METRICS, PLOTS, PREPARED, WEIGHTS, weights_file

MOST_HARD = 24  # images to choose from
LEVELS = 2**15 - 1  # of a layer's weights; in half precision probabilities were off by 0.0017, so by 0.0004
TEMPLATES = Path(__file__).parent / "demo_page"

Tensors = dict[str, NDArray[Any]]


def main(output: Path, open_it: bool) -> None:
    """Writes the page.

    Args:
        output: Where to.
        open_it: Whether the browser shows it.

    Raises:
        UserError: Something of the study is missing, or does not fit params.yaml; or there is a folder.
    """
    if not output.name or output.is_dir():
        raise UserError(f"{output} is a folder: give the page a name with --output")
    write_text(output, render_page(gather(load_params())))
    print(output)
    if open_it:
        webbrowser.open(output.resolve().as_uri())


def render_page(study: dict[str, Any]) -> str:
    """Makes the page of what `gather` returns; a name in it is text, never HTML."""
    parts = {name: (TEMPLATES / f"demo{name}").read_text("utf-8") for name in (".css", ".js", "_worker.js")}
    digests = {name: hashlib.sha256(part.encode()).digest() for name, part in parts.items()}
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return page.get_template("demo.html.j2").render(
        study=study,
        parts={name: Markup(part) for name, part in parts.items()},
        hashes={name: base64.b64encode(digest).decode() for name, digest in digests.items()},
    )


def gather(params: Params) -> dict[str, Any]:
    """Reads what the page shows: the weights of each network's first run, the images that most get wrong.

    Raises:
        UserError: Something of it is missing, or does not fit params.yaml.
    """
    choice, dataset, networks = read_json(PLOTS / "choice.json"), params.data.dataset, params.networks()
    names = [network.name for network in networks]
    with reading(PLOTS / "choice.json"):
        chosen, its_dataset = f"{choice['model']}-{choice['kernel']}", choice["dataset"]
    with reading(METRICS / "networks.json"):
        accuracy = dict(read_json(METRICS / "networks.json")["accuracy"])
    if its_dataset != dataset or not {chosen, *accuracy} <= set(names):
        raise UserError(f"{PLOTS / 'choice.json'} is of another study than params.yaml: run `dvc repro`")
    test, run = load_test_images(PREPARED), weights_file(params.train.seeds[0], params.train.folds[0])
    answers = {"test_labels": ("uint8", len(test.labels))}
    said = [read_tensors(EVALUATION / one.path / "predictions.safetensors", answers) for one in networks]
    return {
        "dataset": dataset,
        "classes": DATASETS[dataset].classes,
        "models": list(params.models),
        "kernels": [{"name": name, "size": size} for name, size in params.kernels.items()],
        "networks": [
            packed(one, read_tensors(WEIGHTS / one.path / run, one.tensors))
            | {"accuracy": accuracy.get(one.name)}
            for one in networks
        ],
        "chosen": names.index(chosen),
        "normalisation": read_json(PREPARED / "normalisation.json"),
        "hard": hard_images(test, np.stack([one["test_labels"] for one in said])),
    }


def packed(network: Network, weights: Tensors) -> dict[str, Any]:
    """Returns the layers of a network as the page's loops read them, the convolutional ones apart."""
    tensors = [weights[name] for name in network.tensors]
    layers = [_layer(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]
    blocks = network.conv_layers
    facts = {"model": network.model, "parameters": network.parameters}
    return facts | {"convolutions": layers[:blocks], "linears": layers[blocks:]}


def hard_images(test: Images, said: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Picks the test images that most networks get wrong, the hardest first.

    Args:
        test: The n test images.
        said: What each network took them for when it was evaluated, shape (networks, n).
    """
    wrong = (said != test.labels).sum(axis=0)
    hardest = np.argsort(-wrong, kind="stable")[:MOST_HARD]
    return [
        {"label": int(label), "said": said[:, image].tolist(), "pixels": _text(test.pixels[image])}
        for image, label in zip(hardest, test.labels[hardest], strict=True)
        if 2 * wrong[image] > len(said)
    ]


def _layer(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, Any]:
    """Packs a layer into 16 bits a weight."""
    outputs, inputs, *kernel = weight.shape
    if kernel:  # two outputs at a time: (pairs of outputs, height, width, inputs, 2)
        even = np.pad(weight, [(0, outputs % 2), *[(0, 0)] * 3])
        weight = even.reshape(-1, 2, inputs, *kernel).transpose(0, 3, 4, 2, 1)
    scale = float(np.abs(weight).max()) / LEVELS or 1.0
    whole = np.rint(weight / scale).astype("<i2")
    shape = {"outputs": outputs, "inputs": inputs, "size": kernel[0] if kernel else None}
    return shape | {"scale": scale, "weights": _text(whole), "bias": bias.ravel().tolist()}


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
