"""Whether networks that were trained again are those of the committed results."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

EXPORTED = {
    f"data/export/{name}" for name in ("agreement.json", "model.onnx", "model.safetensors", "README.md")
}
FOLDERS = ("weights", "training", "evaluation")  # below data/, of each network: all that repeats to the bit
COUNTS = ["validation_correct", "validation_images", "test_correct", "test_images"]
RUN = ["seed", "fold"]


def folders(place: str) -> set[str]:
    """Names the outputs of a network; its `place` is such as `conv1_linear1/small`."""
    return {f"data/{folder}/{place}" for folder in FOLDERS}


def hashes(lock: Mapping[str, Any], paths: Collection[str]) -> dict[str, str]:
    """Returns what a dvc.lock records of some outputs: path → hash."""
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return {out["path"]: out["md5"] for out in outs if out["path"] in paths}


def same_bits(committed: Mapping[str, Any], again: Mapping[str, Any], paths: Collection[str]) -> bool:
    """Returns whether two dvc.lock files hold all these outputs, and the same bits of each."""
    recorded = hashes(committed, paths)
    return len(recorded) == len(paths) and recorded == hashes(again, paths)


def first_difference(committed: pd.DataFrame, again: pd.DataFrame) -> str | None:
    """Compares the counts of right answers of a network's runs.

    Args:
        committed: The network's rows of plots/runs.csv.
        again: What `evaluate` wrote: the columns of `RUN` and `COUNTS`, a row a run.

    Returns:
        None if all counts are the same; else the first run that differs, and the largest difference.
    """
    both = committed[RUN + COUNTS].merge(again[RUN + COUNTS], on=RUN, how="outer", suffixes=("", "_again"))
    both = both.sort_values(RUN)
    differences = pd.concat([both[name] - both[f"{name}_again"] for name in COUNTS], axis=1).abs()
    unlike = both[differences.isna().any(axis=1) | (differences > 0).any(axis=1)]
    if unlike.empty:
        return None
    first, largest = unlike.iloc[0], float(differences.to_numpy().max())
    run = f"seed {first['seed']:.0f}, fold {first['fold']:.0f}"
    if np.isnan(largest):
        return f"{run}: only one of the two has all runs"
    right, now = float(first["validation_correct"]), float(first["validation_correct_again"])
    return f"{run}: {right:.0f} images were right, now {now:.0f}; largest difference {largest:.0f} images"
