"""Bad input: a stage reports it in one line that names the file, and changes no file.

`pytest -s --numprocesses 0 -m "trial or not trial" tests/core/test_bad_input.py` tries many more examples and
prints the table of docs/reliability.md.
"""

import copy
import gzip
import http.server
import os
import re
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import card
import compare
import evaluate
import export
import report
import timing
from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import read_tensors
from mnist_cnn.core.images import TEST_FILE, TRAIN_FILE, load_test_images, load_training_set
from mnist_cnn.core.params import Params, ParamsError, load_params
from mnist_cnn.core.paths import (
    EVALUATION,
    EXPORT,
    PARAMS,
    PLOTS,
    PREPARED,
    TIMING,
    TRAINING,
    WEIGHTS,
    weights_file,
)
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.documents import Choice, StudySummary
from mnist_cnn.sources import fetch
from mnist_cnn.sources.idx import decompress, idx_bytes, md5, read_idx
from mnist_cnn.statistics import predictions, runs
from tests.support.digits import make_images, write_study
from tests.support.params import changed
from tests.support.repositories import TOP, tree
from tests.support.servers import web_server
from tests.support.studies import write_simulated_study

TEXT = (TOP / PARAMS).read_text(encoding="utf-8")
MAX_SECONDS = 5.0  # of processor time, for one file
FEW_OR_MANY = pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.trial)])
tried: Counter[tuple[str, str]] = Counter()
seconds = [0.0]


@pytest.fixture(scope="module", autouse=True)
def table_of_kinds() -> Iterator[None]:
    """Prints how many files of each kind were tried, refused and allowed."""
    yield
    print("\n\n| kind | tried | refused, with one line per mistake | allowed |\n| :-- | --: | --: | --: |")
    kinds = list(dict.fromkeys(kind for kind, _ in tried))
    rows = [(kind, tried[kind, "refused"], tried[kind, "allowed"]) for kind in kinds]
    for kind, refused, allowed in [*rows, ("all", *(sum(row[i] for row in rows) for i in (1, 2)))]:
        print(f"| {kind} | {refused + allowed:,} | {refused:,} | {allowed:,} |")
    print(f"\nNone took longer than {max(seconds):.2f} seconds of processor time.")


def try_many(count: int, strategy: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Runs a check on examples: the same ones each time, unless there are many."""
    options: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": [*HealthCheck]}
    chosen = settings(max_examples=count, derandomize=count < 1000, **options)
    return lambda check: chosen(given(strategy)(check))()


def outcome(
    kind: str, read: Callable[[], object], start: str, refusal: type[Exception] = UserError
) -> Exception | None:
    """Returns the error with which a file is refused; anything but short lines with `start` is a failure."""
    before = time.process_time()
    try:
        read()
    except refusal as error:
        for line in str(error).split("\n"):
            assert line.startswith(start)
            assert line.isprintable()
            assert len(line) < len(start) + 500
        tried[kind, "refused"] += 1
        return error
    finally:
        seconds.append(time.process_time() - before)
        assert seconds[-1] < MAX_SECONDS
    tried[kind, "allowed"] += 1
    return None


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Cuts off the end, or cuts, flips, doubles, zeroes or inserts some bytes anywhere."""
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 40) | st.integers(0, len(content))))
    part = content[start:end]
    changes = {
        "cut": b"",
        "flip": bytes(byte ^ draw(st.integers(1, 255)) for byte in part[:4]) + part[4:],
        "double": part * 2,
        "insert": draw(st.binary(max_size=8)) + part,
        "zero": bytes(len(part)),
    }
    if draw(st.booleans()):
        return content[:start]
    return content[:start] + changes[draw(st.sampled_from(sorted(changes)))] + content[end:]


# params.yaml

ODD_YAML = [
    "~", ".nan", "-.inf", "1e999", "-1", "0", "1.5", "true", "yes", "0x10", "010", "1:30", "1_000",
    "2020-01-01", "2020-13-45", "<<", "=", "''", "[]", "{}", "[[]]", "- -", "? ?", "%", "`", "@", '"\\0"',
    '"\\ud800"', '"\\e[31m"', '"\\u2028"', '"a\\nb"', "!!python/object/apply:os.system [x]", "!!binary x",
    "!!set {a}", '!!int ""', '!!float ""', "!!bool x", "!!timestamp x", "!foo x", "&a [*a]", "*a",
    "{<<: {a: 1}}", "{a: 1, a: 2}", "{? [a] : b}", "../x", "a;b", "$(x)", "/etc", "CON", "com1", "мodel",
    "9" * 5000, "0x" + "f" * 5000, "x" * 300, "[" * 300 + "]" * 300, "[" * 9000, "{a: " * 2000,
]  # fmt: skip
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary() | st.dates()
)
VALUES = st.recursive(PLAIN, lambda one: st.lists(one, max_size=4) | st.dictionaries(PLAIN, one, max_size=4))


