"""A trained network as an ONNX graph whose input is raw pixels; it is built without PyTorch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation
from mnist_cnn.core.mnist import CLASSES, IMAGE_SIZE

OPSET, IR_VERSION = 13, 7  # ONNX 1.8, which ONNX Runtime reads since 1.6; quantizers require at least these

Arrays = Mapping[str, NDArray[Any]]
Step = tuple[str, str, Arrays, dict[str, Any]]  # operator, its output, its parameters, its attributes


def build_graph(
    network: Network, weights: Arrays, normalisation: Normalisation, dataset: str, classes: Sequence[str]
) -> ModelProto:
    """Converts a network to ONNX; the same arguments give the same bytes.

    Args:
        network: The layers.
        weights: float32, by the names of the state_dict of `learning.network.build_network`.
        normalisation: The normalisation of the training images.
        dataset: The name of the data set.
        classes: The names of the ten classes.

    Returns:
        A model from `pixels`, uint8 of shape (n, 28, 28), 0 for the background and 255 for ink, to `logits`
        and `probabilities`, float32 of shape (n, 10).
    """
    nodes, arrays, before = [], [], "pixels"
    for operator, output, parameters, attributes in _steps(network, weights, normalisation):
        nodes.append(helper.make_node(operator, [before, *parameters], [output], name=output, **attributes))
        arrays += [numpy_helper.from_array(array, name) for name, array in parameters.items()]
        before = output
    inputs = [_tensor("pixels", TensorProto.UINT8, IMAGE_SIZE, IMAGE_SIZE)]
    outputs = [_tensor(name, TensorProto.FLOAT, CLASSES) for name in ("logits", "probabilities")]
    graph = helper.make_graph(nodes, network.name, inputs, outputs, arrays)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="mnist-cnn")
    metadata = {"network": network.name, "dataset": dataset, "classes": json.dumps(list(classes))}
    helper.set_model_props(model, metadata)
    return model


def _steps(network: Network, weights: Arrays, normalisation: Normalisation) -> Iterator[Step]:
    """Yields the operators in their order; the names contain the index of the layer in PyTorch."""

    def parameters(*names: str) -> Arrays:
        return {name: weights[name] for name in names}

    size = network.kernel_size
    yield "Cast", "brightness", {}, {"to": TensorProto.FLOAT}
    yield "Sub", "centred", {"mean": np.array(normalisation.mean, np.float32)}, {}
    yield "Div", "normalised", {"std": np.array(normalisation.std, np.float32)}, {}
    yield "Unsqueeze", "images", {"channel": np.array([1], np.int64)}, {}
    for layer in network.conv_indices:
        same = {"kernel_shape": [size, size], "pads": [size // 2] * 4}
        yield "Conv", f"convolution{layer}", parameters(f"{layer}.weight"), same
        yield "MaxPool", f"pooled{layer + 1}", {}, {"kernel_shape": [2, 2], "strides": [2, 2]}
        yield "Add", f"biased{layer + 2}", parameters(f"{layer + 2}.bias"), {}
        yield "Relu", f"relu{layer + 3}", {}, {}
    yield "Transpose", "channels_last", {}, {"perm": [0, 2, 3, 1]}
    yield "Flatten", "features", {}, {}
    *hidden, last = network.linear_indices
    for layer in hidden:
        yield "Gemm", f"linear{layer}", parameters(f"{layer}.weight", f"{layer}.bias"), {"transB": 1}
        yield "Relu", f"relu{layer + 1}", {}, {}
    yield "Gemm", "logits", parameters(f"{last}.weight", f"{last}.bias"), {"transB": 1}
    yield "Softmax", "probabilities", {}, {"axis": 1}


def _tensor(name: str, kind: int, *shape: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["n", *shape])
