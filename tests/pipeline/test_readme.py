"""The texts in the repository agree: README and report, both languages, links, and the lists of packages.

test_pipeline.py and test_experiments.py run the commands of the README.
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mnist_cnn.core.params import load_params
from mnist_cnn.core.tables import read_table, write_table
from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.markdown import MARKERS, render_answer, render_report, replace_answer
from mnist_cnn.reporting.text import SUFFIXES
from mnist_cnn.statistics.study import analyse
from tests.support.params import set_keys
from tests.support.repositories import TOP, run

READMES = {language: TOP / f"README{suffix}" for language, suffix in SUFFIXES.items()}
PAGES = sorted(Path(name) for name in run(TOP, "git ls-files '*.md'").splitlines())
MAX_LINES = 135


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_answer(readme: str) -> str:
    return re.sub("{}.*?{}".format(*MARKERS), "", readme, flags=re.DOTALL)


def test_tables_are_those_of_the_committed_runs(tmp_path: Path) -> None:
    study = analyse(read_table(TOP / "plots/runs.csv"), load_params(TOP / "params.yaml"))
    for name, table in (("networks", study.networks), ("effects", study.effects)):
        write_table(tmp_path / name, table)
        assert read(tmp_path / name) == read(TOP / f"plots/{name}.csv")
    study.summary.write(tmp_path / "study.json")
    assert read(tmp_path / "study.json") == read(TOP / "plots/study.json")


@pytest.mark.parametrize("language", READMES)
def test_report_and_answer_are_those_of_the_committed_tables(language: str) -> None:
    names = ("networks", "effects", "learning_curves", "confusion")
    networks, effects, curves, confusion = (read_table(TOP / f"plots/{name}.csv") for name in names)
    summary, suffix = StudySummary.read(TOP / "plots/study.json"), SUFFIXES[language]
    report = render_report(networks, effects, summary, curves, confusion, language)
    assert read(TOP / f"report/report{suffix}") == report
    answer = render_answer(networks, effects, summary, language)
    assert read(TOP / f"report/answer{suffix}") == answer
    readme = read(READMES[language])
    assert readme == replace_answer(readme, answer)


@pytest.mark.parametrize("language", READMES)
def test_answer_comes_first_then_the_figure_then_the_commands(language: str) -> None:
    text = read(READMES[language])
    order = ("# ", MARKERS[0], "(report/figures/accuracy_cost.svg)", "$ git", "$ make repro")
    positions = [text.index(one) for one in order]
    assert positions == sorted(positions)
    assert text[: positions[1]].count("\n") == 2
    assert len(without_answer(text).splitlines()) <= MAX_LINES


def test_ratios_of_training_time_are_about_those_that_are_committed() -> None:
    timing = read_table(TOP / "plots/timing.csv").set_index("name")["ratio"]
    for language, words in (
        ("en", "about twice .* 3×3, .* about 1.9 times"),
        ("ru", "вдвое .* 3×3, .* 1,9 раза"),
    ):
        assert re.search(words, " ".join(read(READMES[language]).split()))
    assert timing["kernel large-small"] == pytest.approx(2, rel=0.25)
    assert timing["conv 2-1"] == pytest.approx(1.9, rel=0.25)


def test_translation_has_the_same_parts() -> None:
    parts = (r"^```.*?^```", r"^#+ ", r"!\[[^]]*\]\(([^)]*)\)", r"^- \[([^]]*)\]")
    english, russian = (
        [re.findall(part, read(path), re.DOTALL | re.MULTILINE) for part in parts]
        for path in READMES.values()
    )
    assert english == russian


def test_architecture_of_the_readme_is_one_that_params_allow(tmp_path: Path) -> None:
    (entry,) = re.findall(r"```yaml\n(.*?)```", read(READMES["en"]), flags=re.DOTALL)
    path = tmp_path / "params.yaml"
    path.write_bytes((TOP / "params.yaml").read_bytes())
    ((name, architecture),) = yaml.safe_load(entry).items()
    set_keys(path, {f"models.{name}": architecture})
    assert load_params(path).networks()[-1].conv_layers == 4


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read(TOP / page)):
        name, _, heading = link.partition("#")
        if not link.startswith("https://"):
            target = (TOP / page).parent / name if name else TOP / page
            assert target.exists(), link
            headings = re.findall(r"^#+ (.*)$", read(target), re.MULTILINE) if heading else []
            anchors = [re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings]
            assert not heading or heading in anchors, link


def test_lock_has_every_package_that_the_project_names() -> None:
    project = tomllib.loads(read(TOP / "pyproject.toml"))["project"]
    pins = dict(re.findall(r"^([\w.\-]+)==([^\s;]+)", read(TOP / "requirements.lock"), re.MULTILINE))
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in map(Requirement, chain.from_iterable(groups)):
        assert pins[requirement.name.lower()] in requirement.specifier, requirement


def test_way_from_the_parameters_to_the_choice_is_short() -> None:
    table = read(TOP / "docs/architecture.md").partition("## From params.yaml")[2].partition("\n## ")[0]
    files = re.findall(r"\]\(\.\./([^)]+)\)", table)
    assert files[0] == "params.yaml"
    assert sum(len(read(TOP / name).splitlines()) for name in files) < 1500
