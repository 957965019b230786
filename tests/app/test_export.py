"""The exported network: its graph computes what PyTorch computes, and its files have the same bytes."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from compare import describe_choice
from export import MAX_LOGIT_DIFFERENCE, check_agreement, onnx_logits
from mnist_cnn.core.command import UserError
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation, load_test_images, load_training_set
from mnist_cnn.core.mnist import CLASS_NAMES
from mnist_cnn.core.params import Params, Recipe, load_params
from mnist_cnn.core.paths import EXPORT, PARAMS, PLOTS, PREPARED
from mnist_cnn.documents import Agreement, Choice
from mnist_cnn.learning.network import build_network, load_network, predict_logits
from mnist_cnn.learning.results import Weights
from mnist_cnn.onnx_graph import IR_VERSION, OPSET, build_graph
from tests.support.digits import make_images, write_study
from tests.support.repositories import TOP, run_python, tree
from tests.support.studies import sample

NORMALISATION = Normalisation(mean=33.3, std=78.6)
GRID = load_params(TOP / PARAMS).networks()
EDGES = (
    Network("one_pixel", "tiny", 1, (3,), ()),
    Network("to_one_pixel", "large", 7, (8, 8, 8, 8), ()),  # 28, 14, 7, 3, 1
    Network("deep", "huge", 27, (4, 4), (16, 16, 16)),
)


def random_weights(network: Network) -> Weights:
    """Draws weights larger than at the start of training, and biases too, which start at 0."""
    generator = torch.Generator().manual_seed(len(network.name))
    model = build_network(network, generator)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.uniform_(parameter, -1, 1, generator=generator)
    return {name: 2 * tensor.contiguous().numpy() for name, tensor in model.state_dict().items()}


def graph(network: Network) -> onnx.ModelProto:
    return build_graph(network, random_weights(network), NORMALISATION, "KMNIST", CLASS_NAMES["KMNIST"])


@pytest.mark.parametrize("network", [*GRID, *EDGES], ids=lambda network: network.name)
def test_graph_computes_what_pytorch_computes(network: Network) -> None:
    model = graph(network)
    onnx.checker.check_model(model, full_check=True)
    session, pixels = InferenceSession(model.SerializeToString()), make_images(10).pixels
    module = load_network(network, random_weights(network))
    expected = predict_logits(module, torch.from_numpy(pixels), NORMALISATION)
    assert expected.std(0).min() > 0.05  # the logits depend on the image
    for batch in (pixels, pixels[:1]):
        logits, probabilities = map(torch.from_numpy, session.run(None, {"pixels": batch}))
        torch.testing.assert_close(logits, expected[: len(batch)], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(probabilities, expected[: len(batch)].softmax(1), rtol=1e-4, atol=1e-6)


def test_graph_describes_its_input_and_its_outputs() -> None:
    model = graph(GRID[0])
    assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET)
    values = [*model.graph.input, *model.graph.output]
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in values
    }
    assert shapes == {"pixels": ["n", 28, 28], "logits": ["n", 10], "probabilities": ["n", 10]}
    types = [onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) for value in values]
    assert types == ["UINT8", "FLOAT", "FLOAT"]
    metadata = {one.key: one.value for one in model.metadata_props}
    assert json.loads(metadata.pop("classes")) == list(CLASS_NAMES["KMNIST"])
    assert metadata == {"network": GRID[0].name, "dataset": "KMNIST"}


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ([[1, 2], [4, 4.0001]], "predict 1 of 2 labels differently"),
        ([[1, 2], [4, 3 + 1.1 * MAX_LOGIT_DIFFERENCE]], "0 of 2 labels .* a logit is 1.1e-03: must be"),
        ([[1, np.nan], [4, 3]], "0 of 2 labels .* a logit is nan: must be"),
    ],
)
def test_agreement_allows_only_rounding(
    other: list[list[float]], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = np.array([[1, 2], [4, 3]], np.float32)
    check_agreement(ours, ours + np.float32(1e-5))
    assert capsys.readouterr().out.endswith("a logit is 1.0e-05\n")
    with pytest.raises(UserError, match=found):
        check_agreement(ours, np.array(other, np.float32))


# The script


def export(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(folder, TOP / "src/export.py", *options, **environment)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A study of few images after `export`, which needs no params.yaml if it exports the choice."""
    folder = tmp_path_factory.mktemp("export")
    train = write_study(folder, params).train
    (folder / PARAMS).unlink()
    recipe = Recipe(**train.model_dump(include=set(Recipe.model_fields)))
    summary = sample().summary.model_copy(update={"recipe": recipe})
    describe_choice(summary, params).write(folder / PLOTS / "choice.json")
    done = export(folder, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_export_by_name_gives_the_same_files(study: Path, tmp_path: Path, params: Params) -> None:
    chosen = Choice.read(study / PLOTS / "choice.json")
    write_study(tmp_path, params)
    names = "--model", chosen.model, "--kernel", chosen.kernel
    done = export(tmp_path, *names, OMP_NUM_THREADS="4")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "exports" / chosen.network.name) == tree(study / EXPORT)


@pytest.mark.slow
def test_agreement_describes_these_files(study: Path) -> None:
    agreement, test = Agreement.read(study / EXPORT / "agreement.json"), load_test_images(study / PREPARED)
    model = (study / EXPORT / "model.onnx").read_bytes()
    correct = int((onnx_logits(model, test.pixels).argmax(1) == test.labels).sum())
    assert agreement.correct == correct > 150
    assert agreement.images == 200
    assert agreement.bytes == {path.name: path.stat().st_size for path in (study / EXPORT).glob("model.*")}
    tensors = onnx.load_from_string(model).graph.initializer
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}
    normalisation = load_training_set(study / PREPARED).normalisation
    assert arrays["mean"] == np.float32(normalisation.mean)
    assert arrays["std"] == np.float32(normalisation.std)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / PARAMS).write_bytes((TOP / PARAMS).read_bytes())
    done = export(tmp_path, "--model", "../conv9", "--kernel", "small")
    assert done.returncode == 1
    assert re.fullmatch(r"error: params\.yaml: .*'\.\./conv9'.* conv1_linear1, .*\n", done.stderr), (
        done.stderr
    )
    assert export(tmp_path, "--model", "conv1_linear1").returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == [PARAMS.name]