def key_paths(node: Any, *parents: Any) -> Iterator[tuple[Any, ...]]:
    """Lists the path of keys and indices to every value of a document."""
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*parents, key)
        yield from key_paths(node[key], *parents, key)


KEY_PATHS = list(key_paths(yaml.safe_load(TEXT)))


@st.composite
def mistaken(draw: st.DrawFn) -> bytes:
    """Removes, replaces, renames or adds one or two values of params.yaml."""
    content = yaml.safe_load(TEXT)
    for *parents, last in draw(st.lists(st.sampled_from(KEY_PATHS), min_size=1, max_size=2)):
        parent = content
        try:
            for key in parents:
                parent = parent[key]
            old = copy.deepcopy(parent[last])
        except (KeyError, IndexError, TypeError):
            continue  # the first mistake removed it
        value = draw(VALUES | st.sampled_from([old, [old], {"a": old}, str(old), [old] * 30]))
        name = draw(PLAIN | st.sampled_from(["small", "SMALL", "NUL", "а", "../x", "$(x)"]))
        match draw(st.sampled_from(["remove", "replace", "rename", "add"])):
            case "replace":
                parent[last] = value
            case "add" if isinstance(parent, list):
                parent.append(value)
            case "add":
                parent[name] = value
            case "rename" if isinstance(parent, dict):
                parent[name] = parent.pop(last)
            case _:
                parent.pop(last)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")


def load(path: Path, content: bytes, kind: str) -> Exception | None:
    path.write_bytes(content)
    return outcome(kind, lambda: load_params(path).networks(), str(path), ParamsError)


@FEW_OR_MANY
@pytest.mark.parametrize(
    ("kind", "strategy"), [("values and keys", mistaken()), ("bytes", damaged(TEXT.encode()))]
)
def test_mistakes_in_params(
    count: int, kind: str, strategy: st.SearchStrategy[bytes], tmp_path: Path
) -> None:
    @try_many(count, strategy)
    def check(content: bytes) -> None:
        load(tmp_path / PARAMS, content, f"params.yaml: {kind}")


def test_unusual_yaml_is_refused(tmp_path: Path) -> None:
    """As a value, in a list, as a key, and as the whole document; plain text may be a name."""
    path, kind = tmp_path / PARAMS, "params.yaml: odd YAML"
    for odd in ODD_YAML:
        for old, new in (("  epochs: 3 ", f"  epochs: {odd} "), ("  - 0\n", f"  - {odd}\n"), (TEXT, odd)):
            refused = load(path, TEXT.replace(old, new, 1).encode(), kind)
            assert refused or odd in ("0", "1.5"), new
        load(path, TEXT.replace("  small: 3", f"  ? {odd}\n  : 3").encode(), kind)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "file").write_text("")
    for name in ("loop", "directory", "pipe", "endless", "missing", "file/below", "x" * 300):
        path = tmp_path / name
        assert outcome("params.yaml: no file", lambda p=path: load_params(p), str(path), ParamsError)


# The files of a data set, behind the check of their MD5


@FEW_OR_MANY
@pytest.mark.parametrize("kind", ["images", "labels", "compressed"])
def test_damaged_idx_files(count: int, kind: str) -> None:
    images = make_images(3)
    content = idx_bytes(images.pixels if kind == "images" else images.labels)
    read = (lambda one: read_idx(decompress(one))) if kind == "compressed" else read_idx
    stored = gzip.compress(content, mtime=0) if kind == "compressed" else content
    header, others = stored[:20], stored[20:]

    @try_many(count // 3, damaged(stored) | damaged(header).map(lambda one: one + others))
    def check(one: bytes) -> None:
        if not outcome(f"IDX file: {kind}", lambda: read(one), "", ValueError):
            plain = decompress(one) if kind == "compressed" else one
            assert idx_bytes(read(one)) == plain  # nothing was ignored


# A download


class FaultyHandler(http.server.BaseHTTPRequestHandler):
    """Answers every request with a fault."""

    fault, content, over = "", b"right" * 99, threading.Event()
    ANSWERS: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]] = {
        "truncated": (200, content, {"Content-Length": "999"}),
        "a page": (200, b"<html>Please log in</html>", {}),
        "redirect to a file": (302, b"", {"Location": "file:///etc/hostname"}),
        "none": (200, content, {}),
    }

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.fault in self.ANSWERS:
            status, content, headers = self.ANSWERS[self.fault]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        elif self.fault == "not HTTP":
            self.wfile.write(b"\0" * 100)
        elif self.fault == "stalls":
            self.over.wait()
        else:
            self.send_response(200)
            self.end_headers()
            chunk, pause = (b"x", 0.02) if self.fault == "drips" else (bytes(2**16), 0)
            while not self.over.wait(pause):
                self.wfile.write(chunk)


