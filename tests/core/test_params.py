"""params.yaml: the grid of networks, and one line about each mistake that says what is allowed."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnist_cnn.core.params import Params, ParamsError, load_params, training_steps
from mnist_cnn.core.params_file import MAX_BYTES
from tests.support.params import set_keys
from tests.support.repositories import TOP

CONV, HIDDEN = "models.conv1_linear1.conv_channels", "models.conv1_linear1.hidden_units"
MANY_MODELS = {f"m{units}": {"conv_channels": [8], "hidden_units": [units]} for units in range(1, 102)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(TOP / "params.yaml", tmp_path))


def refusal(path: Path) -> str:
    """Returns the message about a file that is refused, without the name of the file."""
    with pytest.raises(ParamsError) as error:
        load_params(path)
    message = str(error.value)
    assert all(line.startswith(str(path)) for line in message.splitlines())
    return message.removeprefix(str(path))


def test_the_grid_is_every_model_with_every_kernel(params: Params) -> None:
    networks = params.networks()
    assert [one.name for one in networks] == [f"{m}-{k}" for m in params.models for k in params.kernels]
    assert networks[1].path == "conv1_linear1/medium"
    assert networks[1].kernel_size == params.kernels["medium"]
    assert networks[-1].conv_layers == len(networks[-1].conv_channels)
    assert networks[-1].linear_layers == len(networks[-1].hidden_units) + 1


def test_a_network_that_is_not_in_the_grid(params: Params) -> None:
    with pytest.raises(
        ParamsError, match=r"^params.yaml: 'huge' is unknown, must be one of small, medium, large$"
    ):
        params.network("conv1_linear1", "huge")


def test_training_may_have_as_few_steps_as_points_and_a_warmup_that_leaves_two(path: Path) -> None:
    set_keys(path, {"train.epochs": 0.01024, "train.warmup": 0.75})  # 8 steps, 2 of them after the warm-up
    assert training_steps(load_params(path).train, 50_000) == load_params(path).train.curve_points == 8


def test_criteria_are_those_of_the_chosen_data_set(path: Path) -> None:
    targets = {"MNIST": 0.5, "FashionMNIST": 0.6, "KMNIST": 0.7}
    set_keys(path, {"data.dataset": "FashionMNIST", "compare.target_accuracy": targets})
    criteria = load_params(path).criteria
    assert (criteria.target_accuracy, criteria.margin, criteria.confidence) == (0.6, 0.002, 0.95)


@pytest.mark.parametrize(
    ("key", "allowed", "refused"),
    [
        ("data.dataset", ["KMNIST"], ["CIFAR10", None]),
        ("data.folds", [2, 60], [1, 61, 2.5]),
        ("data.seed", [0, 2**32 - 1], [-1, 2**32]),
        ("kernels", [{"a": 3}], [{}, None]),
        ("kernels.small", [1, 27], [-1, 0, 29]),
        ("models", [dict(list(MANY_MODELS.items())[:100])], [{}, MANY_MODELS]),
        ("models.conv1_linear1", [], [None]),
        (CONV, [[1], [256], [8] * 4], [[], [0], [257], [8] * 5, [10**12], "64"]),
        (HIDDEN, [[], [1], [4096], [8] * 8], [[0], [4097], [8] * 9, "64"]),
        ("train.seeds", [list(range(100)), [2**32 - 1]], [[], list(range(101)), [-1], [2**32], [3, 3]]),
        ("train.folds", [[0], [5, 0]], [[], [-1], [0, 6], [1, 1]]),
        ("train.epochs", [1000, 0.5], [0, 1000.1, "many", True, float("nan"), float("inf"), 0.001]),
        ("train.batch_size", [1, 1024], [0, 1025, 2.5]),
        ("train.learning_rate", [1, 1e-9], [0, 1.01]),
        ("train.warmup", [0.001, 0.999], [0, 1, 0.0001, 0.9999]),
        ("train.curve_points", [8, 1000], [7, 1001, 10**18]),
        ("train.curve_images", [1, 10_000], [0, 10_001]),
        ("compare.margin", [1e-9, 0.999], [0, 1]),
        ("compare.confidence", [0.5, 0.999], [0.49, 0.9991]),
        ("compare.target_accuracy.KMNIST", [0.9999], [1, 98]),
    ],
)
def test_values_at_and_beyond_their_limits(
    path: Path, key: str, allowed: list[Any], refused: list[Any]
) -> None:
    fold = {"train.folds": [0], "train.curve_images": 1} if key == "data.folds" else {}
    for value in allowed:
        set_keys(path, fold | {key: value})
        load_params(path)
    for value in refused:
        set_keys(path, fold | {key: value})
        line = refusal(path)
        assert re.match(rf": {key}(\.\d+)? is .{{1,90}}: must (be|have|not) ", line), line
        assert "\n" not in line


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train.momentum", 0.9, ": train.momentum is unknown"),
        ("train.epochs", ..., ": train.epochs is missing"),
        ("compare.target_accuracy.FashionMNIST", ..., ": compare.target_accuracy.FashionMNIST is missing"),
        ("train.folds", [0, 6], ": train.folds is 6: must be below data.folds"),
        ("train.epochs", 0.001, ": train.epochs is 0.001: must be enough for 8 steps"),
        ("train.epochs", 0.0128, ": train.warmup is 0.1: must be at least 2 of the 10 steps"),
        ("train.warmup", 0.9999, ": train.warmup is 0.9999: must be 2 of 2344 steps below 1 or less"),
        ("kernels.small", 7, ": kernels: small and large have the same value or name"),
    ],
)
def test_the_line_says_what_is_wrong(path: Path, key: str, value: Any, line: str) -> None:
    set_keys(path, {key: value})
    assert refusal(path) == line


def test_every_mistake_is_listed_up_to_a_limit(path: Path) -> None:
    set_keys(path, {"train.learning_rate": -1, "kernels.small": 2})
    first, second = refusal(path).splitlines()
    assert first == ": kernels.small is 2: must be odd (an even kernel shifts the image by half a pixel)"
    assert second.startswith(f"{path}: train.learning_rate is -1: must be ")
    set_keys(path, {f"x{index}": 0 for index in range(30)})
    lines = refusal(path).splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"{path}: 32 mistakes in all"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("folds:", "folds: 6\n  folds:", " is not valid YAML: 'folds' is given twice"),
        ("seed: 0", "seed: *zero", " is not valid YAML: an alias (*name) is not allowed"),
        ("seed: 0", "seed: !!int 0", " is not valid YAML: a tag (tag:yaml.org,2002:int) is not allowed"),
        ("seed: 0", "seed: 'x", " is not valid YAML: while scanning a quoted scalar in"),
        ("seed: 0", f"seed: {'[' * 11}", " is not valid YAML: nested too deeply"),
        ("epochs: 3 ", f"epochs: {'x' * 200} ", f": train.epochs is '{'x' * 79}…: must be"),
    ],
)
def test_what_yaml_allows_and_params_do_not(path: Path, old: str, new: str, line: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert refusal(path).startswith(line)


def test_numbers_are_those_of_yaml_1_2(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-05", text), encoding="utf-8")
    assert load_params(path).train.learning_rate == 1e-5


def test_a_missing_file_a_file_without_keys_and_a_file_at_the_limit(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text + b"#" * (MAX_BYTES - len(text)))
    load_params(path)
    path.write_bytes(text + b"#" * (MAX_BYTES - len(text) + 1))
    assert refusal(path) == " is larger than 30,000 bytes"
    path.write_text("5", encoding="utf-8")
    assert refusal(path).startswith(": its content is 5: must be ")
    path.unlink()
    assert refusal(path) == " is not here: run from the top of the repository"


NAMES = [
    *("../x", "/tmp/x", "a/b", "a\\b", "~", ".", "..", "a.", "a ", " a", "", "x" * 300, "x" * 41, "1a", "_a"),
    *("a;b", "$(x)", "`x`", "a|b", "a>b", "a&b", "a b", "a\nb", "a\0b", "--model", "a-b", "a'b", 'a"b'),
    *("${x}", "%x%", "аbc", "ｍodel", "ﬁve", "a\u200b", "a\u0301", "é"),
    *("CON", "con", "Nul", "aux", "PRN", "com1", "LPT9"),
    *(3, None, True),
]


@pytest.mark.parametrize("section", ["kernels", "models"])
def test_hostile_names_are_refused(section: str, path: Path) -> None:
    """Names that are paths outside the directory, or shell commands."""
    text = path.read_text(encoding="utf-8")

    def load(name: object) -> Params:
        content = yaml.safe_load(text)
        content[section][name] = 9 if section == "kernels" else {"conv_channels": [3], "hidden_units": []}
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return load_params(path)

    assert "x" * 40 in getattr(load("x" * 40), section)
    for name in NAMES:
        with pytest.raises(ParamsError, match=f"params.yaml: {section}: the name "):
            load(name)
