"""Bad input, by kinds: whatever is wrong, a stage says in one line where, and loses nothing.

`pytest -s --numprocesses 0 -m "trial or not trial" tests/test_bad_input.py` tries many more, and ends with a
table of kinds and counts.
"""

import copy
import gzip
import http.server
import os
import pickle
import re
import shutil
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from operator import ne
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import compare
import download
import evaluate
import prepare
import report
import timing
from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import read_tensors
from mnist_cnn.core.images import load_test_images, load_training_set
from mnist_cnn.core.mnist import DATASETS, SPLITS, Dataset, idx_bytes, md5
from mnist_cnn.core.params import Params, ParamsError, load_params
from mnist_cnn.core.paths import (
    EVALUATION,
    PARAMS,
    PLOTS,
    PREPARED,
    REFERENCE,
    TIMING,
    TRAINING,
    WEIGHTS,
    raw_directory,
    weights_file,
)
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.learning import numerics
from mnist_cnn.sources import fetch as sources
from mnist_cnn.statistics import runs
from tests.support.digits import make_images, write_study
from tests.support.params import changed
from tests.support.repositories import TOP, tree
from tests.support.studies import write_simulated_study

TEXT = (TOP / PARAMS).read_text(encoding="utf-8")
FEW, WHOLE = "few", "whole"  # repositories
MOST_SECONDS = 1.0  # of this process, for one params.yaml
NETWORK = load_params(TOP / PARAMS).network("conv1_linear1", "small")
PLACE, RUN = NETWORK.path, weights_file(0, 1)
WEIGHTED = WEIGHTS / PLACE / RUN
JUDGED, SAID = EVALUATION / PLACE / "runs.csv", EVALUATION / PLACE / "predictions.safetensors"
CURVES, TIMES, MACHINE = (
    TRAINING / PLACE / "curves.csv",
    TIMING / PLACE / "timing.csv",
    TIMING / PLACE / "timing_machine.json",
)
FEW_OR_MANY = pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.trial)])
tried: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module", autouse=True)
def counts() -> Iterator[None]:
    """Prints how many of each kind were tried, refused and let through."""
    yield
    print("\n\n| kind | tried | refused, a line for each mistake | allowed |\n| :-- | --: | --: | --: |")
    for kind in dict.fromkeys(kind for kind, _ in tried):
        refused, allowed = tried[kind, "refused"], tried[kind, "allowed"]
        print(f"| {kind} | {refused + allowed} | {refused} | {allowed} |")


def try_many(count: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Runs a check on examples: the same ones each time, unless there are many."""
    few, none = count < 1000, [*HealthCheck]
    chosen = settings(
        max_examples=count, derandomize=few, database=None, deadline=None, suppress_health_check=none
    )
    return lambda check: chosen(given(*strategies)(check))()


def outcome(kind: str, read: Callable[[], object], path: Path, wrong: type[UserError] = UserError) -> bool:
    """Says whether a file was let through; anything but lines that begin with its name is a failure."""
    before = time.process_time()
    try:
        read()
    except wrong as error:
        for line in str(error).split("\n"):
            assert line.startswith(str(path))
            assert line.isprintable()
            assert len(line) < len(str(path)) + 500
        tried[kind, "refused"] += 1
        return False
    finally:
        assert time.process_time() - before < MOST_SECONDS
    tried[kind, "allowed"] += 1
    return True


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


def places(node: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """Lists the way to every value of a document."""
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*way, key)
        yield from places(node[key], *way, key)


WAYS = list(places(yaml.safe_load(TEXT)))


@st.composite
def mistaken(draw: st.DrawFn) -> dict[str, Any]:
    """Takes out, replaces, renames, doubles or adds to one or two places of params.yaml."""
    content = yaml.safe_load(TEXT)
    for way in draw(st.lists(st.sampled_from(WAYS), min_size=1, max_size=2)):
        parent = content
        try:
            for key in way[:-1]:
                parent = parent[key]
            old = copy.deepcopy(parent[way[-1]])
        except (KeyError, IndexError, TypeError):
            continue  # the first mistake took it away
        other = draw(VALUES | st.sampled_from([old, [old], {"a": old}, str(old), [old] * 30]))
        match draw(st.sampled_from(["take out", "replace", "rename", "add"])):
            case "replace":
                parent[way[-1]] = other
            case "add" if isinstance(parent, list):
                parent.append(other)
            case "add":
                parent[draw(PLAIN)] = other
            case what:
                value = parent.pop(way[-1])
                if what == "rename" and isinstance(parent, dict):
                    parent[draw(PLAIN | st.sampled_from(["small", "SMALL", "NUL", "а", "../x", "$(x)"]))] = (
                        value
                    )
    return content


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Cuts, flips, doubles, takes out or puts in some bytes."""
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 40) | st.integers(0, len(content))))
    part = content[start:end]
    new = {
        "cut": b"",
        "flip": bytes(byte ^ draw(st.integers(1, 255)) for byte in part[:4]) + part[4:],
        "double": part * 2,
        "put in": draw(st.binary(max_size=8)) + part,
        "zero": bytes(len(part)),
    }
    whole = draw(st.booleans())
    return (
        content[:start]
        if whole
        else content[:start] + new[draw(st.sampled_from(sorted(new)))] + content[end:]
    )