FAULTS = {
    **{"stalls": "timed out", "drips": "not complete after", "endless": "more than 100,000 bytes"},
    **{"truncated": "truncated after", "a page": "expected MD5", "redirect to a file": "is not allowed"},
    "not HTTP": "BadStatusLine",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_download(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"labels.gz": md5(FaultyHandler.content)}
    monkeypatch.setattr(fetch, "MIRRORS", {"KMNIST": ()})
    monkeypatch.setattr(fetch, "MAX_BYTES", 100_000)
    monkeypatch.setattr(FaultyHandler, "over", threading.Event())
    with web_server(FaultyHandler) as url, monkeypatch.context() as patch:
        monkeypatch.setenv(fetch.MIRROR, url)
        patch.setattr(FaultyHandler, "fault", fault)
        if fault in ("stalls", "drips"):
            patch.setattr(fetch, "TIMEOUT" if fault == "stalls" else "MAX_SECONDS", 0.2)
        with pytest.raises(fetch.SourceError, match=f"labels.gz.*({FAULTS[fault]})"):
            fetch.fetch("KMNIST", files, tmp_path)
        tried["download", "refused"] += 1
        FaultyHandler.over.set()
        patch.undo()
        monkeypatch.setattr(FaultyHandler, "fault", "none")
        assert fetch.fetch("KMNIST", files, tmp_path).contents == {"labels.gz": FaultyHandler.content}


# What one stage writes and another one reads

NETWORK = load_params(TOP / PARAMS).network("conv1_linear1", "small")
SMALL, WHOLE = "small", "whole"  # repositories
WEIGHTS_FILE = WEIGHTS / NETWORK.path / weights_file(0, 1)
RUNS, PREDICTIONS = (EVALUATION / NETWORK.path / name for name in ("runs.csv", "predictions.safetensors"))
CURVES = TRAINING / NETWORK.path / "curves.csv"
TIMES, MACHINE = (TIMING / NETWORK.path / name for name in ("timing.csv", "timing_machine.json"))
CHOICE, STUDY, AGREEMENT = PLOTS / "choice.json", PLOTS / "study.json", EXPORT / "agreement.json"


@pytest.fixture(scope="module")
def repositories(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories: one before `evaluate`, with few images, and one after `compare` and `timing`."""
    top = tmp_path_factory.mktemp("repositories")
    (top / SMALL).mkdir()
    write_study(top / SMALL, params, folds=(0, 1))
    weights = {name: np.ones(spec[1:], np.float32) for name, spec in NETWORK.tensors.items()}
    (top / SMALL / WEIGHTS_FILE).parent.mkdir(parents=True)
    for fold in (0, 1):
        save_file(weights, (top / SMALL / WEIGHTS_FILE).with_name(weights_file(0, fold)))
    models = {name: params.models[name] for name in ("conv1_linear1", "conv2_linear1")}
    study = changed(params, models=models, seeds=(0,), folds=(0, 1), kernels={"small": 3, "large": 7})
    write_simulated_study(top / WHOLE, study)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top / WHOLE)
        compare.main()
        timing.main()
    return top


READERS: dict[str, tuple[str, Path, Callable[[], object]]] = {
    "train.safetensors": (SMALL, PREPARED / TRAIN_FILE, lambda: load_training_set(PREPARED)),
    "test.safetensors": (SMALL, PREPARED / TEST_FILE, lambda: load_test_images(PREPARED)),
    "normalisation.json": (SMALL, PREPARED / "normalisation.json", lambda: load_training_set(PREPARED)),
    "weights": (SMALL, WEIGHTS_FILE, lambda: read_tensors(WEIGHTS_FILE, NETWORK.tensors)),
    "runs.csv": (WHOLE, RUNS, lambda: runs.load_runs(load_params())),
    "curves.csv": (WHOLE, CURVES, lambda: runs.load_curves(load_params())),
    "predictions.safetensors": (WHOLE, PREDICTIONS, lambda: predictions.load_predictions(load_params())),
    "timing.csv": (WHOLE, TIMES, lambda: runs.load_timing(load_params())),
    "timing_machine.json": (WHOLE, MACHINE, lambda: runs.load_timing(load_params())),
    "choice.json": (WHOLE, CHOICE, lambda: Choice.read(CHOICE)),
    "study.json": (WHOLE, STUDY, lambda: StudySummary.read(STUDY)),
}


@FEW_OR_MANY
@pytest.mark.parametrize("kind", READERS)
def test_damaged_bytes_of_what_a_stage_reads(
    kind: str, count: int, repositories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, path, read = READERS[kind]
    monkeypatch.chdir(repositories / repository)
    content = path.read_bytes()
    try:

        @try_many(count // 3, damaged(content))
        def check(one: bytes) -> None:
            path.write_bytes(one)
            outcome(kind, read, path.parts[0])

        path.unlink()
        assert outcome(kind, read, path.parts[0])
    finally:
        path.write_bytes(content)


def table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    return lambda path: write_table(path, change(read_table(path)))


def tensors(**arrays: Any) -> Callable[[Path], object]:
    """Replaces arrays of a safetensors file; None removes one."""

    def change(path: Path) -> None:
        kept = {name: one for name, one in (load_file(path) | arrays).items() if one is not None}
        save_file(kept, path)

    return change


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace(old: bytes, new: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(re.sub(old, new, path.read_bytes(), flags=re.DOTALL))


PICKLE = b"cos\nmkdir\n(S'made'\ntR."  # which makes a directory
NO_CLASS, LARGER = np.full((1, 60_000), 77, np.uint8), np.ones((16, 1, 5, 5), np.float32)
FAULTY_FILES: dict[str, tuple[str, Callable[[], None], Path, Callable[[Path], object]]] = {
    "no weights": (SMALL, evaluate.main, WEIGHTS_FILE, Path.unlink),
    "weights of larger kernels": (SMALL, evaluate.main, WEIGHTS_FILE, tensors(**{"0.weight": LARGER})),
    "weights as a pickle": (SMALL, evaluate.main, WEIGHTS_FILE, lambda path: path.write_bytes(PICKLE)),
    "truncated images": (SMALL, evaluate.main, PREPARED / TEST_FILE, truncate),
    "an empty cell": (WHOLE, compare.main, RUNS, table(lambda one: one.assign(test_correct=[np.nan, 1]))),
    "an empty file": (WHOLE, compare.main, RUNS, replace(b".+", b"")),
    "labels of no class": (WHOLE, compare.main, PREDICTIONS, tensors(validation_labels=NO_CLASS)),
    "no probabilities": (WHOLE, compare.main, PREDICTIONS, tensors(validation_probabilities=None)),
    "a time is NaN": (WHOLE, timing.main, TIMES, table(lambda one: one.assign(training_seconds=np.nan))),
    "an older machine": (WHOLE, timing.main, MACHINE, replace(b'"torch"', b'"numerics": "native", "torch"')),
    "a truncated study": (WHOLE, report.main, STUDY, truncate),
    "no networks": (WHOLE, report.main, PLOTS / "networks.csv", Path.unlink),
    "a choice without warmup": (WHOLE, export.main, CHOICE, replace(rb',\s+"warmup": [.\d]+', b"")),
    "an empty agreement": (WHOLE, card.main, AGREEMENT, lambda path: path.write_text("{}")),
}


@pytest.mark.parametrize("fault", FAULTY_FILES)
def test_a_script_reports_a_faulty_file_in_one_line(
    fault: str, repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, main, path, change = FAULTY_FILES[fault]
    shutil.copytree(repositories / repository, tmp_path, dirs_exist_ok=True, copy_function=os.link)
    monkeypatch.chdir(tmp_path)
    network = ["--model", NETWORK.model, "--kernel", NETWORK.kernel]
    monkeypatch.setattr(sys, "argv", ["script", *(network if main is evaluate.main else ())])
    path.parent.mkdir(exist_ok=True)
    content = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)  # the link
    path.write_bytes(content)
    change(path)
    before = tree(tmp_path)
    with pytest.raises(SystemExit) as end:
        run(main)
    line = str(end.value)
    assert re.match(f"error: ({'|'.join(map(str, [path, *path.parents[:-1]]))})[ :]", line)
    assert "; run `dvc repro`" in line
    assert "\n" not in line
    assert tree(tmp_path) == before
    tried["what a stage reads, by hand", "refused"] += 1
