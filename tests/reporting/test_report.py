"""The texts: right for every kind of study, with the same numbers in both languages."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from mnist_cnn.documents import Interaction, KernelEffect
from mnist_cnn.reporting.markdown import (
    render_answer,
    render_report,
    render_timing,
    replace_answer,
)
from mnist_cnn.reporting.text import LANGUAGES, between, counted, environment, fixed, listed
from tests.support.sentences import CODES, NAME
from tests.support.studies import CASES, MACHINE, Sample, sample, sample_times

FIGURES = {"accuracy_cost", "effects", "interaction", "learning_curves", "mistakes"}


def report(one: Sample, language: str = "en") -> str:
    return render_report(one.networks, one.effects, one.summary, one.curves, one.confusion, language)


def answer(one: Sample, language: str = "en") -> str:
    return "\n".join(render_answer(one.networks, one.effects, one.summary, language).values())


def with_summary(**fields: object) -> Sample:
    return replace(sample(), summary=sample().summary.model_copy(update=fields))


def numbers(text: str, language: str) -> list[str]:
    """Lists the numbers of a text as in English, without signs and without those that may be words."""
    thousands = "\u00a0" if language == "ru" else ","
    plain = re.sub(rf"(?<=\d){thousands}(?=\d{{3}}\b)", "", re.sub(NAME, "", text))
    return sorted(number.replace(",", ".") for number in re.findall(r"\d+[.,]\d+|\d\d+", plain))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_report(case: str, language: str) -> None:
    text, table = report(sample(case), language), answer(sample(case), language)
    assert not CODES.search(re.sub(NAME, "", text)), CODES.search(text)
    assert not re.search(r"  |\n\n\n| \.|\.\.(?!/)| ,|,\.|\( |\[\]", text.replace("| |", "|"))
    assert table in text
    assert {row.count("|") for row in table.splitlines() if row.startswith("|")} <= {8}
    alternatives = dict(re.findall(r"!\[(.*?)\]\(figures/(\w+)\.svg\)\\\n", text))
    missing = set() if sample(case).summary.interaction else {"interaction"}
    assert set(alternatives.values()) == FIGURES - missing
    assert all(len(alternative) > 35 for alternative in alternatives)


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_in_both_languages(case: str) -> None:
    texts = [
        (report(sample(case), language), render_timing(*sample_times(case), MACHINE, 0.95, language))
        for language in LANGUAGES
    ]
    for english, russian in zip(*texts, strict=True):
        assert numbers(english, "en") == numbers(russian, "ru")


@pytest.mark.parametrize(
    ("verdicts", "english", "russian"),
    [
        (
            ("more", "at_most", "more"),
            "Yes, with a single convolutional layer. The change from 3×3 to 7×7 kernels matters in "
            "conv1_linear1 (+0.40 points) and conv3_linear2 (−0.50); it is too small to matter in "
            "conv2_linear1 (+0.03 points).",
            "Да, при одном свёрточном слое. Замена ядер 3×3 на 7×7: существенно для conv1_linear1 "
            "(+0,40 п. п.) и conv3_linear2 (−0,50); несущественно для conv2_linear1 (+0,03 п. п.).",
        ),
        (
            ("undecided", "undecided", "undecided"),
            "- **Do larger kernels help?** The change from 3×3 to 7×7 kernels may matter in conv1_linear1 "
            "(+0.40 points), conv2_linear1 (+0.03) and conv3_linear2 (−0.50).",
            "- **Стоит ли увеличивать ядра?** Замена ядер 3×3 на 7×7: неясно для conv1_linear1 "
            "(+0,40 п. п.), conv2_linear1 (+0,03) и conv3_linear2 (−0,50).",
        ),
    ],
)
def test_kernel_effect_depends_on_the_layers(verdicts: tuple[str, ...], english: str, russian: str) -> None:
    models = ("conv1_linear1", "conv2_linear1", "conv3_linear2")
    layouts = tuple(
        KernelEffect(model=model, estimate=value, lower=0, upper=0, verdict=verdict, direction=0)
        for model, value, verdict in zip(models, (0.004, 0.0003, -0.005), verdicts, strict=True)
    )
    test = Interaction(f=9.0, df1=8, df2=70, p=0.0001, matters=True, by_layout=layouts)
    assert english in answer(with_summary(interaction=test))
    assert russian in answer(with_summary(interaction=test), "ru")
    average = answer(with_summary(interaction=test.model_copy(update={"matters": False})))
    assert "On average over the layouts, the change from 3×3 to 7×7 kernels (+" in average
    assert english not in average


def test_sentences_say_what_is_shown_and_no_more() -> None:
    effects = sample().effects.copy()
    effects.loc[effects["factor"] != "kernel", "estimate"] = [0.003, -0.003, 0.0004]
    for verdicts, sentence in (
        (
            ["more", "at_most", "at_most"],
            "a second convolutional layer (+0.30 points) matters; a third convolutional layer (−0.30 points) "
            "and a second linear layer (+0.04) are too small to matter.",
        ),
        (
            ["undecided", "more", "more"],
            "a third convolutional layer (−0.30 points) and a second linear layer (+0.04) matter; a second "
            "convolutional layer (+0.30 points) may matter.",
        ),
    ):
        changed = effects.assign(verdict=[*effects["verdict"][effects["factor"] == "kernel"], *verdicts])
        assert f"differ in this alone, {sentence}\n" in answer(replace(sample(), effects=changed))


def test_no_network_is_good_enough() -> None:
    for language in LANGUAGES:
        first = answer(sample("none chosen"), language).splitlines()[2]
        assert sample("none chosen").summary.most_accurate in first
        assert not re.search(rf"\*\*{NAME}", first)


def test_one_fold_has_no_intervals_and_no_results() -> None:
    text = report(sample("one fold"))
    assert text.count("without an interval") == 2 * len(sample("one fold").effects)
    assert not re.search(r"\[[+−]?\d+\.\d", re.sub("On the official test set.*", "", text))
    assert "adds" not in answer(sample("one fold"))


def test_table_of_the_answer_has_the_choice_its_rivals_and_few_rows() -> None:
    one = sample()
    text = answer(one)
    rows = [line for line in text.splitlines() if "| --" not in line and line.startswith(("| c", "| **"))]
    cheaper = re.search(rf"The most accurate of the cheaper networks, ({NAME}),", text)
    assert cheaper
    for name in (f"**{one.summary.chosen}**", one.summary.most_accurate, cheaper[1]):
        assert sum(f"| {name} |" in row for row in rows) == 1
    assert len(rows) <= 6


def test_sensitive_conclusions_are_named() -> None:
    one = with_summary(sensitive=("conv 3-2", "tier a-b"), definite=("conv 3-2", "tier a-b", "tier c-d"))
    assert re.search(r"these of the 3 .*: convolutional layers 2.→.3; network a-b\.", report(one))
    assert re.search(
        r"из 3 выводов о сетях и средних эффектах не подтверждаются: свёрточные слои 2.→.3; сеть a-b\.",
        report(one, "ru"),
    )


def test_collapsed_runs_are_counted_and_named() -> None:
    assert "12 runs did not learn" in answer(sample("a network collapsed"))
    assert "(seed/fold): conv1_linear1-small 0/0." in report(sample("a run collapsed"))
    assert "-small | 3×3 | no run learned | – | undecided |" in report(sample("a network collapsed"))


def test_training_times_say_no_more_than_is_shown() -> None:
    networks, effects = sample_times()
    effects = effects.assign(ratio=1.5, lower=1.25, upper=1.75)
    text = render_timing(networks, effects, MACHINE, 0.95, "en").replace("\u00a0", " ")
    assert "7×7 kernels instead of 3×3 ×1.50 [1.25, 1.75]; 2 conv" in text.splitlines()[2]
    effects.loc[effects["factor"] == "linear", "lower"] = 0.9
    text = render_timing(networks, effects, MACHINE, 0.95, "en").replace("\u00a0", " ")
    assert "| 2 linear layers instead of 1 | 1.50 [0.90, 1.75] | undecided |" in text
    effects = effects.assign(lower=float("nan"), upper=float("nan"))
    machine = MACHINE.model_copy(update={"processor": "A|B <i>"})
    text = render_timing(networks, effects, machine, 0.95, "en")
    assert text.count("without an interval") == len(effects)
    assert "A\\|B \\<i\\>" in text
    assert "undecided" not in render_timing(
        networks, pd.DataFrame(columns=effects.columns), MACHINE, 0.95, "en"
    )


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
    ("number", "text"),
    [(1, "1 сид"), (2, "2 сида"), (5, "5 сидов"), (12, "12 сидов"), (21, "21 сид"), (1.5, "1,5 сида")],
)
def test_russian_forms_of_a_number(number: float, text: str) -> None:
    assert counted("ru", number, "сид", "сида", "сидов") == text


def test_margin_of_seven_points_in_russian() -> None:
    text = report(with_summary(margin=0.07), "ru")
    assert "7 п. п." in text
    assert not re.search(r"\b7 пункт|п\. п\.\.", text)


def test_answer_is_put_into_a_readme() -> None:
    readme, block = "# Title\n{}middle\n{}rest\n", "<!-- {0} -->\n{1}<!-- /{0} -->\n"
    answer = {"answer": "| a\\1 |\n", "comparison": "![b](figures/b.svg)\n"}
    old = readme.format(block.format("answer", "old\n"), block.format("comparison", ""))
    new = replace_answer(old, answer)
    linked = answer | {"comparison": "![b](report/figures/b.svg)\n"}
    assert new == readme.format(*(block.format(*item) for item in linked.items()))
    assert replace_answer(new, answer) == new
    assert replace_answer("no markers", answer) == "no markers"


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_data_set_is_named_and_so_are_its_classes(language: str) -> None:
    text = report(sample("clothes"), language)
    assert "FashionMNIST" in text.splitlines()[0]
    assert re.search(r"T-shirt (as|к) Dress", text)
    assert not re.search(r"digit|цифр", text)
