"""The exported network: its graph is PyTorch's, its files always the same, and its card says what it is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession
from statsmodels.stats.proportion import proportion_confint

from card import render_card, wilson
from compare import to_take
from export import MOST_DIFFERENCE, check_agreement, onnx_logits
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import load_test_images, load_training_set
from mnist_cnn.evaluation import load_network
from mnist_cnn.core.files import read_json, write_json
from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import DATASETS
from mnist_cnn.learning.network import build_network
from mnist_cnn.onnx_graph import IR_VERSION, OPSET, build_graph
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EXPORT, PLOTS, PREPARED
from mnist_cnn.learning.training import Weights, predict
from tests.support.digits import make_images, write_study
from tests.support.studies import CASES, sample
from tests.support.repositories import ENVIRONMENT, TOP
from tests.support.sentences import CODES, NAME, sentences

MEAN, STD = 33.3, 78.6
GRID = load_params(TOP / "params.yaml").networks()
EDGES = (
    Network("one_pixel", "tiny", 1, (3,), ()),
    Network("to_one_pixel", "large", 7, (8, 8, 8, 8), ()),  # 28, 14, 7, 3, 1
    Network("deep", "huge", 27, (4, 4), (16, 16, 16)),
)
FILES = ("agreement.json", "model.onnx", "model.safetensors")


def random_weights(network: Network) -> Weights:
    """Draws weights larger than at the start of training, and biases too, which start at 0."""
    generator = torch.Generator().manual_seed(len(network.name))
    model = build_network(network, generator)
    for name, parameter in model.named_parameters():
        torch.nn.init.uniform_(parameter, -1, 1, generator=generator) if name.endswith("bias") else None
    return {name: 2 * tensor.contiguous().numpy() for name, tensor in model.state_dict().items()}


def graph(network: Network) -> onnx.ModelProto:
    return build_graph(network, random_weights(network), MEAN, STD, "KMNIST", DATASETS["KMNIST"].classes)


@pytest.mark.parametrize("network", [*GRID, *EDGES], ids=lambda network: network.name)
def test_graph_is_pytorchs_network(network: Network) -> None:
    model = graph(network)
    onnx.checker.check_model(model, full_check=True)
    session, pixels = InferenceSession(model.SerializeToString()), make_images(10).pixels
    expected = predict(load_network(network, random_weights(network)), torch.from_numpy(pixels), MEAN, STD)
    assert expected.std(0).min() > 0.05  # pictures matter
    for batch in (pixels, pixels[:1]):
        logits, probabilities = map(torch.from_numpy, session.run(None, {"pixels": batch}))
        torch.testing.assert_close(logits, expected[: len(batch)], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(probabilities, expected[: len(batch)].softmax(1), rtol=1e-4, atol=1e-6)


def test_graph_says_what_goes_in_and_comes_out() -> None:
    model = graph(GRID[0])
    ends = [*model.graph.input, *model.graph.output]
    shapes = {
        end.name: [size.dim_param or size.dim_value for size in end.type.tensor_type.shape.dim]
        for end in ends
    }
    assert shapes == {"pixels": ["n", 28, 28], "logits": ["n", 10], "probabilities": ["n", 10]}
    kinds = [onnx.TensorProto.DataType.Name(end.type.tensor_type.elem_type) for end in ends]
    assert kinds == ["UINT8", "FLOAT", "FLOAT"]
    assert [one.version for one in model.opset_import] == [OPSET]
    assert model.ir_version == IR_VERSION
    told = {one.key: one.value for one in model.metadata_props}
    assert told.pop("classes") == json.dumps(["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"])
    assert told == {"network": GRID[0].name, "dataset": "KMNIST"}


def test_versions_are_of_one_release_of_onnx() -> None:
    """IR version and opset as ONNX published them together, so that readers of that age read both."""
    assert (IR_VERSION, OPSET) in {row[1:3] for row in onnx.helper.VERSION_TABLE}


def test_graph_has_the_same_bytes_each_time() -> None:
    first, again = (graph(GRID[-1]).SerializeToString() for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ([[1, 2], [4, 4.0001]], "1 of 2 labels"),
        ([[1, 2], [4, 3 + 1.1 * MOST_DIFFERENCE]], "0 of 2 labels and by 1.1e-03 in a logit"),
        ([[1, np.nan], [4, 3]], "0 of 2 labels and by nan in a logit"),
    ],
)
def test_agreement_allows_rounding_alone(
    other: list[list[float]], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = np.array([[1, 2], [4, 3]], np.float32)
    check_agreement(ours, ours + np.float32(1e-5))
    assert "0 of 2 labels and by 1.0e-05 in a logit" in capsys.readouterr().out
    with pytest.raises(UserError, match=found):
        check_agreement(ours, np.array(other, np.float32))


# The script


def export(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, TOP / "src/export.py", *options]
    return subprocess.run(
        words, cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False
    )


def choice(params: Params, shown: bool = True, case: str = "usual") -> dict[str, Any]:
    """Makes plots/choice.json of a study."""
    facts = sample(case).summary
    name = facts["chosen"] or facts["most_accurate"]
    network = next(one for one in params.networks() if one.name == name)
    return json.loads(json.dumps(to_take(network, shown, params)))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A study of few images, and what `export` made of its choice without params.yaml."""
    folder = tmp_path_factory.mktemp("export")
    choices = write_study(folder, params)
    write_json(folder / PLOTS / "choice.json", choice(choices))
    (folder / "params.yaml").rename(folder / "params.later")
    done = export(folder, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    (folder / "params.later").rename(folder / "params.yaml")
    return folder


@pytest.mark.slow
def test_export_is_the_same_by_name_and_with_other_numerics(study: Path) -> None:
    chosen = read_json(study / PLOTS / "choice.json")
    text = (study / "params.yaml").read_text(encoding="utf-8")
    (study / "params.yaml").write_text(text.replace("portable", "native"), encoding="utf-8")
    names = "--model", chosen["model"], "--kernel", chosen["kernel"]
    done = export(study, *names, "--to", "mine/too", OMP_NUM_THREADS="4")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (study / "mine/too").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (study / "mine/too" / name).read_bytes() == (study / EXPORT / name).read_bytes(), name


@pytest.mark.slow
def test_agreement_is_of_exactly_these_files(study: Path) -> None:
    agreement, test = read_json(study / EXPORT / "agreement.json"), load_test_images(study / PREPARED)
    model = (study / EXPORT / "model.onnx").read_bytes()
    right = int((onnx_logits(model, test.pixels).argmax(1) == test.labels).sum())
    assert agreement["correct"] == right > 150
    assert agreement["images"] == agreement["labels_equal"] == 200
    sizes = {name: (study / EXPORT / name).stat().st_size for name in FILES if name.startswith("model")}
    assert agreement["bytes"] == sizes
    arrays = {
        one.name: onnx.numpy_helper.to_array(one) for one in onnx.load_from_string(model).graph.initializer
    }
    data = load_training_set(study / PREPARED)
    assert (arrays["mean"], arrays["std"]) == (np.float32(data.mean), np.float32(data.std))


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((TOP / "params.yaml").read_bytes())
    done = export(tmp_path, "--model", "../conv9", "--kernel", "small")
    assert done.returncode == 1
    assert re.fullmatch(r"error: params\.yaml: no '\.\./conv9' there, only conv1_linear1, .*\n", done.stderr)
    assert export(tmp_path, "--model", "conv1_linear1").returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


# The card

AGREEMENT = {
    "opset": OPSET,
    "ir_version": IR_VERSION,
    "images": 10_000,
    "labels_equal": 10_000,
    "logits_differ_by_less_than": MOST_DIFFERENCE,
    "correct": 9_876,
    "bytes": {"model.onnx": 123_456, "model.safetensors": 98_765},
}


def card(case: str = "usual", dataset: str = "") -> str:
    one, dataset = sample(case), dataset or CASES[case].data.dataset
    chosen = choice(CASES[case], one.summary["chosen"] is not None, case)
    agreement = AGREEMENT | {"network": f"{chosen['model']}-{chosen['kernel']}", "dataset": dataset}
    facts = one.summary | {"classes": DATASETS[dataset].classes}
    return render_card(agreement, chosen, one.networks, facts)


@pytest.mark.parametrize("case", CASES)
def test_card_reads_well(case: str) -> None:
    text = re.sub(r"```.*?```\n\n", "", card(case), flags=re.DOTALL)
    words = {one: len(re.findall(r"[^\W\d_]{2,}", one)) for one in sentences(text)}
    assert max(words.values()) <= 25, max(words, key=words.__getitem__)
    assert not CODES.search(re.sub(NAME, "", text)), CODES.search(text)
    assert not re.search(r"  |\n\n\n| \.|\.\.| ,|,\.|\( |\[\]", text.replace("| |", "|"))


def test_card_has_the_numbers() -> None:
    text, row = (
        card().replace("\u00a0", " "),
        sample().networks.set_index("network").loc["conv2_linear2-medium"],
    )
    low, high = proportion_confint(9_876, 10_000, 0.05, method="wilson")
    assert f"**98.76 %** [{100 * low:.2f},{100 * high:.2f}]" in text.replace(", ", ",")
    assert f"{100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}]" in text
    for number in (row.multiply_accumulates, row.parameters, 123_456, 98_765):
        assert f"{number:,}" in text
    assert "agree in 10,000 of 10,000 test images. No logit differs by 0.001 or more." in text


def test_card_says_how_sure_the_choice_is() -> None:
    assert "the least work among the good enough" in card()
    assert f"% name {sample().summary['in_set'][0]}" in card()
    assert "so few runs give no measure of chance" in card("one fold")


def test_card_says_where_no_network_is_shown() -> None:
    for case in ("none chosen", "one fold"):
        assert "No network of the study is shown good enough. This is the most accurate one" in card(case)
        assert "least work" not in card(case)
    assert "No network of the study" not in card()


@pytest.mark.parametrize("dataset", DATASETS)
def test_card_names_classes_and_licence(dataset: str) -> None:
    assert ", ".join(DATASETS[dataset].classes) in card(dataset=dataset)
    licences = {"MNIST": "CC BY-SA 3.0", "FashionMNIST": "MIT", "KMNIST": "CC BY-SA 4.0"}
    assert re.search(rf"Its licence: {licences[dataset]}\b", card(dataset=dataset))


@pytest.mark.parametrize(("right", "images"), [(0, 10), (10, 10), (9_912, 10_000), (3, 7)])
def test_interval_is_wilsons(right: int, images: int) -> None:
    for confidence in (0.95, 0.99):
        oracle = proportion_confint(right, images, 1 - confidence, method="wilson")
        assert wilson(right, images, confidence) == pytest.approx(oracle, abs=1e-12)


def test_card_needs_no_torch() -> None:
    line = "import sys, card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], cwd=TOP / "src", check=False).returncode == 0
