"""Where in the grid a script stands: its command line."""

import argparse

from mnist_cnn.grid import Network
from mnist_cnn.params import Params, load_params


def read_place(description: str) -> tuple[Params, Network]:
    """Reads `--model` and `--kernel` from the command line, and looks the rest up in params.yaml."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="a key of `models` in params.yaml")
    parser.add_argument("--kernel", required=True, help="a key of `kernels` in params.yaml")
    place = parser.parse_args()
    params = load_params()
    return params, params.network(place.model, place.kernel)