def load(path: Path, content: bytes, kind: str) -> bool:
    path.write_bytes(content)
    return outcome(kind, lambda: load_params(path).networks(), path, ParamsError)


@FEW_OR_MANY
def test_mistakes_in_params(count: int, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"

    @try_many(count, mistaken())
    def check(content: dict[str, Any]) -> None:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        load(path, text.encode("utf-8", "surrogatepass"), "params.yaml: values and keys")


@FEW_OR_MANY
def test_spoilt_bytes_of_params(count: int, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"

    @try_many(count, spoilt(TEXT.encode()))
    def check(content: bytes) -> None:
        load(path, content, "params.yaml: bytes")


@pytest.mark.parametrize("odd", ODD_YAML, ids=lambda odd: repr(odd[:12]))
def test_what_yaml_allows_and_we_do_not(odd: str, tmp_path: Path) -> None:
    """As the value of a key, in a list, as a key, and as the whole; what is plain text may be a name."""
    path = tmp_path / "params.yaml"
    for old, new in (("  epochs: 3 ", f"  epochs: {odd} "), ("  - 0\n", f"  - {odd}\n"), (TEXT, odd)):
        assert not load(path, TEXT.replace(old, new, 1).encode(), "params.yaml: odd YAML") or odd in (
            "0",
            "1.5",
        )
    load(path, TEXT.replace("  small: 3", f"  ? {odd}\n  : 3").encode(), "params.yaml: odd YAML")


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "file").write_text("")
    for name in ("loop", "folder", "pipe", "endless", "missing", "file/below", "x" * 300):
        path = tmp_path / name
        assert not outcome("params.yaml: no file", lambda path=path: load_params(path), path, ParamsError)


# The four files of a data set


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A folder in which `prepare` has run; returns the four files, one of them packed."""
    monkeypatch.chdir(tmp_path)
    PARAMS.write_text(TEXT, encoding="utf-8")
    contents = {}
    for names, images in zip(SPLITS.values(), (make_images(600), make_images(210, seed=1)), strict=True):
        contents |= dict(zip(names, map(idx_bytes, (images.pixels, images.labels)), strict=True))
    packed = gzip.compress(contents.pop("t10k-labels-idx1-ubyte"), mtime=0)
    contents["t10k-labels-idx1-ubyte.gz"] = packed
    files = {name: md5(content) for name, content in contents.items()}
    monkeypatch.setitem(DATASETS, "MNIST", Dataset(files, DATASETS["MNIST"].classes))
    raw_directory("MNIST").mkdir(parents=True)
    for name, content in contents.items():
        (raw_directory("MNIST") / name).write_bytes(content)
    prepare.main()
    return contents


@FEW_OR_MANY
def test_spoilt_files_of_the_data_set(count: int, raw: dict[str, bytes], tmp_path: Path) -> None:
    before = {name: content for name, content in tree(tmp_path).items() if "raw" not in name}
    for name, content in raw.items():
        path = raw_directory("MNIST") / name

        @try_many(count // 4, spoilt(content).filter(partial(ne, content)))
        def check(one: bytes) -> None:
            path.write_bytes(one)  # noqa: B023  # it is called at once
            assert not outcome("IDX file: bytes", prepare.main, path)  # noqa: B023

        path.write_bytes(content)
    images, labels = (raw_directory("MNIST") / name for name in SPLITS["train"])
    images.write_bytes(raw[labels.name])
    labels.write_bytes(raw[images.name])
    assert not outcome("IDX file: swapped", prepare.main, images)
    images.unlink()
    assert not outcome("IDX file: missing", prepare.main, images)
    assert {name: content for name, content in tree(tmp_path).items() if "raw" not in name} == before


# A download

LABELS = "train-labels-idx1-ubyte"


class Faulty(http.server.BaseHTTPRequestHandler):
    """Serves the files of a folder, and the labels with a fault."""

    fault, contents, over = "", dict[str, bytes](), threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        content = self.contents.get(self.path[1:])
        if content is None:
            self.answer(b"", 404)
            return
        match self.fault if self.path[1:] == LABELS else "":
            case "stalls":
                self.over.wait(5)
            case "drips" | "endless":
                self.send_response(200)
                self.end_headers()
                drip, wait = (b"x", 0.02) if self.fault == "drips" else (bytes(2**16), 0)
                while not self.over.wait(wait):
                    self.wfile.write(drip)
            case "cut":
                self.answer(content[:-9], **{"Content-Length": str(len(content))})
            case "a page":
                self.answer(b"<html>Please log in</html>", **{"Content-Type": "text/html"})
            case "another file":
                self.answer(content[::-1])
            case "redirect to a file":
                self.answer(b"", 302, Location=Path("right").absolute().as_uri())
            case "redirect for ever":
                self.answer(b"", 302, Location=self.path)
            case "no HTTP":
                self.wfile.write(b"\0" * 100)
            case "a failure":
                self.answer(b"", 500)
            case _:
                self.answer(content)


FAULTS = {
    **{"stalls": "timed out", "drips": "not whole after", "endless": "more than 100,000 bytes"},
    **{"cut": "cut after", "a page": "found", "another file": "found"},
    **{
        "redirect to a file": "is not allowed",
        "redirect for ever": "infinite loop",
        "no HTTP": "BadStatusLine|\\x00",
    },
    "a failure": "HTTP Error 500",
}


@pytest.fixture
def server(raw: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    """A mirror on this machine that is the only source, and little patience."""

    def off(*_: object) -> None:
        raise sources.SourceError("off")

    for name in ("_from_torchvision", "_from_package"):
        monkeypatch.setattr(sources, name, off)
    for name, value in {"TIMEOUT": 0.3, "MOST_SECONDS": 0.5, "MOST_BYTES": 100_000}.items():
        monkeypatch.setattr(sources, name, value)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    monkeypatch.setattr(web, "handle_error", lambda *_: None)  # that it was left in the middle
    threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv(sources.MIRROR, f"http://127.0.0.1:{web.server_port}")
    monkeypatch.setattr(Faulty, "contents", raw)
    Path("right").write_bytes(raw[LABELS])
    (raw_directory("MNIST") / LABELS).write_bytes(b"cut")
    monkeypatch.setattr(Faulty, "over", threading.Event())
    yield Faulty
    Faulty.over.set()
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_download(
    fault: str, server: type[Faulty], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(tmp_path)
    monkeypatch.setattr(server, "fault", fault)
    start = time.monotonic()
    with pytest.raises(sources.SourceError, match=f"{LABELS}.*({FAULTS[fault]})"):
        download.main()
    assert time.monotonic() - start < 5
    assert tree(tmp_path) == before
    tried["download", "refused"] += 1
    monkeypatch.setattr(server, "fault", "")
    download.main()
    assert (raw_directory("MNIST") / LABELS).read_bytes() == server.contents[LABELS]


def test_a_redirect_to_a_file_is_urllibs_to_refuse(
    server: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lax(urllib.request.HTTPRedirectHandler):
        def http_error_302(self, *arguments: Any) -> Any:
            return self.parent.open(arguments[-1]["Location"])

    monkeypatch.setattr(server, "fault", "redirect to a file")
    monkeypatch.setattr(sources, "urlopen", urllib.request.build_opener(Lax).open)
    download.main()  # which believes what it was given


# What one stage leaves to the next


@pytest.fixture(scope="module")
def made(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories: what is before `evaluate`, with few images, and what is before `compare`."""
    top = tmp_path_factory.mktemp("made")
    (top / FEW).mkdir()
    write_study(top / FEW, params, folds=(0, 1))
    weights = {name: np.ones(form[1:], np.float32) for name, form in NETWORK.tensors.items()}
    (top / FEW / WEIGHTS / PLACE).mkdir(parents=True)
    for fold in (0, 1):
        save_file(weights, top / FEW / WEIGHTS / PLACE / weights_file(0, fold))
    models = {name: params.models[name] for name in ("conv1_linear1", "conv2_linear1")}
    write_simulated_study(
        top / WHOLE, changed(params, models=models, folds=(0, 1), kernels={"small": 3, "large": 7})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top / WHOLE)
        for main in (compare.main, timing.main):
            main()
    return top


READERS: dict[str, tuple[str, Path, Callable[[], object]]] = {
    **{
        name: (FEW, PREPARED / name, lambda: (load_training_set(PREPARED), load_test_images(PREPARED)))
        for name in (
            "train_images.npy",
            "train_labels.npy",
            "test_labels.npy",
            "folds.npy",
            "normalisation.json",
        )
    },
    "weights": (FEW, WEIGHTED, lambda: read_tensors(WEIGHTED, NETWORK.tensors)),
    "runs.csv": (WHOLE, JUDGED, lambda: runs.load_runs(load_params())),
    "curves.csv": (WHOLE, CURVES, lambda: runs.load_curves(load_params())),
    "predictions": (WHOLE, SAID, lambda: runs.load_predictions(load_params().networks())),
    "timing.csv": (WHOLE, TIMES, lambda: runs.load_timing(load_params())),
    "timing_machine.json": (WHOLE, MACHINE, lambda: runs.load_timing(load_params())),
}


@FEW_OR_MANY
@pytest.mark.parametrize("kind", READERS)
def test_spoilt_bytes_of_what_a_stage_reads(
    kind: str, count: int, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, path, read = READERS[kind]
    monkeypatch.chdir(made / folder)
    content = path.read_bytes()
    try:

        @try_many(count // 3, spoilt(content))
        def check(one: bytes) -> None:
            path.write_bytes(one)
            outcome(kind, read, Path("data"))

        path.unlink()
        assert not outcome(f"{kind}", read, Path("data"))
    finally:
        path.write_bytes(content)


def table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    return lambda path: write_table(path, change(read_table(path)))


def tensors(**arrays: Any) -> Callable[[Path], object]:
    """Replaces arrays of a safetensors file; None takes one out."""

    def change(path: Path) -> None:
        kept = {name: one for name, one in (load_file(path) | arrays).items() if one is not None}
        save_file(kept, path)

    return change


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


ONE, LARGER = np.zeros((1, 60_000), np.uint8), np.ones((16, 1, 5, 5), np.float32)
SCRIPTS: dict[str, tuple[str, Callable[[], None], Path, Callable[[Path], object]]] = {
    "no weights": (FEW, evaluate.main, WEIGHTED, Path.unlink),
    "weights cut": (FEW, evaluate.main, WEIGHTED, cut),
    "weights of larger kernels": (FEW, evaluate.main, WEIGHTED, tensors(**{"0.weight": LARGER})),
    "weights of fewer layers": (FEW, evaluate.main, WEIGHTED, tensors(**{"0.weight": None})),
    "weights as a pickle": (FEW, evaluate.main, WEIGHTED, written(pickle.dumps({}))),
    "labels cut": (FEW, evaluate.main, PREPARED / "test_labels.npy", written(b"\x93NUMPY")),
    "no cell": (WHOLE, compare.main, JUDGED, table(lambda one: one[1:])),
    "a cell twice": (WHOLE, compare.main, JUDGED, table(lambda one: pd.concat([one, one[1:]]))),
    "a cell empty": (WHOLE, compare.main, JUDGED, table(lambda one: one.assign(test_correct=[np.nan, 1]))),
    "no column": (WHOLE, compare.main, JUDGED, table(lambda one: one.drop(columns="test_images"))),
    "nothing": (WHOLE, compare.main, JUDGED, written(b"")),
    "a short curve": (WHOLE, compare.main, CURVES, table(lambda one: one[1:])),
    "predictions of one run": (WHOLE, report.main, SAID, tensors(validation_labels=ONE[0])),
    "predictions as floats": (WHOLE, report.main, SAID, tensors(validation_labels=ONE.astype(np.float32))),
    "predictions of no class": (WHOLE, report.main, SAID, tensors(validation_labels=ONE + np.uint8(77))),
    "no probabilities": (WHOLE, report.main, SAID, tensors(validation_probabilities=None)),
    "an older reference": (WHOLE, compare.main, REFERENCE, written(b"model,kernel_size,parameters\n")),
    "a time is NaN": (WHOLE, timing.main, TIMES, table(lambda one: one.assign(training_seconds=np.nan))),
    "a machine cut": (WHOLE, timing.main, MACHINE, cut),
    "an older machine": (WHOLE, timing.main, MACHINE, written(b'{"processor": "x"}')),
    "statements cut": (WHOLE, report.main, PLOTS / "statements.json", cut),
    "markup": (WHOLE, report.main, PLOTS / "effects.csv", table(lambda one: one.assign(effect="<script>"))),
    "no networks": (WHOLE, report.main, PLOTS / "networks.csv", Path.unlink),
}


@pytest.mark.parametrize("fault", SCRIPTS)
def test_script_says_in_one_line_what_is_wrong(
    fault: str,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, main, path, change = SCRIPTS[fault]
    shutil.copytree(made / folder, tmp_path, dirs_exist_ok=True, copy_function=os.link)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--model", NETWORK.model, "--kernel", NETWORK.kernel])
    monkeypatch.setattr(numerics, "choose", lambda _: None)  # PyTorch is here already
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
