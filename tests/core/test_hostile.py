"""Hostile files: an attack works where the defence is taken away, and fails where it is in place.

Ruff's rules "S" (pyproject.toml) keep `eval`, shells, `pickle.load` and unsafe loaders out of the sources.
The one pickle that is read has its test in tests/sources/test_fetch.py, compressed files in test_idx.py.
"""

import contextlib
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mnist_cnn.core import params, params_file
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_tensors
from mnist_cnn.core.params import ParamsError, load_params
from tests.support.repositories import TOP

HACKED = Path("hacked")


class Attack:
    """Makes a directory as soon as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(HACKED),)


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def works(attack: Callable[[], object]) -> bool:
    """Returns whether an attack, which may well end with an error, has made its directory."""
    with contextlib.suppress(AttributeError, UserError):
        attack()
    worked = HACKED.exists()
    if worked:
        HACKED.rmdir()
    return worked


def test_weights_are_not_unpickled() -> None:
    content = pickle.dumps(Attack())
    Path("weights.safetensors").write_bytes(content)
    assert not works(lambda: read_tensors(Path("weights.safetensors"), {}))
    assert works(lambda: pickle.loads(content))


def test_params_call_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("params.yaml")
    path.write_text(f"data: !!python/object/apply:os.mkdir [{HACKED}]\n", encoding="utf-8")
    assert not works(lambda: load_params(path))
    assert issubclass(params_file._PlainLoader, yaml.SafeLoader)
    monkeypatch.setattr(params_file, "_PlainLoader", yaml.UnsafeLoader)
    assert works(lambda: load_params(path))


# Names that point outside the directory, or into a shell

NAMES = [
    *("../x", "/tmp/x", "a/b", "a\\b", "~", ".", "..", "a.", "a ", " a", "", "x" * 300, "x" * 41, "1a", "_a"),
    *("a;b", "$(x)", "`x`", "a|b", "a>b", "a&b", "a b", "a\nb", "a\0b", "--model", "a-b", "a'b", 'a"b'),
    *("${x}", "%x%", "аbc", "ｍodel", "ﬁve", "a\u200b", "a\u0301", "é"),
    *("CON", "con", "Nul", "aux", "PRN", "com1", "LPT9"),
    *(3, None, True),
]


@pytest.mark.parametrize("section", ["kernels", "models"])
def test_hostile_names_are_refused(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (TOP / "params.yaml").read_text(encoding="utf-8")

    def load(name: object) -> params.Params:
        content = yaml.safe_load(text)
        content[section][name] = 9 if section == "kernels" else {"conv_channels": [3], "hidden_units": []}
        Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return load_params()

    assert "x" * 40 in getattr(load("x" * 40), section)
    for name in NAMES:
        with pytest.raises(ParamsError, match=f"^params.yaml: {section}: the name "):
            load(name)
    monkeypatch.setattr(params, "NAME", re.compile("(?s).*"))
    monkeypatch.setattr(params, "RESERVED", re.compile("never"))
    for name in filter(lambda name: isinstance(name, str), NAMES):
        assert name in getattr(load(name), section)


def test_a_name_that_is_not_in_the_grid_is_no_path() -> None:
    for name in NAMES:
        with pytest.raises(ParamsError, match=r"params.yaml: no "):
            load_params(TOP / "params.yaml").network("conv1_linear1", str(name))
