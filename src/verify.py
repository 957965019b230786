"""Proves committed results: trains and evaluates again from nothing, and compares.

    python src/verify.py [NETWORK ...]       as `make verify NETWORKS="conv1_linear1-small …"` does
    python src/verify.py --fingerprint       this machine alone, a few seconds

Reads the last commit (a clone of it, with a DVC cache of its own, in a temporary folder) and data/raw. Says
for each network *same bits*, *same counts* or *different*; with no network named, also whether each committed
table, figure and text comes out the same. Exit status 1 if anything is different. Writes nothing.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import EVALUATION, LOCK, PARAMS, PLOTS, RAW, raw_directory
from mnist_cnn.core.tables import read_table
from mnist_cnn.learning import numerics
from mnist_cnn.verify import EXPORTED, first_difference, folders, same_bits


def check_fingerprint() -> None:
    """Says whether this machine computes the bits that are committed; a warning, if not."""
    numerics.choose("portable")
    from mnist_cnn.fingerprint import EXPECTED, fingerprint

    found = fingerprint()
    if found == EXPECTED:
        print(f"fingerprint {found}: this machine computes the committed bits")
    else:
        print(
            f"warning: fingerprint {found}, expected {EXPECTED}: this machine computes other bits than those "
            "committed, so accuracies can differ by a few images (docs/reproducibility.md)",
            file=sys.stderr,
        )


def command(*words: str, cwd: Path | None = None) -> str:
    """Runs a program; returns what it prints.

    Raises:
        UserError: It failed.
    """
    done = subprocess.run(words, cwd=cwd, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(words)}: exit status {done.returncode}")
    return done.stdout


def train_again(clone: Path, stages: list[str]) -> None:
    """Reproduces stages in a clone that has nothing but the raw data."""
    shutil.copytree(RAW, clone / RAW)
    dvc = [sys.executable, "-m", "dvc"]
    command(*dvc, "config", "--local", "cache.dir", str(clone.parent / "cache"), cwd=clone)
    words = [*dvc, "repro", "--force", "--no-run-cache", *stages]
    if subprocess.run(words, cwd=clone, check=False).returncode:
        raise UserError(f"the stages failed in {clone}")


def committed_file(path: Path, clone: Path) -> str:
    """Returns a file's content in the commit that was cloned."""
    return command("git", "show", f"HEAD:{path.as_posix()}", cwd=clone)


def changed_files(clone: Path) -> list[str]:
    """Returns the committed files that came out different, but for measured times and DVC's own hashes."""
    changed = command("git", "diff", "--name-only", "HEAD", cwd=clone).splitlines()
    return [name for name in changed if not Path(name).name.startswith("timing") and Path(name) != LOCK]


def verify(names: list[str]) -> bool:
    """Verifies networks, or everything if none is named; returns whether nothing was different."""
    right = True
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        clone = Path(folder, "clone")
        command("git", "clone", "--quiet", "--shared", ".", str(clone))
        params = load_params(clone / PARAMS)
        networks = {network.name: network for network in params.networks()}
        for name in names:
            if name not in networks:
                raise UserError(f"no network {name!r} in the last commit: there are {', '.join(networks)}")
        raw = raw_directory(params.data.dataset)
        if not raw.is_dir():
            raise UserError(f"{raw} is not here: run `dvc repro download` first")
        train_again(clone, [f"evaluate@{name}" for name in names])
        committed, again = (
            yaml.safe_load(text) for text in (committed_file(LOCK, clone), (clone / LOCK).read_text())
        )
        runs = pd.read_csv(io.StringIO(committed_file(PLOTS / "runs.csv", clone)))
        for name in names or networks:
            place = networks[name].path
            if same_bits(committed, again, folders(place)):
                print(f"{name}: same bits")
                continue
            rows = runs[runs["network"] == name]
            difference = first_difference(rows, read_table(clone / EVALUATION / place / "runs.csv"))
            print(f"{name}: {f'different: {difference}' if difference else 'same counts'}")
            right = right and difference is None
        changed = [] if names else changed_files(clone)
        if not names and not same_bits(committed, again, EXPORTED):
            changed.append("the exported network")
        for name in changed:
            print(f"{name}: different from what is committed")
        if not names and not changed:
            print("tables, figures, texts and the exported network: same bytes")
    return right and not changed


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help="such as conv1_linear1-small; default all"
    )
    parser.add_argument("--fingerprint", action="store_true", help="check this machine alone")
    wanted = parser.parse_args()
    load_params()
    check_fingerprint()
    if not wanted.fingerprint and not verify(wanted.networks):
        sys.exit(1)


if __name__ == "__main__":
    run(main)
