"""Mistakes in params.yaml are refused in a line that says what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnist_cnn.choices.params import Params, ParamsError, load_params
from tests.conftest import TOP


def changed(tmp_path: Path, key: str, value: Any) -> Path:
    """Writes params.yaml with one key set to another value, or taken out (value `...`)."""
    content = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    *parents, last = key.split("/")
    section = content
    for parent in parents:
        section = section[parent]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def test_grid_is_every_model_with_every_kernel(params: Params) -> None:
    networks = params.networks()
    assert len(networks) == len(params.models) * len(params.kernels)
    assert networks[1].name == "conv1_linear1-medium"
    assert networks[1].kernel_size == params.kernels["medium"]
    assert networks[-1].conv_layers == len(networks[-1].conv_channels)
    assert networks[-1].linear_layers == len(networks[-1].hidden_units) + 1


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train/momentum", 0.9, "train.momentum is unknown"),
        ("train/epochs", ..., "train.epochs is missing"),
        ("train/epochs", "many", "train.epochs is 'many': must be a valid number"),
        ("train/epochs", 0, "train.epochs is 0: must be greater than 0"),
        ("train/epochs", True, "train.epochs is True: must be a valid number"),
        ("train/epochs", float("nan"), "train.epochs is nan: must be a finite number"),
        ("train/batch_size", 2.5, "train.batch_size is 2.5: must be a valid integer"),
        ("train/batch_size", 60_000, "train.batch_size is 60000: must be at most 49999"),
        ("train/learning_rate", 0, "train.learning_rate is 0: must be greater than 0"),
        ("train/learning_rate", -0.1, "train.learning_rate is -0.1: must be greater than 0"),
        ("train/folds", [0, 6], "train.folds is 6: must be at most 5, the folds are 0 to data.folds - 1"),
        ("train/folds", [1, 1], "train.folds is [1, 1]: must name each fold once"),
        ("train/folds", [], "train.folds is empty: must have at least one entry"),
        ("train/folds", [-1], "train.folds.0 is -1: must be greater than or equal to 0"),
        ("kernels", {}, "kernels is empty: must have at least one entry"),
        ("kernels/small", 4, "kernels.small is 4: must be odd"),
        ("kernels/small", 0, "kernels.small is 0: must be greater than or equal to 1"),
        ("kernels/small", -3, "kernels.small is -3: must be greater than or equal to 1"),
        ("kernels/small", 29, "kernels.small is 29: must be less than 28"),
        ("kernels/small", 7, "kernels: small and large are the same"),
        ("kernels/very-small", 9, "the name 'very-small' must be a letter followed by letters, digits or _"),
        ("kernels/very.small", 9, "the name 'very.small' must be a letter"),
        ("kernels/3", 9, "the name '3' must be a letter"),
        ("models", {}, "models is empty: must have at least one entry"),
        (
            "models/conv1_linear1/conv_channels",
            [],
            "models.conv1_linear1.conv_channels is []: must have 1 to 4",
        ),
        ("models/conv1_linear1/conv_channels", [8] * 5, "must have 1 to 4 layers: each halves the 28 pixels"),
        (
            "models/conv1_linear1/conv_channels",
            [0],
            "models.conv1_linear1.conv_channels.0 is 0: must be greater",
        ),
        ("models/conv1_linear1/hidden_units", "64", "models.conv1_linear1.hidden_units is '64': must be"),
        ("models/conv1_linear1", None, "models.conv1_linear1 is None: must be"),
        ("data/dataset", "CIFAR10", "data.dataset is 'CIFAR10': must be 'MNIST'"),
        ("train/device", "gpu", "train.device is 'gpu': must be 'auto', 'cpu', 'cuda' or 'mps'"),
        ("train/precision", "float16", "train.precision is 'float16': must be 'float32' or 'bfloat16'"),
        ("data/folds", 1, "data.folds is 1: must be greater than or equal to 2"),
        ("compare/margin", 0, "compare.margin is 0: must be greater than 0"),
        ("compare/target_accuracy", 98, "compare.target_accuracy is 98: must be less than 1"),
    ],
)
def test_mistake_is_one_line(tmp_path: Path, key: str, value: Any, line: str) -> None:
    path = changed(tmp_path, key, value)
    with pytest.raises(ParamsError, match=re.escape(line)) as refused:
        load_params(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_every_mistake_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "train/learning_rate", -1)
    path.write_text(path.read_text(encoding="utf-8").replace("small: 3", "small: 2"), encoding="utf-8")
    with pytest.raises(ParamsError) as refused:
        load_params(path)
    assert len(str(refused.value).splitlines()) == 2


def test_integer_name_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, "kernels", {3: 3, 5: 5})
    with pytest.raises(ParamsError, match="the name 3 must be a letter"):
        load_params(path)


def test_number_that_only_new_yaml_knows(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = (TOP / "params.yaml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-05", text), encoding="utf-8")
    assert load_params(path).train.learning_rate == 1e-5


def test_file_that_is_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="is not here: run from the top"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("data: [", encoding="utf-8")
    with pytest.raises(ParamsError, match="is not YAML"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"params\.yaml: the whole is None"):
        load_params(tmp_path / "params.yaml")


def test_network_that_is_not_there(params: Params) -> None:
    with pytest.raises(ParamsError, match="no 'huge' there, only small, medium, large"):
        params.network("conv1_linear1", "huge")
