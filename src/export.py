"""Trains a network once more, on all training images and with portable numerics, for others to use.

Without options the network and recipe of plots/choice.json; with --model and --kernel any other network of
params.yaml, with its `train`. Reads data/prepared too.
Writes into data/export, or a folder of the user's: model.safetensors; model.onnx, which takes raw pixels; and
agreement.json: what ONNX Runtime and PyTorch agree on, and how many test images these very weights get right.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from safetensors.numpy import save

from mnist_cnn import numerics
from mnist_cnn.command import UserError, run
from mnist_cnn.data import Images, TrainingSet, load_test_images, load_training_set
from mnist_cnn.files import read_json, reading, replacing, write_json
from mnist_cnn.grid import Network
from mnist_cnn.mnist import DATASETS
from mnist_cnn.onnx_graph import IR_VERSION, OPSET, build_graph
from mnist_cnn.params import Train, load_params
from mnist_cnn.paths import EXPORT, PLOTS, PREPARED

EXPORTS = Path("exports")  # for networks that are asked for by name; git ignores it
SEED = 0
MOST_DIFFERENCE = 1e-3  # of a logit: rounding makes 1e-5 of logits up to 50, other bits on each processor
BATCHES = 10


class Wish(NamedTuple):
    """What is to be exported."""

    network: Network
    train: Train
    dataset: str


def read_wish() -> tuple[Wish, Path]:
    """Reads the command line and what it leaves to choice.json or params.yaml; returns the folder as well."""
    parser = argparse.ArgumentParser(description="Train a network on all training images, for others to use.")
    parser.add_argument("--model", help="a key of `models` in params.yaml; without it the chosen network")
    parser.add_argument("--kernel", help="a key of `kernels` in params.yaml")
    parser.add_argument("--to", type=Path, help=f"a folder; else {EXPORTS}/MODEL-KERNEL, {EXPORT} if chosen")
    given = parser.parse_args()
    if (given.model is None) != (given.kernel is None):
        parser.error("--model and --kernel belong together")
    if given.model is None:
        with reading(PLOTS / "choice.json"):
            return chosen(read_json(PLOTS / "choice.json")), given.to or EXPORT
    params = load_params()
    network = params.network(given.model, given.kernel)
    return Wish(network, params.train, params.data.dataset), given.to or EXPORTS / network.name


def chosen(choice: dict[str, Any]) -> Wish:
    """Returns the network and the recipe of choice.json, so that nothing else makes it train again."""
    layers = tuple(choice["conv_channels"]), tuple(choice["hidden_units"])
    network = Network(choice["model"], choice["kernel"], choice["kernel_size"], *layers)
    return Wish(network, Train.model_construct(**choice["recipe"]), choice["dataset"])


def onnx_logits(model: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Asks ONNX Runtime for the logits, shape (n, 10), of images, shape (n, 28, 28)."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # which reports on models, and keeps files elsewhere
    from onnxruntime import InferenceSession

    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = np.array_split(pixels, BATCHES)
    return np.concatenate([session.run(["logits"], {"pixels": part})[0] for part in parts])


def check_agreement(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Holds the logits of ONNX Runtime against those of PyTorch, both of shape (n, 10).

    What was measured goes to the terminal alone: it depends on the processor.

    Raises:
        UserError: A label differs, or a logit by more than rounding explains.
    """
    labels, largest = int((ours.argmax(1) != theirs.argmax(1)).sum()), float(np.abs(ours - theirs).max())
    found = (
        f"ONNX Runtime and PyTorch differ in {labels} of {len(ours)} labels and by {largest:.1e} in a logit"
    )
    if labels or not largest < MOST_DIFFERENCE:
        raise UserError(f"{found}: must be 0 and below {MOST_DIFFERENCE:g}; try another onnxruntime")
    print(found)


def make(wish: Wish, data: TrainingSet, test: Images) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Trains the network, and writes it in both formats.

    Returns:
        The content of each file by its name, and what is to be said of it, the same on every processor.
    """
    import torch

    from mnist_cnn.evaluation import load_network
    from mnist_cnn.training import predict, train_all

    network, train, dataset = wish
    with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task(f"export {network.name}", total=1)
        weights = train_all(network, SEED, train, data, lambda done: progress.update(bar, completed=done))
    classes = DATASETS[dataset].classes
    model = build_graph(network, weights, data.mean, data.std, dataset, classes).SerializeToString()
    pixels = torch.from_numpy(test.pixels)
    logits = predict(load_network(network, weights), pixels, data.mean, data.std).numpy()
    check_agreement(logits, onnx_logits(model, test.pixels))
    files = {"model.onnx": model, "model.safetensors": save(weights)}
    return files, {
        "network": network.name,
        "dataset": dataset,
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "images": len(logits),
        "labels_equal": len(logits),
        "logits_differ_by_less_than": MOST_DIFFERENCE,
        "correct": int((logits.argmax(1) == test.labels).sum()),
        "bytes": {name: len(content) for name, content in files.items()},
    }


def main() -> None:
    """Runs the stage."""
    wish, folder = read_wish()
    numerics.choose("portable")
    files, facts = make(wish, load_training_set(PREPARED), load_test_images(PREPARED))
    for name, content in files.items():
        with replacing(folder / name) as part:
            part.write_bytes(content)
    write_json(folder / "agreement.json", facts)
    print(f"{facts['network']}: {facts['correct']} of {facts['images']} test images right; it is in {folder}")


if __name__ == "__main__":
    run(main)
