"""The texts in the repository agree: README and report, both languages, links, and the lists of packages.

test_pipeline.py and test_experiments.py run the commands of the README.
"""

import json
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
from mnist_cnn.reporting.markdown import PARTS, render_answer, render_report, replace_answer
from mnist_cnn.reporting.text import SUFFIXES
from mnist_cnn.statistics.study import analyse
from tests.support.params import set_keys
from tests.support.repositories import TOP, run

READMES = {language: TOP / f"README{suffix}" for language, suffix in SUFFIXES.items()}
PAGES = sorted(Path(name) for name in run(TOP, "git ls-files '*.md'").splitlines())
MAX_LINES = 120
COMMITTED = "git show HEAD:plots/timing.csv"  # a user's own run writes other times
RATIOS = {  # kernel 7×7 to 3×3, two convolutional layers to one
    "en": r"7×7 kernels train about (\S+) as long .* about (\S+) times as long",
    "ru": r"7×7 обучаются примерно (\S+) дольше, .* примерно в (\S+) раза? дольше",
}
TIMES = {  # minutes of the study, GB; runs of the trial, and of the study; minutes of the trial
    "en": (
        r"takes about (\d+) minutes on 2 cores .* needs (\d+) GB",
        r"(\d+) of the (\d+) runs, in about (\d+) minutes",
    ),
    "ru": (
        r"примерно (\d+) минут на 2 ядрах .* нужно (\d+) ГБ",
        r"(\d+) запусков из (\d+), примерно (\d+) минут",
    ),
}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_answer(readme: str) -> str:
    return re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "", readme, flags=re.DOTALL)


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
    assert read(TOP / f"report/answer{suffix}") == "\n".join(answer.values())
    readme = read(READMES[language])
    assert readme == replace_answer(readme, answer)


@pytest.mark.parametrize("language", READMES)
def test_answer_comes_first_then_the_figure_then_the_commands(language: str) -> None:
    text = read(READMES[language])
    commands = ("\ngit clone", "\nsource", "\ndvc", "\nmake repro")
    parts = (f"<!-- {part} -->" for part in PARTS)
    order = ("# ", *parts, "(report/figures/accuracy_cost.svg)", *commands)
    positions = [text.index(one) for one in order]
    assert positions == sorted(positions)
    assert text[: positions[1]].count("\n") == 2
    assert len(without_answer(text).splitlines()) <= MAX_LINES


def find(pattern: str, language: str) -> list[float]:
    """Returns the numbers that a README names, in the groups of a pattern."""
    (words,) = re.findall(pattern, " ".join(without_answer(read(READMES[language])).split()))
    return [{"twice": 2.0, "вдвое": 2.0}.get(word) or float(word.replace(",", ".")) for word in words]


@pytest.mark.parametrize("language", READMES)
def test_ratios_of_training_time_are_about_those_that_are_committed(language: str, tmp_path: Path) -> None:
    (tmp_path / "timing.csv").write_text(run(TOP, COMMITTED), encoding="utf-8")
    timing = read_table(tmp_path / "timing.csv").set_index("name")["ratio"]
    committed = [timing["kernel large-small"], timing["conv 2-1"]]
    assert find(RATIOS[language], language) == pytest.approx(committed, rel=0.25)


@pytest.mark.parametrize("language", READMES)
def test_time_and_disk_are_about_those_that_were_measured(language: str) -> None:
    study, text = json.loads(read(TOP / "benchmarks/results.json"))["study"], read(READMES[language])
    minutes, params = study["wall_seconds"] / 60, load_params(TOP / "params.yaml")
    full, trial = (find(pattern, language) for pattern in TIMES[language])
    assert full == pytest.approx([minutes, study["disk_bytes"] / 1e9], rel=0.25)
    assert re.findall(r"^make repro .* (\d+) minutes on 2 cores", text, re.MULTILINE) == [f"{full[0]:.0f}"]
    seeds, folds = re.findall(r"--name trial .*seeds=(\[.*?\]).*folds=(\[.*?\])", text)[0]
    runs = len(params.networks()) * len(json.loads(seeds)) * len(json.loads(folds))
    fixed = study["share_outside"]  # the other stages, and what each stage does besides training
    shorter = minutes * (fixed + (1 - fixed) * runs / study["runs"])
    assert trial == [runs, study["runs"], pytest.approx(shorter, rel=0.25)]
    assert study["runs"] == len(params.networks()) * len(params.train.seeds) * len(params.train.folds)
    assert study["machine"]["cores"] == "2"


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
