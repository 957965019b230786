"""The report's content: a golden file, and studies that allow less to be said.

After a change that is meant: `PYTHONPATH=src:. python -m tests.test_report` writes the golden file anew.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.report.content import compose
from mnist_cnn.report.finding import finding
from mnist_cnn.report.markdown import escape, to_markdown
from mnist_cnn.report.page import to_page
from mnist_cnn.report.recommendation import reason_clause, reservation, short_reservation
from mnist_cnn.statistics.choice import Reason
from mnist_cnn.tables import StudyTables
from tests.conftest import TOP, simulated_study, simulated_tables

GOLDEN = Path(__file__).parent / "golden" / "report.md"


class Words(NamedTuple):
    """A figure without a drawing."""

    name: str
    title: str = "A figure"
    caption: str = "What its marks mean; 5 * 3 < 16."
    alternative_text: str = 'What it shows: a "line" [up].'


PICTURES = [Words(name) for name in ("accuracy_time", "effects", "ranking", "confusion", "extra")]


def study(params: Params, effect: float = 0.0015) -> StudyTables:
    return simulated_tables(params, simulated_study(params, kernel_effect=effect))


def golden() -> str:
    return to_markdown(compose(study(load_params(TOP / "params.yaml")), PICTURES))


def smaller(params: Params, models=None, kernels=None, folds=None) -> Params:
    """The grid of params.yaml with less in it."""
    train = params.train.model_copy(update={"folds": folds or params.train.folds})
    return params.model_copy(
        update={
            "models": {name: params.models[name] for name in models or params.models},
            "kernels": {name: params.kernels[name] for name in kernels or params.kernels},
            "train": train,
        }
    )


def both(tables: StudyTables) -> str:
    """Writes a report in both forms, and checks that the page says the same."""
    report = compose(tables, PICTURES)
    page = to_page(report, {picture.name: b"<svg/>" for picture in PICTURES})
    for section in report.sections:
        assert f'<h2 id="{section.anchor}">{section.title}</h2>' in page
    assert page.count("<img ") == len(PICTURES)
    assert page.count("<script") == 0
    return to_markdown(report)


def changed(tables: StudyTables, **summary) -> StudyTables:
    return tables._replace(summary=tables.summary.model_copy(update=summary))


@pytest.fixture(scope="module")
def usual(params: Params) -> StudyTables:
    return study(params)


def test_golden() -> None:
    assert golden() == GOLDEN.read_text(encoding="utf-8")


def test_same_study_gives_same_bytes(params: Params, usual: StudyTables) -> None:
    assert both(study(params)) == both(usual)


def test_reversed_effect_reverses_the_report(params: Params) -> None:
    up, down = both(study(params, 0.003)), both(study(params, -0.003))
    lead = "- **7×7 kernels instead of 3×3 (over 5 layouts)**"
    assert f"{lead} raise validation accuracy by" in up
    assert f"{lead} lower validation accuracy by" in down


def test_never_said(params: Params) -> None:
    for effect in (-0.003, 0.0, 0.0015, 0.003):
        text = both(study(params, effect)).lower()
        for words in ("significant", "no difference", "deeper", "is the best", "+0.00", "−0.00 "):
            assert words not in text, words


def test_kernel_by_layout_leaves_no_average(usual: StudyTables) -> None:
    tables = changed(usual, kernel_depends_on_layout=True)
    text = both(tables)
    assert "The kernel's effect on accuracy depends on the layout" in finding(tables)
    assert "for 7×7 kernels instead of 3×3 it is +0.3" in finding(tables)
    assert "(in conv3_linear2)** raise validation accuracy" in text
    assert "(over 5 layouts)** raise validation" not in text


def test_many_layouts_are_counted(usual: StudyTables) -> None:
    tables = changed(usual, kernel_depends_on_layout=True)
    rows = [row for row in tables.effects if row.scope != "all"]
    more = [row.model_copy(update={"scope": f"{row.scope}_wide"}) for row in rows]
    text = finding(tables._replace(effects=[*tables.effects, *more]))
    assert re.search(r"for 7×7 kernels instead of 3×3 it is positive, beyond the margin in \d layouts", text)
    assert sum(map(int, re.findall(r" in (\d+) layout", text))) == 10


def test_one_fold_allows_no_comparison(params: Params) -> None:
    text = both(study(smaller(params, folds=(0,))))
    assert "one fold allows no comparison" in text
    assert "## All networks" in text
    assert "figures/extra.svg" in text
    for words in ("Recommended", "## What each choice does", "interval"):
        assert words not in text, words


@pytest.mark.parametrize(
    ("models", "kernels", "said", "unsaid"),
    [
        (
            ("conv1_linear1",),
            ("small", "large"),
            "7×7 kernels instead of 3×3",
            "convolutional layers instead",
        ),
        (
            ("conv1_linear1", "conv2_linear1"),
            ("small",),
            "2 convolutional layers instead of 1",
            "kernels instead",
        ),
        (("conv1_linear1", "conv3_linear2"), ("small",), "no steps that an effect could be", "instead of"),
        (("conv2_linear2",), ("medium",), "the only network of this study", "instead of"),
    ],
)
def test_small_grids(params: Params, models, kernels, said: str, unsaid: str) -> None:
    text = both(study(smaller(params, models, kernels)))
    assert said in text
    assert unsaid not in text


def test_reasons(usual: StudyTables) -> None:
    said = {reason: reason_clause(changed(usual, reason=reason)) for reason in Reason}
    assert said[Reason.CHEAPEST].startswith("the cheapest of the ")
    assert said[Reason.ONLY_ONE].startswith("the only network that is assured to reach 98 %")
    assert "no network could be shown to lose at most 0.2" in said[Reason.NONE_SHOWN]
    assert "no network is assured to reach 98 %" in said[Reason.GOAL_MISSED]


def test_recommendation_that_overlap_takes_away(usual: StudyTables) -> None:
    ranking = [row.model_copy(update={"overlap_changes": False}) for row in usual.ranking]
    sure = usual._replace(ranking=ranking)
    assert (reservation(sure), short_reservation(sure)) == ("", "")
    for may_be_best, words in ((True, "not shown any more"), (False, "judged differently")):
        doubt = {"overlap_changes": True, "may_be_best": may_be_best}
        unsure = usual._replace(
            ranking=[row.model_copy(update=doubt) if row.recommended else row for row in ranking]
        )
        assert words in finding(unsure)
        assert "overlapping training sets" in reservation(unsure)


def test_one_network_alone_may_be_the_most_accurate(usual: StudyTables) -> None:
    alone = [row.model_copy(update={"may_be_best": place == 0}) for place, row in enumerate(usual.ranking)]
    assert "The most accurate network is" in both(usual._replace(ranking=alone))
    assert "cannot be told apart from the best" in both(usual)


def test_both_uncertainties_of_test_accuracy(params: Params) -> None:
    results = simulated_study(params)
    results = replace(results, test_accuracy=0 * results.test_accuracy + 0.991)
    text = both(simulated_tables(params, results))
    assert "| Test accuracy: luck of the digits | 99.10 % |" in text
    assert "98.90 to 99.27 %" in text  # Wilson, 9,910 of 10,000


def test_plain_text_stays_plain() -> None:
    assert escape("a*b _c_ conv2_linear1 <x> a|b [0.1, 0.2] [x](y)") == (
        r"a\*b \_c\_ conv2_linear1 \<x\> a\|b [0.1, 0.2] [x]\(y)"
    )


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(golden(), encoding="utf-8")
