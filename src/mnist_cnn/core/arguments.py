"""The command line of `train` and `evaluate`: one network of the grid."""

import argparse

from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Params, load_params


def read_arguments(description: str) -> tuple[Params, Network]:
    """Reads `--model` and `--kernel` from the command line, and their values from params.yaml."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="a key of `models` in params.yaml")
    parser.add_argument("--kernel", required=True, help="a key of `kernels` in params.yaml")
    arguments = parser.parse_args()
    params = load_params()
    return params, params.network(arguments.model, arguments.kernel)
