"""The words: right for every kind of study, the same numbers in both languages, and readable."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from mnist_cnn.reporting.text import (
    LANGUAGES,
    MARKERS,
    between,
    counted,
    environment,
    fixed,
    listed,
    render_answer,
    render_report,
    render_timing,
    replace_answer,
    told,
)
from tests.support.sentences import CODES, NAME, sentences
from tests.support.studies import CASES, Sample, sample

FIGURES = {"accuracy_cost", "effects", "interaction", "learning_curves", "mistakes", "ranking"}
VERDICTS = {  # verdict and direction: what it is called
    ("more", 1): ("**better** by more than 0.2 points", "**лучше** более чем на 0,2 пункта"),
    ("more", -1): ("**worse** by more than 0.2 points", "**хуже** более чем на 0,2 пункта"),
    ("at_most", 1): (
        "**a little better**, by at most 0.2 points",
        "**немного лучше**, не более чем на 0,2 пункта",
    ),
    ("at_most", -1): (
        "**a little worse**, by at most 0.2 points",
        "**немного хуже**, не более чем на 0,2 пункта",
    ),
    ("at_most", 0): ("**no difference that matters**", "**существенной разницы нет**"),
    ("open", 1): (
        "**better**, perhaps by more than 0.2 points",
        "**лучше**, возможно, более чем на 0,2 пункта",
    ),
    ("open", -1): (
        "**worse**, perhaps by more than 0.2 points",
        "**хуже**, возможно, более чем на 0,2 пункта",
    ),
    ("open", 0): ("**open**", "**не решено**"),
}


def report(one: Sample, language: str) -> str:
    return render_report(one.networks, one.effects, one.summary, one.curves, one.confusion, language)


def answer(one: Sample, language: str, folder: str = "") -> str:
    return render_answer(one.networks, one.effects, one.summary, language, folder)


def with_facts(**facts: object) -> Sample:
    return replace(sample(), facts=sample().summary | facts)


def timing(case: str = "usual") -> pd.DataFrame:
    """Makes plots/timing.csv: every step takes half as long again."""
    one = sample(case)
    spent = one.networks[["network", "model", "kernel"]].rename(columns={"network": "name"})
    ends = {"ratio": 1.5, "lower": 1.25, "upper": 1.75}
    ratios = one.effects[["effect"]].rename(columns={"effect": "name"}).assign(kind="effect", **ends)
    return pd.concat([spent.assign(kind="network", seconds=6.25), ratios], ignore_index=True)


MACHINE = {"processor": "A|B <i>", **dict.fromkeys(("cores", "system", "python", "torch", "numerics"), "2")}


def numbers(text: str, language: str) -> list[str]:
    """Lists the numbers of a text, written as in English and without thousands separators."""
    thousands = "\u00a0" if language == "ru" else ","
    plain = re.sub(rf"(?<=\d){thousands}(?=\d{{3}}\b)", "", re.sub(NAME, "", text))
    return sorted(number.replace(",", ".") for number in re.findall(r"[+−]?\d+(?:[.,]\d+)?", plain))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
class TestEveryStudy:
    def test_reads_well(self, case: str, language: str) -> None:
        text = report(sample(case), language)
        words = {one: len(re.findall(r"[^\W\d_]{2,}", one)) for one in sentences(text)}
        assert max(words.values()) <= 25, max(words, key=words.__getitem__)
        assert not CODES.search(re.sub(NAME, "", text)), CODES.search(text)
        assert not re.search(r"  |\n\n\n| \.|\.\.(?!/)| ,|,\.|\( |\[\]", text.replace("| |", "|"))

    def test_fits(self, case: str, language: str) -> None:
        more = max(0, len(sample(case).networks) - 15)
        assert len(report(sample(case), language).splitlines()) <= 100 + more

    def test_answer_is_a_table_of_six_rows_at_most(self, case: str, language: str) -> None:
        head, line, *rows = answer(sample(case), language).splitlines()
        assert 3 <= len(rows) <= 6
        assert {row.count("|") for row in (head, line, *rows)} == {4}
        assert answer(sample(case), language) in report(sample(case), language)

    def test_figures_have_alternative_texts(self, case: str, language: str) -> None:
        shown = dict(re.findall(r"!\[(.*?)\]\(figures/(\w+)\.svg\)\n", report(sample(case), language)))
        assert set(shown.values()) == FIGURES
        assert all(len(text) > 35 for text in shown)


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_in_both_languages(case: str) -> None:
    one = sample(case)
    texts = [
        (report(one, language), render_timing(timing(case), MACHINE, language)) for language in LANGUAGES
    ]
    for english, russian in zip(*texts, strict=True):
        assert numbers(english, "en") == numbers(russian, "ru")


@pytest.mark.parametrize(("verdict", "direction"), VERDICTS)
def test_each_verdict_has_its_words(verdict: str, direction: int) -> None:
    one = sample()
    effects = one.effects.assign(verdict=verdict, direction=direction)
    for language, words in zip(LANGUAGES, VERDICTS[verdict, direction], strict=True):
        assert answer(replace(one, effects=effects), language).count(f": {words}.") == 5


def test_answer_names_the_choice_and_what_a_repeat_would_name() -> None:
    chosen = sample().summary["chosen"]
    assert "5×5 kernels. A repeat would most likely name it or a-b; whichever" in answer(
        with_facts(in_set=["a-b", chosen]), "en"
    )
    assert "name the same." in answer(with_facts(in_set=[chosen]), "en")
    assert "name a-b or none; whichever" in answer(with_facts(in_set=["a-b", "none"]), "en")
    one = with_facts(in_set=[chosen, "a-b", "none"])
    assert "назвал бы её же, a-b или не назвал бы ни одной;" in answer(one, "ru")


def test_none_is_chosen() -> None:
    one = sample("none chosen")
    best = one.summary["most_accurate"]
    assert f"**None is shown good enough.** The most accurate is {best}." in answer(one, "en")
    assert "would most likely name none." in answer(one, "en")
    assert "скорее всего, не назвал бы ни одной." in answer(one, "ru")


def test_one_fold_judges_nothing() -> None:
    text = answer(sample("one fold"), "en")
    assert text.count("**not judged**") == 5
    assert "[" not in text.replace("[Training time]", "")


def test_interaction_is_told_where_it_matters() -> None:
    layouts = [{"model": "shallow", "estimate": 0.004}, {"model": "deep", "estimate": -0.0001}]
    one = with_facts(interaction={"matters": True, "by_layout": layouts})
    assert "It depends on the layers. |" in answer(one, "en")
    assert "gives −0.01 points in deep and +0.40 in shallow." in report(one, "en")
    assert "It depends" not in report(with_facts(interaction={"matters": False, "by_layout": layouts}), "en")


def test_sensitive_statements_are_named() -> None:
    one = with_facts(sensitive=["conv 3-2", "tier a-b"], definite=["conv 3-2", "tier a-b", "tier c-d"])
    assert "leaves 2 of 3 statements open: convolutional layers 2 → 3, a-b." in report(one, "en")
    assert "не решены 2 из 3 утверждений: свёрточные слои 2 → 3, a-b." in report(one, "ru")


def test_longer_training() -> None:
    assert "180 runs with 5 epochs each contradicts none of these statements." in report(sample(), "en")
    assert "for this length of training alone: convolutional layers 2 → 3." in report(sample(), "en")
    assert "contradicts convolutional layers 1 → 2." in report(sample("contradicted"), "en")
    assert "Longer training" not in report(sample("two seeds"), "en")


def test_collapsed_runs_are_named_and_counted() -> None:
    assert "Runs that learned nothing: 6." in answer(sample("a network collapsed"), "en")
    assert "learned nothing (seed/fold): conv1_linear1-small 0/0." in report(sample("a run collapsed"), "en")
    assert "-small | 3×3 | none learned | open |" in report(sample("a network collapsed"), "en")


def test_few_steps_sum_a_factor_up() -> None:
    def steps(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
        rows = [{"factor": "kernel", "low_value": low, "high_value": high} for low, high in pairs]
        return [(row["low_value"], row["high_value"]) for row in told(rows, "kernel")]

    assert steps((3, 5), (5, 7), (3, 7)) == [(3, 5), (5, 7)]
    assert steps((1, 3), (3, 5), (5, 7), (1, 7)) == [(1, 7)]
    assert steps((1, 2), (2, 3)) == [(1, 2), (2, 3)]
    assert steps((3, 5)) == [(3, 5)]
    assert steps() == []


def test_times_are_the_first_line_and_say_no_more_than_is_shown() -> None:
    first = render_timing(timing(), MACHINE, "en").replace("\u00a0", " ").splitlines()[2]
    start = "**Training time on this machine: large kernels instead of small ×1.50 [1.25, 1.75]; 2 conv"
    assert first.startswith(start)
    table = timing()
    assert "| 2 linear layers instead of 1 | 1.50 [0.90,\u00a01.75] | open |" in render_timing(
        table.assign(lower=table["lower"].where(table["name"] != "linear 2-1", 0.9)), MACHINE, "en"
    )
    assert "not judged" in render_timing(table.assign(lower=float("nan"), upper=float("nan")), MACHINE, "en")
    assert "A\\|B \\<i\\>" in render_timing(table, MACHINE, "en")


def test_numbers_are_written_as_the_language_does() -> None:
    assert fixed("en", -1234.5, 1) == "−1,234.5"
    assert fixed("ru", 1234.5, 1) == "1\u00a0234,5"
    assert fixed("en", 0.001, signed=True) == "+0.00"
    assert between("ru", (0.001, 0.0234)) == " [0,10;\u00a02,34]"
    assert between("en", (None, None)) == ""
    forms = [counted("ru", number, "1", "2", "5") for number in (1, 2, 5, 11, 21, 104, 112, 2.5)]
    assert "".join(text.split()[-1] for text in forms) == "12551252"
    assert counted("en", 1, "run", "runs") == "1 run"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed(["a"], "or") == "a"
    assert environment("en").from_string("{{ 'a\n`b`' | plain }}").render() == r"a \`b\`"


def test_answer_takes_its_place_in_a_readme() -> None:
    readme = f"# Title\n{MARKERS[0]}\nold\n{MARKERS[1]}\nrest\n"
    new = replace_answer(readme, "| a\\1 |\n")
    assert new == f"# Title\n{MARKERS[0]}\n| a\\1 |\n{MARKERS[1]}\nrest\n"
    assert replace_answer(new, "| a\\1 |\n") == new
    assert replace_answer("no markers", "answer") == "no markers"
    assert "(report/timing.md)" in answer(sample(), "en", "report/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_data_set_is_named_and_so_are_its_classes(language: str) -> None:
    text = report(sample("clothes"), language)
    assert "FashionMNIST" in text.splitlines()[0]
    assert "T-shirt, Trouser, " in text
    assert re.search(r"T-shirt (for|за) Dress", text)
    assert not re.search(r"digit|цифр", text)
