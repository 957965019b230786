"""Where each stage keeps its files, relative to the top of the repository."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")

DATA = Path("data")
RAW = DATA / "raw" / "MNIST" / "raw"
PREPARED = DATA / "prepared"
WEIGHTS = DATA / "weights"
TRAINING = DATA / "training"
EVALUATION = DATA / "evaluation"

METRICS = Path("metrics")
PLOTS = Path("plots")
REPORT = Path("report")
