"""What `dvc plots show` and `dvc plots diff` draw: charts that fit their tables, and need no network."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import vl_convert
import yaml

import compare
import timing
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_text
from mnist_cnn.reporting import dvc_plots
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed
from tests.support.repositories import TOP, commit, copy_sources, run
from tests.support.studies import PARAMS, write_simulated_study

PIPELINE = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
TEMPLATES = {path.stem: path.read_text(encoding="utf-8") for path in (TOP / ".dvc/plots").glob("*.json")}


def named(entries: list[Any]) -> dict[str, dict[str, Any]]:
    """Returns the entries of a list in dvc.yaml, each a name alone or with its properties."""
    return {
        name: properties or {}
        for entry in entries
        for name, properties in (entry.items() if isinstance(entry, dict) else [(entry, None)])
    }


def charts() -> dict[str, tuple[str, dict[str, Any]]]:
    """Returns every chart of dvc.yaml by its name: its table and its properties."""
    found = {}
    for name, properties in named(PIPELINE["plots"]).items():
        if isinstance(properties.get("y"), dict):
            ((table, column),) = properties["y"].items()
            found[name] = (table, properties | {"y": column})
    for stage in PIPELINE["stages"].values():
        tables = named(stage.get("plots", []))
        found |= {table: (table, tables[table]) for table in tables if table.endswith(".csv")}
    return found


def parts(spec: Any) -> list[dict[str, Any]]:
    """Lists all objects inside a specification."""
    inner = spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else []
    return ([spec] if isinstance(spec, dict) else []) + [part for item in inner for part in parts(item)]


def used_columns(spec: dict[str, Any]) -> set[str]:
    """Returns the columns that a template takes from its tables: fields that no transform computes."""
    fields = set(re.findall(r"datum\.(\w+)", json.dumps(spec)))
    computed = {"rev", "label"}  # an axis has labels
    for part in parts(spec):
        fields |= {part["field"]} if isinstance(part.get("field"), str) else set()
        fields |= set(part.get("groupby", []))
        computed |= {part["as"]} if isinstance(part.get("as"), str) else set()
    return fields - computed


def write_study(top: Path, large: int) -> None:
    write_simulated_study(top, changed(PARAMS, kernels=PARAMS.kernels | {"large": large}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        compare.main()
        timing.main()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Creates a repository with a committed study, and in its workspace one with another kernel size."""
    top = tmp_path_factory.mktemp("plots")
    copy_sources(top)
    shutil.copytree(TOP / "plots", top / "plots")
    write_text(top / "report/figures/mistakes.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    write_study(top, large=7)
    run(top, "git init --quiet")
    commit(top, "first")
    write_study(top, large=9)
    return top


@pytest.mark.parametrize(
    ("command", "revisions"),
    [("show", ["workspace"]), ("diff HEAD", ["HEAD", "workspace"])],
    ids=["show", "diff"],
)
def test_charts_are_drawn(repository: Path, command: str, revisions: list[str]) -> None:
    drawn = json.loads(run(repository, f"dvc plots {command} --json"))["data"]
    assert set(charts()) <= set(drawn)
    for name in charts():
        (chart,) = drawn[name]
        assert sorted(chart["revisions"]) == revisions, name
        assert "DVC_METRIC" not in json.dumps(chart["content"]), name
        svg = vl_convert.vegalite_to_svg(chart["content"], vl_version=dvc_plots.VEGA_LITE)
        marks = re.findall(r'aria-roledescription="(?:point|rect mark|line mark|rule mark)', svg)
        assert len(marks) > 5, name
        if len(revisions) > 1:
            assert all(f">{revision}<" in svg for revision in revisions), name
        assert "NaN" not in svg, name


def test_charts_fit_their_tables(repository: Path) -> None:
    assert set(TEMPLATES) == {properties["template"] for _, properties in charts().values()}
    columns: dict[str, set[str]] = {}
    for table, properties in charts().values():
        header = set((repository / table).read_text(encoding="utf-8").partition("\n")[0].split(","))
        assert {properties["x"], properties["y"]} <= header
        columns.setdefault(properties["template"], set()).update(header)
    for name, text in TEMPLATES.items():
        assert used_columns(json.loads(text)) <= columns[name], name


def test_metrics_that_a_kernel_changes_are_few(repository: Path) -> None:
    changes = json.loads(run(repository, "dvc metrics diff HEAD --json"))
    rows = [row for metrics in changes.values() for row in metrics]
    networks = [f"{model}-large" for model in PARAMS.models]
    expected = {f"{key}.{name}" for key in ("accuracy", "cpu_seconds") for name in networks}
    assert {row for row in rows if "." in row} == expected
    assert len(rows) <= len(expected) + 6


@pytest.fixture(scope="module")
def page(repository: Path) -> Path:
    """Writes the page, and names it in DVC's configuration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        dvc_plots.main()
    return repository / dvc_plots.DVC_FOLDER / dvc_plots.PAGE


def test_page_loads_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("{plot_divs}") == 1
    assert text.count("<script") == text.count("<script>") == text.count("</script>") == 2
    assert not re.search(r"<link|@import|url\(http", text)
    assert '<meta charset="utf-8">' in text


def test_page_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"\.dvc does not exist"):
        dvc_plots.main()


@in_chromium
def test_page_is_drawn_without_a_network(repository: Path, page: Path, browser: Browser) -> None:
    effects = repository / "plots/effects.csv"
    before = effects.read_text(encoding="utf-8")
    effects.write_text(before.partition("\n")[0] + "\n", encoding="utf-8")  # as of one network
    try:
        run(repository, "dvc plots show")
    finally:
        effects.write_text(before, encoding="utf-8")
    result = repository / "dvc_plots/index.html"
    assert page.read_text(encoding="utf-8").partition("{plot_divs}")[0] in result.read_text(encoding="utf-8")
    browser.open(result, "true")
    browser.wait(f"document.querySelectorAll('.marks').length === {len(charts()) - 1}")
    body = browser.run("document.body.innerHTML").partition("</header>")[2]
    assert body.count("its table has no rows") == 1
    assert body.count("<img") == body.count('alt="Samples"') + body.count('alt="Mistakes"') == 2
