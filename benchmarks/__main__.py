"""Measures parts, keeps what is known of the others in results.json, and writes the tables of README.md.

    python -m benchmarks             throughput, numerics, study
    python -m benchmarks PART ...    some of them; replication (of the statements); scaling; tables (again)
    python -m benchmarks --quick     two networks, one round: shows that it works, and writes nothing

Run it at the top of the repository, on a quiet machine, after `dvc repro prepare`.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.processes import CORES
from benchmarks.readme_tables import TABLES
from mnist_cnn.core.command import run
from mnist_cnn.core.files import reading, write_json, write_text
from mnist_cnn.core.machine import describe_machine
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.reporting.markdown import replace_between

FOLDER = Path(__file__).parent
RESULTS, PAGE = FOLDER / "results.json", FOLDER / "README.md"
MEASURED = ("throughput", "numerics", "study")
WRITTEN = ("replication", "scaling")  # each into a page of its own
PARTS = (*MEASURED, *WRITTEN, "tables")


def smaller(params: Params) -> Params:
    """Returns two networks with two short runs each."""
    train = params.train.model_copy(update={"epochs": 0.1, "folds": params.train.folds[:2]})
    models, kernels = (
        dict(list(section.items())[:n]) for section, n in ((params.models, 1), (params.kernels, 2))
    )
    return params.model_copy(update={"models": models, "kernels": kernels, "train": train})


def measure(part: str, params: Params, quick: bool) -> dict[str, Any]:
    """Measures one part; says on which machine."""
    from benchmarks import pinned, throughput, wall_time

    module = {"throughput": throughput, "numerics": pinned, "study": wall_time}[part]
    found = module.measure(params, quick)
    return {"machine": describe_machine().model_dump() | {"cores": str(CORES)}, **found}


def with_tables(page: str, results: dict[str, Any]) -> str:
    """Puts the table of each measured part between its two markers."""
    for part, found in results.items():
        page = replace_between(page, part, TABLES[part](found))
    return page


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="try it: two networks, nothing is written")
    choice = parser.parse_args()
    for part in choice.parts:
        if part not in PARTS:
            parser.error(f"{part!r} is none of {', '.join(PARTS)}")
    params = smaller(load_params()) if choice.quick else load_params()
    results: dict[str, Any] = {}
    if RESULTS.exists() and not choice.quick:
        with reading(RESULTS):
            results = json.loads(RESULTS.read_bytes())
    for part in choice.parts or MEASURED:
        if part in MEASURED:
            results[part] = measure(part, params, choice.quick)
            if not choice.quick:
                write_json(RESULTS, results)
        elif part in WRITTEN:
            import_module(f"benchmarks.{part}").main()
    if choice.quick:
        print(*(TABLES[part](found) for part, found in results.items()), sep="\n")
    elif not choice.parts or set(choice.parts) - set(WRITTEN):
        write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8"), results))


if __name__ == "__main__":
    run(main)
