"""The texts: right for every kind of study, with the same numbers in both languages."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from mnist_cnn.documents import Interaction, KernelEffect
from mnist_cnn.reporting.text import (
    LANGUAGES,
    MARKERS,
    between,
    counted,
    environment,
    fixed,
    headline_effects,
    listed,
    render_answer,
    render_report,
    render_timing,
    replace_answer,
)
from tests.support.sentences import CODES, NAME
from tests.support.studies import CASES, MACHINE, Sample, sample, sample_times

FIGURES = {"accuracy_cost", "effects", "interaction", "learning_curves", "mistakes", "ranking"}


def report(one: Sample, language: str = "en") -> str:
    return render_report(one.networks, one.effects, one.summary, one.curves, one.confusion, language)


def answer(one: Sample, language: str = "en", folder: str = "") -> str:
    return render_answer(one.networks, one.effects, one.summary, language, folder)


def with_summary(**fields: object) -> Sample:
    return replace(sample(), summary=sample().summary.model_copy(update=fields))


def numbers(text: str, language: str) -> list[str]:
    """Lists the numbers of a text, written as in English and without thousands separators."""
    thousands = "\u00a0" if language == "ru" else ","
    plain = re.sub(rf"(?<=\d){thousands}(?=\d{{3}}\b)", "", re.sub(NAME, "", text))
    return sorted(number.replace(",", ".") for number in re.findall(r"[+−]?\d+(?:[.,]\d+)?", plain))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_report(case: str, language: str) -> None:
    text, table = report(sample(case), language), answer(sample(case), language)
    assert not CODES.search(re.sub(NAME, "", text)), CODES.search(text)
    assert not re.search(r"  |\n\n\n| \.|\.\.(?!/)| ,|,\.|\( |\[\]", text.replace("| |", "|"))
    assert table in text
    assert {row.count("|") for row in table.splitlines()} == {4}
    assert 5 <= len(table.splitlines()) <= 8
    alternatives = dict(re.findall(r"!\[(.*?)\]\(figures/(\w+)\.svg\)\n", text))
    assert set(alternatives.values()) == FIGURES
    assert all(len(alternative) > 35 for alternative in alternatives)


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_in_both_languages(case: str) -> None:
    texts = [
        (report(sample(case), language), render_timing(*sample_times(case), MACHINE, language))
        for language in LANGUAGES
    ]
    for english, russian in zip(*texts, strict=True):
        assert numbers(english, "en") == numbers(russian, "ru")


@pytest.mark.parametrize(
    ("verdict", "direction", "english", "russian"),
    [
        ("more", 1, r"\*\*better.* more than 0.2 points", r"\*\*лучше.* более чем на 0,2 пункта"),
        ("more", -1, r"\*\*worse.* more than 0.2 points", r"\*\*хуже.* более чем на 0,2 пункта"),
        ("at_most", 1, r"better\*\*, by at most 0.2 points", r"лучше\*\*, не более чем на 0,2 пункта"),
        ("at_most", -1, r"worse\*\*, by at most 0.2 points", r"хуже\*\*, не более чем на 0,2 пункта"),
        ("at_most", 0, r"no difference", r"разницы нет"),
        ("undecided", 1, r"better\*\*, perhaps", r"лучше\*\*, возможно"),
        ("undecided", -1, r"worse\*\*, perhaps", r"хуже\*\*, возможно"),
        ("undecided", 0, r"\*\*undecided\*\*", r"\*\*не решено\*\*"),
    ],
)
def test_verdicts(verdict: str, direction: int, english: str, russian: str) -> None:
    one = replace(sample(), effects=sample().effects.assign(verdict=verdict, direction=direction))
    for language, words in zip(LANGUAGES, (english, russian), strict=True):
        assert len(re.findall(rf": [^:]*{words}[^:]*?\.", answer(one, language))) >= 3


def test_no_network_is_good_enough() -> None:
    for language in LANGUAGES:
        first = answer(sample("none chosen"), language).splitlines()[2]
        assert sample("none chosen").summary.most_accurate in first
        assert not re.search(rf"\*\*{NAME}", first)


def test_one_fold_has_no_intervals_and_no_verdicts() -> None:
    text = answer(sample("one fold"))
    assert text.count("**not judged**") == 5
    assert "[" not in text.replace("[Training time]", "")


@pytest.mark.parametrize("matters", [True, False])
def test_interaction_is_reported_if_it_matters(matters: bool) -> None:
    layouts = tuple(
        KernelEffect(model=name, estimate=value, lower=0, upper=0, verdict="more", direction=1)
        for name, value in (("shallow", 0.004), ("deep", -0.0001))
    )
    test = Interaction(f=9.0, df1=8, df2=70, p=0.001, matters=matters, by_layout=layouts)
    one = with_summary(interaction=test)
    assert ("It depends on the layers." in answer(one)) == matters
    assert ("−0.01 points in deep and +0.40 in shallow" in report(one)) == matters


def test_sensitive_conclusions_are_named() -> None:
    one = with_summary(sensitive=("conv 3-2", "tier a-b"), definite=("conv 3-2", "tier a-b", "tier c-d"))
    assert re.search(r"2 of 3 .*: convolutional layers 2.→.3, a-b\.", report(one))
    assert re.search(r"2 из 3 .*: свёрточные слои 2.→.3, a-b\.", report(one, "ru"))


def test_collapsed_runs_are_counted_and_named() -> None:
    assert "Runs that learned nothing: 6." in answer(sample("a network collapsed"))
    assert "(seed/fold): conv1_linear1-small 0/0." in report(sample("a run collapsed"))
    assert "-small | 3×3 | none learned | undecided |" in report(sample("a network collapsed"))


@pytest.mark.parametrize(
    ("pairs", "selected"),
    [
        ([(3, 5), (5, 7), (3, 7)], [(3, 5), (5, 7)]),
        ([(1, 3), (3, 5), (5, 7), (1, 7)], [(1, 7)]),
        ([(1, 2), (2, 3)], [(1, 2), (2, 3)]),
        ([(3, 5)], [(3, 5)]),
        ([], []),
    ],
)
def test_headline_effects(pairs: list[tuple[int, int]], selected: list[tuple[int, int]]) -> None:
    rows = [{"factor": "kernel", "low_value": low, "high_value": high} for low, high in pairs]
    headlines = headline_effects([*rows, {"factor": "conv", "low_value": 1, "high_value": 2}], "kernel")
    assert [(row["low_value"], row["high_value"]) for row in headlines] == selected


def test_training_times_say_no_more_than_is_shown() -> None:
    networks, effects = sample_times()
    effects = effects.assign(ratio=1.5, lower=1.25, upper=1.75)
    text = render_timing(networks, effects, MACHINE, "en").replace("\u00a0", " ")
    assert "7×7 kernels instead of 3×3 ×1.50 [1.25, 1.75]; 2 conv" in text.splitlines()[2]
    effects.loc[effects["factor"] == "linear", "lower"] = 0.9
    text = render_timing(networks, effects, MACHINE, "en").replace("\u00a0", " ")
    assert "| 2 linear layers instead of 1 | 1.50 [0.90, 1.75] | undecided |" in text
    effects = effects.assign(lower=float("nan"), upper=float("nan"))
    machine = MACHINE.model_copy(update={"processor": "A|B <i>"})
    text = render_timing(networks, effects, machine, "en")
    assert text.count("not judged") == len(effects)
    assert "A\\|B \\<i\\>" in text
    assert "undecided" not in render_timing(networks, pd.DataFrame(columns=effects.columns), MACHINE, "en")


def test_numbers_are_formatted_as_in_the_language() -> None:
    assert fixed("en", -1234.5, 1) == "−1,234.5"
    assert fixed("ru", 1234.5, 1) == "1\u00a0234,5"
    assert fixed("en", 0.001, signed=True) == "+0.00"
    assert between("ru", (0.001, 0.0234)) == " [0,10;\u00a02,34]"
    assert between("en", (None, None)) == ""
    assert counted("en", 1, "run", "runs") == "1 run"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed(["a"], "or") == "a"
    assert environment("en").from_string("{{ 'a\n`b`' | plain }}").render() == r"a \`b\`"


@pytest.mark.parametrize(
    ("margin", "text"),
    [
        (0.07, "7 пунктов"),
        (0.002, "0,2 пункта"),
        (0.02, "2 пункта"),
        (0.12, "12 пунктов"),
        (0.21, "21 пункт"),
    ],
)
def test_russian_forms_of_a_margin(margin: float, text: str) -> None:
    assert counted("ru", 100 * margin, "пункт", "пункта", "пунктов") == text
    assert re.search(rf"{text}\b", report(with_summary(margin=margin), "ru"))


def test_answer_is_put_into_a_readme() -> None:
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
    assert re.search(r"T-shirt (for|за) Dress", text)
    assert not re.search(r"digit|цифр", text)
