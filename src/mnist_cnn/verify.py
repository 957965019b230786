"""Whether networks that were trained again are those of the committed results."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

FOLDERS = ("weights", "training", "evaluation")  # below data/, of each network: all that repeats to the bit
COUNTS = ["validation_correct", "validation_images", "test_correct", "test_images"]
RUN = ["seed", "fold"]


def folder_hashes(lock: Mapping[str, Any], place: str) -> dict[str, str]:
    """Returns what a dvc.lock records of a network's folders: path → hash.

    Args:
        lock: The content of dvc.lock.
        place: The network's folder below those of the stages, such as `conv1_linear1/small`.
    """
    wanted = {f"data/{folder}/{place}" for folder in FOLDERS}
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return {out["path"]: out["md5"] for out in outs if out["path"] in wanted}


def same_bits(committed: Mapping[str, Any], again: Mapping[str, Any], place: str) -> bool:
    """Returns whether two dvc.lock files hold the same weights, curves and predictions of a network."""
    hashes = folder_hashes(committed, place)
    return len(hashes) == len(FOLDERS) and hashes == folder_hashes(again, place)


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
