"""Trains a network on all training images, and exports it.

Reads data/prepared and plots/choice.json, which names the network and its training parameters. With --model
and --kernel it exports another network of params.yaml instead, to exports/MODEL-KERNEL.
Writes into data/export: model.safetensors; model.onnx, whose input is raw pixels; and agreement.json, the
comparison of ONNX Runtime with PyTorch and the number of test images that are classified correctly.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from safetensors.numpy import save

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import write_bytes
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, TrainingSet, load_test_images, load_training_set
from mnist_cnn.core.mnist import CLASS_NAMES
from mnist_cnn.core.params import Recipe, load_params
from mnist_cnn.core.paths import EXPORT, PLOTS, PREPARED
from mnist_cnn.documents import Agreement, Choice
from mnist_cnn.learning.network import load_network, predict_logits
from mnist_cnn.learning.training import train_on_all_images
from mnist_cnn.onnx_graph import IR_VERSION, OPSET, build_graph

EXPORTS = Path("exports")  # for networks other than the chosen one; git ignores it
SEED = 0
MAX_LOGIT_DIFFERENCE = 1e-3  # rounding gives 1e-5 of logits up to 50, with other bits on each processor
BATCHES = 10


class ExportRequest(NamedTuple):
    """What to export, and into which directory."""

    network: Network
    recipe: Recipe
    dataset: str
    directory: Path


def read_request() -> ExportRequest:
    """Reads the command line, and choice.json or params.yaml."""
    parser = argparse.ArgumentParser(description="Train a network on all training images, and export it.")
    parser.add_argument("--model", help="a key of `models` in params.yaml (default: the chosen network)")
    parser.add_argument("--kernel", help="a key of `kernels` in params.yaml")
    arguments = parser.parse_args()
    if (arguments.model is None) != (arguments.kernel is None):
        parser.error("--model and --kernel must be given together")
    if arguments.model is None:
        choice = Choice.read(PLOTS / "choice.json")
        return ExportRequest(choice.network, choice.recipe, choice.dataset, EXPORT)
    params = load_params()
    network = params.network(arguments.model, arguments.kernel)
    return ExportRequest(network, params.train, params.data.dataset, EXPORTS / network.name)


def onnx_logits(model: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns ONNX Runtime's logits, shape (n, 10), of images, shape (n, 28, 28)."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: it reports on models, and writes files
    from onnxruntime import InferenceSession

    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    parts = np.array_split(pixels, BATCHES)
    return np.concatenate([session.run(["logits"], {"pixels": part})[0] for part in parts])


def check_agreement(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Compares the logits of PyTorch and ONNX Runtime, both of shape (n, 10), and prints the differences.

    They are not written to a file, because they depend on the processor.

    Raises:
        UserError: A predicted label differs, or a logit differs by more than rounding explains.
    """
    labels, largest = int((ours.argmax(1) != theirs.argmax(1)).sum()), float(np.abs(ours - theirs).max())
    found = (
        f"ONNX Runtime and PyTorch predict {labels} of {len(ours)} labels differently; "
        f"the largest difference of a logit is {largest:.1e}"
    )
    if labels or not largest < MAX_LOGIT_DIFFERENCE:
        limits = f"must be 0 and below {MAX_LOGIT_DIFFERENCE:g}"
        raise UserError(f"{found}: {limits}; try another version of onnxruntime")
    print(found)


def export(request: ExportRequest, data: TrainingSet, test: Images) -> tuple[dict[str, bytes], Agreement]:
    """Trains the network, and converts it to both formats.

    Returns:
        The content of each file by its name; and their description, which is the same on every processor.
    """
    network, recipe, dataset, _ = request
    with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task(f"export {network.name}", total=1)
        weights = train_on_all_images(
            network, SEED, recipe, data, lambda done: progress.update(bar, completed=done)
        )
    graph = build_graph(network, weights, data.normalisation, dataset, CLASS_NAMES[dataset])
    model = graph.SerializeToString()
    pixels = torch.from_numpy(test.pixels)
    logits = predict_logits(load_network(network, weights), pixels, data.normalisation).numpy()
    check_agreement(logits, onnx_logits(model, test.pixels))
    files = {"model.onnx": model, "model.safetensors": save(weights)}
    return files, Agreement(
        network=network.name,
        dataset=dataset,
        opset=OPSET,
        ir_version=IR_VERSION,
        images=len(logits),
        logits_differ_by_less_than=MAX_LOGIT_DIFFERENCE,
        correct=int((logits.argmax(1) == test.labels).sum()),
        bytes={name: len(content) for name, content in files.items()},
    )


def main() -> None:
    """Runs the stage."""
    request = read_request()
    files, agreement = export(request, load_training_set(PREPARED), load_test_images(PREPARED))
    for name, content in files.items():
        write_bytes(request.directory / name, content)
    agreement.write(request.directory / "agreement.json")
    correct = f"{agreement.correct} of {agreement.images} test images correct"
    print(f"{agreement.network}: {correct}; exported to {request.directory}")


if __name__ == "__main__":
    run(main)
