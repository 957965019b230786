"""Hostile files: an attack works where the defence is taken away, and comes to nothing where it stands."""

import ast
import contextlib
import gzip
import os
import pickle
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt

from mnist_cnn.core import mnist
from mnist_cnn.core import params
from mnist_cnn.core import params_file
from mnist_cnn.sources import fetch as sources
from mnist_cnn.reporting import html as webpage
from mnist_cnn.reporting import text as words
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_array, read_json, read_tensors
from mnist_cnn.core.params import ParamsError, load_params
from tests.support.studies import sample
from tests.support.repositories import TOP

HACKED = Path("hacked")
SOURCES = sorted((TOP / "src").rglob("*.py"))


class Attack:
    """Makes a folder as soon as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(HACKED),)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def works(attack: Callable[[], object]) -> bool:
    """Says whether an attack, which may well end with an error, has made its folder."""
    with contextlib.suppress(AttributeError, TypeError, ValueError, pickle.UnpicklingError, UserError):
        attack()
    made = HACKED.exists()
    if made:
        HACKED.rmdir()
    return made


# Nothing is run that a file names


def test_arrays_are_not_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("array.npy", np.array([Attack()], dtype=object), allow_pickle=True)
    assert not works(lambda: read_array(Path("array.npy")))
    read = np.lib.format.read_array
    monkeypatch.setattr(np.lib.format, "read_array", lambda file, **_: read(file, allow_pickle=True))
    assert works(lambda: read_array(Path("array.npy")))


def test_weights_are_not_unpickled() -> None:
    content = pickle.dumps(Attack())
    Path("weights.safetensors").write_bytes(content)
    assert not works(lambda: read_tensors(Path("weights.safetensors"), {}))
    assert works(lambda: pickle.loads(content))


def test_the_one_pickle_names_arrays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash is checked before it is opened: test_package_gives_the_files_if_its_checksum_is_right."""
    content = gzip.compress(pickle.dumps(Attack()))
    with zipfile.ZipFile("wheel.whl", "w") as archive:
        archive.writestr(sources.PICKLE, content)
    assert not works(lambda: sources._arrays(Path("wheel.whl")))
    monkeypatch.delattr(sources._ArraysOnly, "find_class")
    assert works(lambda: sources._arrays(Path("wheel.whl")))


def test_params_call_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("params.yaml")
    path.write_text(f"data: !!python/object/apply:os.mkdir [{HACKED}]\n", encoding="utf-8")
    assert not works(lambda: load_params(path))
    monkeypatch.setattr(params_file, "_PlainLoader", yaml.UnsafeLoader)
    assert works(lambda: load_params(path))


def test_nothing_else_unpickles_unpacks_or_calls_a_shell() -> None:
    """The class that reads a pickle is the one above, the loader of YAML a safe one."""
    called = [
        (path.name, ast.unparse(node.func))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    banned = r"eval|exec|os\.system|os\.popen|(torch|joblib|marshal|pickle|pd)\.(load|loads|read_pickle)"
    banned += r"|.*\.(extract|extractall|unpack_archive|UnsafeLoader|FullLoader)"
    assert [one for one in called if re.fullmatch(banned, one[1])] == []
    assert [one for one in called if one[1] == "yaml.load"] == [("params_file.py", "yaml.load")]
    assert issubclass(params_file._PlainLoader, yaml.SafeLoader)
    for path in SOURCES:
        assert not re.search(
            r"shell=True|allow_pickle=True|autoescape=False", path.read_text(encoding="utf-8")
        )


# Bombs


def peak(read: Callable[[], object]) -> int:
    """Returns how many bytes were in use at once."""
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        read()
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


def test_a_bomb_of_gzip_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(10**7))
    assert len(bomb) < 20_000
    monkeypatch.setattr(mnist, "MOST_BYTES", 10**5)
    assert peak(lambda: mnist.unpacked(bomb)) < 10**6
    monkeypatch.setattr(mnist, "MOST_BYTES", 10**8)
    assert peak(lambda: mnist.unpacked(bomb)) > 10**7


