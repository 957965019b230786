"""Other parameters than those of params.yaml, as objects and as files."""

from pathlib import Path
from typing import Any

import yaml

from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import Params, Train
from mnist_cnn.core.paths import PARAMS

SMALL_MODELS = ("conv1_linear1", "conv2_linear2")


def changed(params: Params, **sections: Any) -> Params:
    """Returns parameters with some sections, or some choices of `train`, replaced."""
    train = {key: sections.pop(key) for key in list(sections) if key in Train.model_fields}
    return params.model_copy(update={"train": params.train.model_copy(update=train), **sections})


def write_params(folder: Path, params: Params) -> None:
    """Writes params.yaml."""
    write_text(folder / PARAMS, yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False))


def set_keys(path: Path, values: dict[str, Any]) -> None:
    """Sets keys such as `train.epochs` in a params.yaml, unchecked; removes a key whose value is `...`."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        *parents, last = key.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        if value is ...:
            del section[last]
        else:
            section[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def shrink(path: Path, kernels: tuple[str, ...] = ("small", "large")) -> None:
    """Leaves two models and some kernels in a params.yaml, two folds and a fraction of an epoch."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    grid = {
        "kernels": {kernel: content["kernels"][kernel] for kernel in kernels},
        "models": {model: content["models"][model] for model in SMALL_MODELS},
    }
    train = {"seeds": [0], "folds": [0, 1], "epochs": 0.1, "curve_images": 200}
    set_keys(path, grid | {f"train.{key}": value for key, value in train.items()})
