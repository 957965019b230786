"""The benchmark of replication: noise, rates and counts, and the sentences and tables that repeat them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import rates, replication, simulation
from benchmarks.replication import LONGER, SECOND, Replication
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.tables import write_table
from mnist_cnn.statistics.statements import definite
from mnist_cnn.statistics.study import analyse
from tests.support.params import write_params
from tests.support.repositories import TOP
from tests.support.studies import grid, simulate_runs


@pytest.mark.parametrize(
    ("verdict", "direction", "truth", "false"),
    [
        ("more", 1, 0.003, False),
        ("more", 1, -0.003, True),
        ("more", 1, 0.002, True),
        ("at_most", 0, 0.002, False),
        ("at_most", 0, -0.0021, True),
        ("at_most", 1, 0.0, True),
        ("undecided", 0, 0.5, False),
        ("undecided", -1, 0.001, True),
        ("good", 0, -0.002, False),
        ("good", 0, -0.0021, True),
        ("worse", 0, -0.002, True),
        ("worse", 0, -0.0021, False),
    ],
)
def test_false_statements(verdict: str, direction: int, truth: float, false: bool) -> None:
    assert rates.is_false(verdict, direction, truth, 0.002) is false


def test_noise_is_estimated_from_simulated_counts() -> None:
    """40 networks, 3 seeds and 20 folds estimate two of the three closely; 20 folds give one effect each."""
    rng, (networks, seeds, folds) = np.random.default_rng(3), (40, 3, 20)
    accuracy = (
        0.98
        + rng.normal(0, 0.0008, (networks, seeds, folds))
        + rng.normal(0, 0.0005, (networks, 1, folds))
        + rng.normal(0, 0.0012, folds)
    )
    index = pd.MultiIndex.from_product([range(n) for n in accuracy.shape], names=["network", "seed", "fold"])
    runs = pd.DataFrame({"validation_correct": 1e6 * accuracy.ravel()}, index).reset_index()
    runs["validation_images"] = 1e6
    noise = simulation.estimate_noise(pd.concat([runs, runs[:100]]).sample(frac=1, random_state=0))
    assert noise.run == pytest.approx(0.0008, rel=0.05)
    assert noise.network_fold == pytest.approx(0.0005, rel=0.1)
    assert noise.fold == pytest.approx(0.0012, rel=0.4)
    one = simulation.estimate_noise(runs[runs.seed == 0])
    assert one.run == pytest.approx(np.hypot(0.0008, 0.0005), rel=0.05)
    assert one.network_fold == 0


def test_simulated_studies_have_the_noise_that_is_asked_for() -> None:
    design = simulation.Design((), grid().criteria, 4, 30, 10**9, simulation.Noise(0.001, 0.0007, 0.002))
    fit = simulation.simulate_fit(np.full(60, 0.98), design, np.random.default_rng(1))
    assert fit.mse == pytest.approx(0.001**2 / 4 + 0.0007**2, rel=0.1)
    assert fit.fold_variance - fit.mse == pytest.approx(0.002**2, rel=0.6)


def test_goals_that_are_missed_are_named() -> None:
    values = {name: {"as seen": goal, "no difference": goal} for name, (_, goal) in rates.GOALS.items()}
    table = pd.DataFrame(values).T
    assert rates.missed_goals(table) == []
    table.loc["both choose the same network"] = 0.4
    table.loc[rates.CONTRADICTED] = 0.01
    assert rates.missed_goals(table) == [
        f"{rates.CONTRADICTED} (as seen)",
        f"{rates.CONTRADICTED} (no difference)",
        "both choose the same network (as seen)",
    ]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Changes to a directory with the tables of a study, and of one with other seeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rates, "PAIRS", 4)
    params = grid(seeds=(0, 1))
    write_params(tmp_path, params)
    write_table(replication.COMMITTED, simulate_runs(params))
    runs = simulate_runs(params, seed=1)
    write_table(SECOND, runs.assign(seed=runs.seed + 2))
    return params


@pytest.mark.usefixtures("params")
def test_pages_contain_the_tables_of_the_studies_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for page, marker in ((replication.STATISTICS, "replication"), (replication.BENCHMARKS, "recipes")):
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"before\n<!-- {marker} -->\nstale\n<!-- /{marker} -->\nafter\n", encoding="utf-8")
    replication.main()
    text = replication.STATISTICS.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- replication -->\n### ")
    assert text.endswith("<!-- /replication -->\nafter\n")
    assert "stale" not in text
    assert "with 2 seeds (2, 3), confirms" in text
    assert "Left out: `benchmarks/longer_runs.csv` is missing" in text
    assert text.count(f"| {rates.CONTRADICTED} | ≤ 0.1 % |") == 1
    assert capsys.readouterr().out in text
    rows = replication.BENCHMARKS.read_text(encoding="utf-8").splitlines()
    assert [row.split(" | ")[2] for row in rows if row.startswith("| `")] == ["0, 1", "2, 3"]


def test_contradictions_and_other_grids_are_seen(params: Params) -> None:
    runs = simulate_runs(params)
    mirrored = runs.assign(validation_correct=19_600 - runs.validation_correct)
    write_table(LONGER, mirrored.drop(columns=["validation_loss", "train_loss", "train_accuracy"]))
    committed = analyse(runs, params)
    found = replication.compare(committed, analyse(mirrored, params))
    assert {"conv 2-1", "tier conv3_linear2-large"} <= set(found.contradicted)
    text = replication.side_by_side(committed, LONGER, params)
    assert f"undecided and contradicts {', '.join(found.contradicted)}. " in text
    write_table(LONGER, mirrored.assign(kernel_size=mirrored.kernel_size + 2))
    assert replication.side_by_side(committed, LONGER, params).startswith("Left out: ")


def sentences(found: Replication, language: str) -> tuple[str, str]:
    """Returns what a README says of another study: what it chooses, and what it makes of the conclusions."""
    (chosen, other), share = found.chosen, f"{100 * found.predicted:.0f} %"
    names = f"{len(found.contradicted)} ({', '.join(found.contradicted)})"
    if language == "en":
        choice = (
            f"chooses {other} again"
            if chosen == other
            else f"chooses {other}, which had a probability of {share}"
        )
        return choice, (
            f"confirms {found.confirmed}, leaves {found.undecided or 'none'} undecided and contradicts"
            f" {names if found.contradicted else 'none'}"
        )
    choice = (
        f"выбрана {other}, как и здесь"
        if chosen == other
        else f"выбрана {other}; вероятность этого оценивалась в {share}"
    )
    contradicted = f"опровергает {names}" if found.contradicted else "не опровергает ни одного"
    return choice, f"подтверждает {found.confirmed} и {contradicted}"


STUDIES = {
    SECOND: {
        "en": ("with seeds {} (instead of {})", "The repeat"),
        "ru": ("с сидами {} (вместо {})", "Повторение"),
    },
    LONGER: {
        "en": ("with {} epochs (instead of {:.0f})", "the study with more epochs"),
        "ru": ("При {} эпохах (вместо {:.0f})", "исследование с другим числом эпох"),
    },
}
TOTAL = {
    "en": "{} definite conclusions ([listed here]({})): {} about networks, {} about average effects, and {}",
    "ru": "{} однозначных выводов ([список]({})): {} о сетях, {} о средних эффектах и {}",
}
LIST = "docs/statistics.md#do-the-conclusions-hold"


@pytest.mark.parametrize("path", STUDIES, ids=str)
def test_readmes_and_pages_have_the_counts_of_the_committed_tables(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(TOP)
    params = load_params()
    committed, other = replication.load(replication.COMMITTED, params), replication.load(path, params)
    assert committed is not None
    page = replication.STATISTICS.read_text(encoding="utf-8")
    assert replication.side_by_side(committed, path, params) in page
    assert replication.recipes(committed, params) in replication.BENCHMARKS.read_text(encoding="utf-8")
    if other is None:
        return
    found = replication.compare(committed, other)
    for language, readme in (("en", "README.md"), ("ru", "README.ru.md")):
        text = " ".join(Path(readme).read_text(encoding="utf-8").split())
        word = {"en": " and ", "ru": " и "}[language]
        seeds = [word.join(map(str, study.seeds)) for study in (found, committed.summary)]
        epochs = replication.LONGER_EPOCHS, params.train.epochs
        difference, name = STUDIES[path][language]
        difference = difference.format(*(seeds if path == SECOND else epochs))
        choice, conclusions = sentences(found, language)
        names = definite(replication.all_statements(committed))
        networks, layouts = (sum(name.startswith(kind) for name in names) for kind in ("tier ", "kernel in "))
        counts = len(names), LIST, networks, len(names) - networks - layouts, layouts
        total = TOTAL[language].format(*counts)
        for part in (f"{difference} {choice}.", total, f"{name} {conclusions}"):
            assert part.lower() in text.lower(), f"{readme} should have: {part}"