@pytest.mark.parametrize("shape", [(10**15,), (2**40, 28, 28), (10**9, 10**9, 10**9)])
def test_a_header_that_promises_too_much(shape: tuple[int, ...]) -> None:
    with Path("array.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with pytest.raises(UserError, match=r"^array.npy .*is not as its stage wrote it"):
        read_array(Path("array.npy"), *shape[1:])
    form = f'{{"a": {{"dtype": "F32", "shape": {[*shape]}, "data_offsets": [0, 4]}}}}'.encode()
    for length in (len(form), 2**60):
        Path("a.safetensors").write_bytes(struct.pack("<Q", length) + form + bytes(4))
        with pytest.raises(UserError, match=r"^a.safetensors is not as"):
            read_tensors(Path("a.safetensors"), {})


def test_json_that_is_nested_too_deeply() -> None:
    Path("a.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UserError, match=r"^a.json is not as"):
        read_json(Path("a.json"))


# Names that want out of the folder, or into a shell

NAMES = [
    *("../x", "/tmp/x", "a/b", "a\\b", "~", ".", "..", "a.", "a ", " a", "", "x" * 300, "x" * 41, "1a", "_a"),
    *(
        "a;b",
        "$(x)",
        "`x`",
        "a|b",
        "a>b",
        "a&b",
        "a b",
        "a\nb",
        "a\0b",
        "--model",
        "a'b",
        'a"b',
        "${x}",
        "%x%",
    ),
    *("аbc", "ｍodel", "ﬁve", "a\u200b", "a\u0301", "é"),
    *("CON", "con", "Nul", "aux", "PRN", "com1", "LPT9"),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: re.sub(r"\W+", "_", name, flags=re.ASCII)[:30])
@pytest.mark.parametrize("section", ["kernels", "models"])
def test_hostile_names_are_refused(section: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    content[section][name] = 9 if section == "kernels" else {"conv_channels": [3], "hidden_units": []}
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ParamsError, match=f"^params.yaml: {section}: the name "):
        load_params()
    monkeypatch.setattr(params, "NAME", re.compile("(?s).*"))
    monkeypatch.setattr(params, "RESERVED", re.compile("never"))
    assert name in getattr(load_params(), section)


def test_a_place_that_is_not_in_the_grid_is_no_path() -> None:
    for name in NAMES:
        with pytest.raises(ParamsError, match=r"params.yaml: no "):
            load_params(TOP / "params.yaml").network("conv1_linear1", name)


# Text that wants to be more than text

MARKUP = [
    "<script>x</script>",
    "[a](javascript:x)",
    "![a](https://a/b)",
    "`x`",
    "a|b",
    "<!-- /answer -->",
    "$x$",
]


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_tables_and_statements_is_refused(text: str) -> None:
    usual = sample()
    words.refuse_markup(usual.summary, *(one.to_dict("list") for one in (usual.networks, usual.effects)))
    for content in (usual.summary | {"chosen": text}, usual.summary | {text: 1}, {"a": [{"b": [text]}]}):
        with pytest.raises(ValueError, match="is no plain name"):
            words.refuse_markup(content)


def test_the_page_shows_markup_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    markdown = "# <script>x</script>\n\n<script>x</script>\n\n[a](javascript:x)\n"
    page = webpage.render_page({"en": (markdown, markdown)}, {})
    assert "<script>x" not in page
    assert 'href="javascript' not in page
    lax = MarkdownIt("commonmark", {"html": True})
    lax.validateLink = lambda _: True  # type: ignore[method-assign]
    monkeypatch.setattr(webpage, "PARSER", lax)
    page = webpage.render_page({"en": (markdown, markdown)}, {})
    assert "<script>x" in page
    assert 'href="javascript' in page
