"""What `dvc plots show` and `dvc plots diff` draw: charts that fit their tables, and need no network."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import vl_convert
import yaml

import compare
import timing
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import load_params
from mnist_cnn.reporting import dvc_plots as plots_page
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed
from tests.support.studies import write_simulated_study

TOP = Path(__file__).parents[2]
PIPELINE = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
TEMPLATES = {path.stem: path for path in (TOP / ".dvc/plots").glob("*.json")}


def named(entries: list[Any]) -> dict[str, dict[str, Any]]:
    """Gives the entries of a list in dvc.yaml, each a name alone or with its properties."""
    return {
        name: properties or {}
        for entry in entries
        for name, properties in (entry.items() if isinstance(entry, dict) else [(entry, None)])
    }


def charts() -> dict[str, tuple[str, dict[str, Any]]]:
    """Finds every chart of dvc.yaml: its name, its table and its properties."""
    found = {}
    for name, properties in named(PIPELINE["plots"]).items():
        if isinstance(properties.get("y"), dict):
            ((table, column),) = properties["y"].items()
            found[name] = (table, properties | {"y": column})
    for stage in PIPELINE["stages"].values():
        for table, properties in named(stage.get("plots", [])).items():
            if table.endswith(".csv"):
                found[table] = (table, properties)
    return found


def parts(spec: Any) -> list[dict[str, Any]]:
    """Lists all objects inside a specification."""
    inner = spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else []
    return ([spec] if isinstance(spec, dict) else []) + [part for item in inner for part in parts(item)]


def used_columns(spec: dict[str, Any]) -> set[str]:
    """Finds the columns that a template takes from its tables: fields that no transform makes."""
    fields = set(re.findall(r"datum\.(\w+)", json.dumps(spec)))
    made = {"rev"}
    for part in parts(spec):
        fields |= {part["field"]} if isinstance(part.get("field"), str) else set()
        fields |= set(part.get("groupby", []))
        made |= {part["as"]} if isinstance(part.get("as"), str) else set()
    return fields - made


def test_every_template_has_its_chart() -> None:
    assert set(TEMPLATES) == {properties["template"] for _, properties in charts().values()}


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name: str) -> None:
    text = TEMPLATES[name].read_text(encoding="utf-8")
    spec = json.loads(text)
    assert spec["$schema"] == "https://vega.github.io/schema/vega-lite/v5.json"
    assert spec["data"] == {"values": "<DVC_METRIC_DATA>"}
    assert spec["title"]["text"] == "<DVC_METRIC_TITLE>"
    assert '"width": "<DVC_METRIC_PLOT_WIDTH>"' in text
    assert any(part.get("field") == "rev" for part in parts(spec)), "two revisions would look the same"


def test_every_file_is_written_by_a_stage() -> None:
    top = [name for name, properties in named(PIPELINE["plots"]).items() if not properties]
    kinds, stages = ("outs", "metrics", "plots"), PIPELINE["stages"].values()
    written = {path for stage in stages for kind in kinds for path in named(stage.get(kind, []))}
    assert {*top, *(table for table, _ in charts().values())} <= written


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a repository with a study in a commit; in the workspace is one with another kernel size."""
    top = tmp_path_factory.mktemp("plots")
    (top / ".dvc").mkdir()
    for name in ("dvc.yaml", ".dvc/config", ".dvc/.gitignore", ".gitignore"):
        shutil.copy(TOP / name, top / name)
    for name in (".dvc/plots", "plots"):
        shutil.copytree(TOP / name, top / name)
    write_text(top / "report/figures/mistakes.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    write_study(top, large=7)
    for command in ("init -q", "add .", "-c user.name=test -c user.email=test@localhost commit -qm first"):
        subprocess.run(["git", *command.split()], cwd=top, check=True)
    write_study(top, large=9)
    return top


def write_study(top: Path, large: int) -> None:
    params = load_params(TOP / "params.yaml")
    write_simulated_study(top, changed(params, kernels=params.kernels | {"large": large}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        compare.main()
        timing.main()


def dvc(top: Path, *arguments: str) -> str:
    """Runs dvc and returns what it prints."""
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=top, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("arguments", "revisions"),
    [(["show"], ["workspace"]), (["diff", "HEAD"], ["HEAD", "workspace"])],
    ids=["show", "diff"],
)
def test_charts_are_drawn(repository: Path, arguments: list[str], revisions: list[str]) -> None:
    drawn = json.loads(dvc(repository, "plots", *arguments, "--json"))["data"]
    for name in charts():
        (chart,) = drawn[name]
        assert sorted(chart["revisions"]) == revisions, name
        assert "DVC_METRIC" not in json.dumps(chart["content"]), name
        svg = vl_convert.vegalite_to_svg(chart["content"], vl_version=plots_page.VEGA_LITE)
        assert len(re.findall(r'aria-roledescription="(?:point|rect mark|line mark|rule mark)', svg)) > 5, (
            name
        )
        if len(revisions) > 1:
            assert all(f">{revision}<" in svg for revision in revisions), name
        assert "NaN" not in svg, name


def test_charts_fit_their_tables(repository: Path) -> None:
    columns: dict[str, set[str]] = {}
    for table, properties in charts().values():
        header = set((repository / table).read_text(encoding="utf-8").partition("\n")[0].split(","))
        assert {properties["x"], properties["y"]} <= header
        columns.setdefault(properties["template"], set()).update(header)
    for name, path in TEMPLATES.items():
        used = used_columns(json.loads(path.read_text(encoding="utf-8"))) - {"label"}  # an axis has labels
        assert used <= columns[name], name


def test_metrics_that_a_kernel_changes_are_few(repository: Path) -> None:
    changes = json.loads(dvc(repository, "metrics", "diff", "HEAD", "--json"))
    rows = [row for metrics in changes.values() for row in metrics]
    networks = [f"{model}-large" for model in load_params(repository / "params.yaml").models]
    expected = {f"{key}.{name}" for key in ("accuracy", "cpu_seconds") for name in networks}
    assert {row for row in rows if "." in row} == expected
    assert len(rows) <= len(expected) + 6 == 16


@pytest.fixture(scope="module")
def page(repository: Path) -> Path:
    """Makes the page and tells DVC of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        plots_page.main()
    return repository / plots_page.DVC_FOLDER / plots_page.PAGE


def test_page_holds_what_it_needs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("{plot_divs}") == 1
    assert text.count("<script") == text.count("<script>") == text.count("</script>") == 2
    assert not re.search(r"<link|@import|url\(http", text)
    assert '<meta charset="utf-8">' in text


def test_page_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"\.dvc is not here"):
        plots_page.main()


@in_chromium
def test_page_is_drawn_with_no_network(repository: Path, page: Path, browser: Browser) -> None:
    effects = repository / "plots/effects.csv"
    before = effects.read_text(encoding="utf-8")
    effects.write_text(before.partition("\n")[0] + "\n", encoding="utf-8")  # as one network leaves it
    try:
        dvc(repository, "plots", "show")
    finally:
        effects.write_text(before, encoding="utf-8")
    result = repository / "dvc_plots/index.html"
    assert page.read_text(encoding="utf-8").partition("{plot_divs}")[0] in result.read_text(encoding="utf-8")
    browser.open(result, "true")
    browser.wait(f"document.querySelectorAll('.marks').length === {len(charts()) - 1}")
    body = browser.run("document.body.innerHTML").partition("</header>")[2]
    assert body.count('class="marks') == len(charts()) - 1
    assert body.count("its table has no rows") == 1
    assert body.count("<img") == body.count('alt="Samples"') + body.count('alt="Mistakes"') == 2
