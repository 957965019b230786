"""A trained network as an ONNX graph that takes raw pixels: its layers one by one, without PyTorch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from mnist_cnn.grid import Network
from mnist_cnn.mnist import CLASSES, IMAGE_SIZE

OPSET, IR_VERSION = 13, 7  # ONNX 1.8 of 2020: ONNX Runtime since 1.6, and quantizers want no less

Arrays = Mapping[str, NDArray[Any]]
Step = tuple[str, str, Arrays, dict[str, Any]]  # operator, its output, arrays that go in too, attributes


def build_graph(
    network: Network, weights: Arrays, mean: float, std: float, dataset: str, classes: Sequence[str]
) -> ModelProto:
    """Writes a network as ONNX; the same arguments give the same bytes.

    Args:
        network: Its layers.
        weights: float32, by the names of the state_dict of `network.build_network`.
        mean: Mean of all training pixels, on the scale 0 to 255.
        std: Their standard deviation, on the same scale.
        dataset: What it was trained on.
        classes: What the ten outputs stand for.

    Returns:
        A model from `pixels`, uint8 of shape (n, 28, 28), 0 for paper and 255 for ink, to `logits` and
        `probabilities`, float32 of shape (n, 10).
    """
    nodes, arrays, before = [], [], "pixels"
    for operator, output, held, attributes in _steps(network, weights, mean, std):
        nodes.append(helper.make_node(operator, [before, *held], [output], name=output, **attributes))
        arrays += [numpy_helper.from_array(array, name) for name, array in held.items()]
        before = output
    inputs = [_tensor("pixels", TensorProto.UINT8, IMAGE_SIZE, IMAGE_SIZE)]
    outputs = [_tensor(name, TensorProto.FLOAT, CLASSES) for name in ("logits", "probabilities")]
    graph = helper.make_graph(nodes, network.name, inputs, outputs, arrays)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="mnist-cnn")
    told = {"network": network.name, "dataset": dataset, "classes": json.dumps(list(classes))}
    helper.set_model_props(model, told)
    return model


def _steps(network: Network, weights: Arrays, mean: float, std: float) -> Iterator[Step]:
    """Yields what is done one after the other; a layer has the number that PyTorch gives it."""

    def held(*names: str) -> Arrays:
        return {name: weights[name] for name in names}

    size = network.kernel_size
    yield "Cast", "brightness", {}, {"to": TensorProto.FLOAT}
    yield "Sub", "centred", {"mean": np.array(mean, np.float32)}, {}
    yield "Div", "normalised", {"std": np.array(std, np.float32)}, {}
    yield "Unsqueeze", "images", {"channel": np.array([1], np.int64)}, {}
    first = 4 * network.conv_layers + 1
    for layer in range(0, first - 1, 4):
        same = {"kernel_shape": [size, size], "pads": [size // 2] * 4}
        yield "Conv", f"convolution{layer}", held(f"{layer}.weight"), same
        yield "MaxPool", f"pooled{layer + 1}", {}, {"kernel_shape": [2, 2], "strides": [2, 2]}
        yield "Add", f"biased{layer + 2}", held(f"{layer + 2}.bias"), {}
        yield "Relu", f"relu{layer + 3}", {}, {}
    yield "Transpose", "channels_last", {}, {"perm": [0, 2, 3, 1]}
    yield "Flatten", "features", {}, {}
    last = first + 2 * len(network.hidden_units)
    for layer in range(first, last, 2):
        yield "Gemm", f"linear{layer}", held(f"{layer}.weight", f"{layer}.bias"), {"transB": 1}
        yield "Relu", f"relu{layer + 1}", {}, {}
    yield "Gemm", "logits", held(f"{last}.weight", f"{last}.bias"), {"transB": 1}
    yield "Softmax", "probabilities", {}, {"axis": 1}


def _tensor(name: str, kind: int, *shape: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["n", *shape])
