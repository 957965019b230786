"""Verifies the committed results: trains and evaluates again from the raw data, and compares.

    python src/verify.py [NETWORK ...]       as `make verify NETWORKS="conv1_linear1-small …"` does
    python src/verify.py --fingerprint       only checks this machine, which takes a few seconds

Reads data/raw and the last commit, which it clones into a temporary directory with its own DVC cache. Prints
for each network *same bits*, *same counts* (of correct predictions) or *different*. If no network is named,
it also prints which committed tables, figures and texts differ. The exit status is 1 if anything differs.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import EVALUATION, LOCK, PARAMS, PLOTS, RAW, TRAINING, WEIGHTS, raw_directory
from mnist_cnn.core.tables import read_table
from mnist_cnn.fingerprint import EXPECTED, fingerprint

REPEATABLE = (WEIGHTS, TRAINING, EVALUATION)  # what a network's stages write, without measured times
EXPORTED = {
    f"data/export/{file}" for file in ("README.md", "agreement.json", "model.onnx", "model.safetensors")
}
COUNTS = ["validation_correct", "validation_images", "test_correct", "test_images"]
RUN = ["seed", "fold"]


def outputs(network: Network) -> set[str]:
    """Returns the paths of a network's outputs that have the same bits each time."""
    return {(directory / network.path).as_posix() for directory in REPEATABLE}


def recorded(lock: Mapping[str, Any], paths: Collection[str]) -> dict[str, str]:
    """Returns the hashes of some outputs in the content of dvc.lock: path → hash."""
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", ()))
    return {out["path"]: out["md5"] for out in outs if out["path"] in paths}


def same_bits(committed: Mapping[str, Any], repeated: Mapping[str, Any], paths: Collection[str]) -> bool:
    """Returns whether two dvc.lock files contain all of these outputs, with the same hashes."""
    hashes = recorded(committed, paths)
    return len(hashes) == len(paths) and hashes == recorded(repeated, paths)


def first_difference(committed: pd.DataFrame, repeated: pd.DataFrame) -> str | None:
    """Compares the numbers of correct predictions of a network's runs.

    Args:
        committed: The network's rows of plots/runs.csv.
        repeated: What `evaluate` wrote: the columns of `RUN` and `COUNTS`, one row per run.

    Returns:
        None if all numbers are equal; otherwise the first run that differs, and the largest difference.
    """
    before, now = (table.set_index(RUN)[COUNTS].sort_index() for table in (committed, repeated))
    if not before.index.equals(now.index):
        return "the committed table has other seeds and folds"
    differences = (before - now).abs()
    if not differences.any(axis=None):
        return None
    index: Any = differences.any(axis=1).idxmax()
    first, again = (table.loc[index, "validation_correct"] for table in (before, now))
    return (
        f"seed {index[0]}, fold {index[1]}: {first} validation images were correct, now {again} are; "
        f"the largest difference of a run is {differences.to_numpy().max()} images"
    )


def check_fingerprint() -> None:
    """Prints whether this machine computes the committed bits, or a warning."""
    found = fingerprint()
    if found == EXPECTED:
        print(f"fingerprint {found}: this machine computes the committed bits")
    else:
        print(
            f"warning: fingerprint {found}, expected {EXPECTED}: this machine does not compute the committed "
            "bits, so accuracies can differ by a few images (docs/reproducibility.md)",
            file=sys.stderr,
        )


def command(*words: str, cwd: Path | None = None) -> str:
    """Runs a program and returns what it printed.

    Raises:
        UserError: It failed.
    """
    done = subprocess.run(words, cwd=cwd, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(words)}: exit status {done.returncode}")
    return done.stdout


def clone_repository(directory: Path) -> Path:
    """Clones the repository; returns the directory of the clone that corresponds to the current one."""
    top, prefix = (
        command("git", "rev-parse", option).rstrip("\n") for option in ("--show-toplevel", "--show-prefix")
    )
    command("git", "clone", "--quiet", "--shared", top, str(directory))
    return directory / prefix


def committed_file(path: Path, clone: Path) -> str:
    """Returns the content of a file in the commit that was cloned."""
    return command("git", "show", f"HEAD:./{path.as_posix()}", cwd=clone)


def changed_files(clone: Path) -> list[str]:
    """Returns the committed files that are different now, except measured times and DVC's hashes."""
    names = command("git", "diff", "--relative", "--name-only", "HEAD", cwd=clone).splitlines()
    return [name for name in names if not Path(name).name.startswith("timing") and Path(name) != LOCK]


def select(names: list[str], params: Params) -> list[Network]:
    """Returns the networks with these names, or all networks if there is no name."""
    networks = {network.name: network for network in params.networks()}
    for name in names:
        if name not in networks:
            raise UserError(f"no network {name!r} in the last commit; its networks are {', '.join(networks)}")
    return [networks[name] for name in names or networks]


def reproduce(clone: Path, cache: Path, stages: list[str]) -> None:
    """Runs stages, or all stages if none is named, in a clone that has only the raw data."""
    shutil.copytree(RAW, clone / RAW)
    dvc = [sys.executable, "-m", "dvc"]
    command(*dvc, "config", "--local", "cache.dir", str(cache), cwd=clone)
    words = [*dvc, "repro", "--force", "--no-run-cache", *stages]
    if subprocess.run(words, cwd=clone, check=False).returncode:
        raise UserError("`dvc repro` failed in a clone of the last commit; its messages are above")


def verdict(network: Network, locks: tuple[Any, Any], runs: pd.DataFrame, clone: Path) -> str:
    """Returns *same bits*, *same counts*, or *different* with the first difference."""
    if same_bits(*locks, outputs(network)):
        return "same bits"
    rows = runs[runs["network"] == network.name]
    difference = first_difference(rows, read_table(clone / EVALUATION / network.path / "runs.csv"))
    return f"different: {difference}" if difference else "same counts"


def verify(names: list[str]) -> bool:
    """Verifies networks, or everything if no name is given; returns whether nothing is different."""
    with tempfile.TemporaryDirectory(prefix="verify-") as directory:
        clone = clone_repository(Path(directory, "clone"))
        params = load_params(clone / PARAMS)
        networks, raw = select(names, params), raw_directory(params.data.dataset)
        if not raw.is_dir():
            raise UserError(f"{raw} is missing; run `dvc repro download` first")
        committed = yaml.safe_load(committed_file(LOCK, clone))
        runs = pd.read_csv(io.StringIO(committed_file(PLOTS / "runs.csv", clone)))
        reproduce(clone, Path(directory, "cache"), [f"evaluate@{name}" for name in names])
        locks = committed, yaml.safe_load((clone / LOCK).read_text(encoding="utf-8"))
        verdicts = {network.name: verdict(network, locks, runs, clone) for network in networks}
        if not names:
            verdicts |= dict.fromkeys(changed_files(clone), "different from what is committed")
            exported = "same bits" if same_bits(*locks, EXPORTED) else "different from what is committed"
            verdicts["the exported network and its card"] = exported
    for name, found in verdicts.items():
        print(f"{name}: {found}")
    different = any(found.startswith("different") for found in verdicts.values())
    if not names and not different:
        print("all committed tables, figures and texts: same bytes")
    return not different


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help="such as conv1_linear1-small; default: all"
    )
    parser.add_argument("--fingerprint", action="store_true", help="only check this machine")
    arguments = parser.parse_args()
    load_params()
    check_fingerprint()
    if not arguments.fingerprint and not verify(arguments.networks):
        sys.exit(1)


if __name__ == "__main__":
    run(main)
