"""Where each stage keeps its files, relative to the top of the repository."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")

DATA = Path("data")
RAW = DATA / "raw"
PREPARED = DATA / "prepared"
WEIGHTS = DATA / "weights"
TRAINING = DATA / "training"
TIMING = DATA / "timing"
EVALUATION = DATA / "evaluation"
EXPORT = DATA / "export"

METRICS = Path("metrics")
PLOTS = Path("plots")
REPORT = Path("report")
FIGURES = REPORT / "figures"


def raw_directory(dataset: str) -> Path:
    """Returns the directory in which torchvision looks for the files of a data set."""
    return RAW / dataset / "raw"


def weights_file(seed: int, fold: int) -> str:
    """Returns the name of a run's weights, in the directory of the network."""
    return f"seed{seed}_fold{fold}.safetensors"
