"""Mistakes in params.yaml are refused in a line that says what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnist_cnn.core.params import Params, ParamsError, load_params, training_steps
from mnist_cnn.core.params_file import MOST_BYTES
from tests.support.repositories import TOP

CONV = "models/conv1_linear1/conv_channels"
HIDDEN = "models/conv1_linear1/hidden_units"


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


def refusal(path: Path) -> str:
    """Returns what is said of a file that is refused."""
    with pytest.raises(ParamsError) as refused:
        load_params(path)
    return str(refused.value)


def test_grid_is_every_model_with_every_kernel(params: Params) -> None:
    networks = params.networks()
    assert [one.name for one in networks] == [f"{m}-{k}" for m in params.models for k in params.kernels]
    assert networks[1].path == "conv1_linear1/medium"
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
        ("train/epochs", 1e9, "train.epochs is 1000000000.0: must be less than or equal to 1000"),
        ("train/epochs", 0.001, "train.epochs is 0.001: must be enough for "),
        ("train/epochs", 0.0128, ": must be at least 2 of the "),
        ("train/warmup", 0.9999, "train.warmup is 0.9999: must be 2 of "),
        ("train/batch_size", 2.5, "train.batch_size is 2.5: must be a valid integer"),
        ("train/batch_size", 60_000, "train.batch_size is 60000: must be less than or equal to 1024"),
        ("train/learning_rate", -0.1, "train.learning_rate is -0.1: must be greater than 0"),
        ("train/seeds", [], "train.seeds is []: must have at least 1 item"),
        ("train/seeds", [-1], "train.seeds.0 is -1: must be greater than or equal to 0"),
        ("train/seeds", [3, 3], "train.seeds is [3, 3]: must name each once"),
        ("train/folds", [0, 6], "train.folds is 6: must be below data.folds"),
        ("train/folds", [1, 1], "train.folds is [1, 1]: must name each once"),
        ("train/numerics", "fast", "train.numerics is 'fast': must be 'portable' or 'native'"),
        ("train/curve_points", 10**18, "train.curve_points is 1000000000000000000: must be less than or"),
        ("train/curve_images", 10_001, "train.curve_images is 10001: must be at most 10000"),
        ("kernels", {}, "kernels is {}: must have at least 1 item"),
        ("kernels", {3: 3, 5: 5}, "kernels: the name 3 must be a letter"),
        ("kernels/small", 4, "kernels.small is 4: must be odd"),
        ("kernels/small", 0, "kernels.small is 0: must be greater than or equal to 1"),
        ("kernels/small", 29, "kernels.small is 29: must be less than 28"),
        ("kernels/small", 7, "kernels: small and large are the same"),
        ("kernels/very-small", 9, "the name 'very-small' must be a letter followed by at most 39 letters"),
        ("kernels/very.small", 9, "the name 'very.small' must be a letter"),
        ("kernels/x; true", 9, "the name 'x; true' must be a letter"),
        ("models", {}, "models is {}: must have at least 1 item"),
        ("models/conv1_linear1", None, "models.conv1_linear1 is None: must be"),
        (CONV, [], "models.conv1_linear1.conv_channels is []: must have at least 1 item"),
        (CONV, [8] * 5, "models.conv1_linear1.conv_channels is [8, 8, 8, 8, 8]: must have at most 4"),
        (CONV, [0], "models.conv1_linear1.conv_channels.0 is 0: must be greater"),
        (CONV, [10_000_000], "conv_channels.0 is 10000000: must be less than or equal to 256"),
        (HIDDEN, [10**12], "hidden_units.0 is 1000000000000: must be less than or equal to 4096"),
        (HIDDEN, "64", "models.conv1_linear1.hidden_units is '64': must be"),
        ("data/dataset", "CIFAR10", "data.dataset is 'CIFAR10': must be 'MNIST'"),
        ("data/folds", 1, "data.folds is 1: must be greater than or equal to 2"),
        ("compare/margin", 0, "compare.margin is 0: must be greater than 0"),
        ("compare/target_accuracy/MNIST", 98, "compare.target_accuracy.MNIST is 98: must be less than 1"),
        ("compare/target_accuracy", {"MNIST": 0.9, "KMNIST": 0.9}, "target_accuracy.FashionMNIST is missing"),
        ("compare/target_accuracy/CIFAR10", 0.9, "compare.target_accuracy.CIFAR10 is unknown"),
        ("kernels/Nul", 9, "kernels: the name 'Nul' is Windows' own"),
    ],
)
def test_mistake_is_one_line(tmp_path: Path, key: str, value: Any, line: str) -> None:
    path = changed(tmp_path, key, value)
    said = refusal(path)
    assert said.startswith(f"{path}: ")
    assert line in said
    assert "\n" not in said


def test_every_mistake_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "train/learning_rate", -1)
    path.write_text(path.read_text(encoding="utf-8").replace("small: 3", "small: 2"), encoding="utf-8")
    assert len(refusal(path).splitlines()) == 2


def test_number_that_only_new_yaml_knows(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = (TOP / "params.yaml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-05", text), encoding="utf-8")
    assert load_params(path).train.learning_rate == 1e-5


def test_file_that_is_missing(tmp_path: Path) -> None:
    assert "is not here: run from the top" in refusal(tmp_path / "params.yaml")


def test_network_that_is_not_there(params: Params) -> None:
    with pytest.raises(ParamsError, match="no 'huge' there, only small, medium, large"):
        params.network("conv1_linear1", "huge")


def test_steps_are_batches_of_the_training_images(params: Params) -> None:
    train = params.train.model_copy(update={"epochs": 2.5, "batch_size": 64})
    assert training_steps(train, 50_000) == 1953


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("data/folds", 2, 1),
        ("data/folds", 60, 61),
        ("data/seed", 0, -1),
        ("data/seed", 2**32 - 1, 2**32),
        ("kernels/small", 1, -1),
        ("kernels/small", 27, 29),
        (CONV, [1], [0]),
        (CONV, [256], [257]),
        (CONV, [8] * 4, [8] * 5),
        (HIDDEN, [1], [0]),
        (HIDDEN, [4096], [4097]),
        (HIDDEN, [8] * 8, [8] * 9),
        ("train/seeds", list(range(100)), list(range(101))),
        ("train/epochs", 1000, 1000.1),
        ("train/batch_size", 1, 0),
        ("train/batch_size", 1024, 1025),
        ("train/learning_rate", 1, 1.01),
        ("train/curve_points", 8, 7),
        ("train/curve_points", 1000, 1001),
        ("train/curve_images", 1, 0),
        ("train/curve_images", 10_000, 10_001),
        ("compare/margin", 0.999, 1),
        ("compare/margin", 1e-9, 0),
        ("compare/confidence", 0.5, 0.49),
        ("compare/confidence", 0.999, 0.9991),
        ("compare/target_accuracy/KMNIST", 0.9999, 1),
    ],
)
def test_borders(tmp_path: Path, key: str, inside: Any, outside: Any) -> None:
    for value in (inside, outside):
        path = changed(tmp_path, key, value)
        text = path.read_text(encoding="utf-8")
        one_fold = re.sub(r"  folds:\n(  - \d\n)+", "  folds: [0]\n", text)
        path.write_text(one_fold if key == "data/folds" else text, encoding="utf-8")
        if value is inside:
            load_params(path)
        else:
            assert key.split("/")[-1] in refusal(path)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("folds:", "folds: 6\n  folds:", " is not YAML of ours: 'folds' is there twice"),
        ("seed: 0", "seed: *zero", " is not YAML of ours: an alias (*name) is not allowed"),
        ("seed: 0", "seed: !!int 0", " is not YAML of ours: a tag (tag:yaml.org,2002:int) is not allowed"),
        ("seed: 0", "seed: 'x", " is not YAML of ours: while scanning a quoted scalar in"),
        ("seed: 0", "5: 0\n  seed: 0", ": data.5 is unknown"),
        ("epochs: 3 ", f"epochs: {'x' * 200} ", f": train.epochs is '{'x' * 79}…: must be a valid number"),
        ("  - 5\n", "  - 7\n", ": train.folds is 7: must be below data.folds"),
    ],
)
def test_line_says_what_is_wrong(tmp_path: Path, old: str, new: str, line: str) -> None:
    path, text = tmp_path / "params.yaml", (TOP / "params.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    said = refusal(path)
    assert said.startswith(f"{path}{line}")
    assert said == f"{path}{line}" or line.endswith(" in")  # and where


def test_a_whole_that_is_no_mapping_and_a_file_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("5", encoding="utf-8")
    assert refusal(path).startswith(f"{path}: the whole is 5: must be ")
    text = (TOP / "params.yaml").read_bytes()
    path.write_bytes(text + b"#" * (MOST_BYTES - len(text)))
    load_params(path)
    path.write_bytes(text + b"#" * (MOST_BYTES - len(text) + 1))
    assert refusal(path) == f"{path} is larger than 30,000 bytes"
