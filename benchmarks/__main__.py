"""Measures all, or the named parts, and writes results.json and the tables of README.md."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import alternatives, growth, start, study, throughput
from benchmarks.tables import to_markdown
from mnist_cnn.choices.params import load_params
from mnist_cnn.command import run
from mnist_cnn.data.prepared import load_training_set
from mnist_cnn.files import read_json, write_json, write_text
from mnist_cnn.paths import PREPARED
from mnist_cnn.training.machine import describe_machine

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
PAGE = FOLDER / "README.md"
START, END = "<!-- results -->\n", "<!-- /results -->"
PARTS = ("throughput", "alternatives", "study", "start", "growth", "cluster")


def measure(part: str, keep: Path | None) -> Mapping[str, Any]:
    """Measures one part."""
    params = load_params()
    if part == "study":
        return study.measure(params, keep)
    if part == "start":
        return start.measure()
    if part == "growth":
        return growth.measure()
    if part == "cluster":
        from benchmarks import cluster  # alone needs Ray, which is an extra

        return cluster.measure(params)
    if part == "throughput":
        return throughput.measure(params)
    return alternatives.measure(params, load_training_set(PREPARED))


def main() -> None:
    """Measures, and keeps what earlier calls measured of the other parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--keep", type=Path, help="a folder to leave the clones of the study in")
    parser.add_argument("--tables", action="store_true", help="only write the tables again")
    choice = parser.parse_args()
    for part in choice.parts:
        if part not in PARTS:
            parser.error(f"{part!r} is none of {', '.join(PARTS)}")
    for part in [] if choice.tables else choice.parts or PARTS:
        results = read_json(RESULTS) if RESULTS.exists() else {}
        results |= {part: measure(part, choice.keep), "machine": describe_machine()}
        write_json(RESULTS, results)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    write_text(PAGE, before + START + to_markdown(read_json(RESULTS)) + END + after)
    print(to_markdown(read_json(RESULTS)))


if __name__ == "__main__":
    run(main)
