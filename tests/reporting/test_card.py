"""The card of the exported network: its numbers, the choice, the classes and the licence."""

import re

import pytest
from statsmodels.stats.proportion import proportion_confint

from card import render_card
from compare import describe_choice
from mnist_cnn.core.mnist import CLASS_NAMES
from mnist_cnn.documents import Agreement
from tests.support.sentences import CODES, NAME, sentences
from tests.support.studies import CASES, sample


def card(case: str = "usual", dataset: str = "") -> str:
    one, dataset = sample(case), dataset or CASES[case].data.dataset
    choice = describe_choice(one.summary, CASES[case])
    agreement = Agreement(
        network=choice.network.name,
        dataset=dataset,
        opset=13,
        ir_version=7,
        images=10_000,
        logits_differ_by_less_than=1e-3,
        correct=9_876,
        bytes={"model.onnx": 123_456, "model.safetensors": 98_765},
    )
    summary = one.summary.model_copy(update={"classes": CLASS_NAMES[dataset]})
    return render_card(agreement, choice, one.networks, summary).replace("\u00a0", " ")


@pytest.mark.parametrize("case", CASES)
def test_card_reads_well(case: str) -> None:
    text = re.sub(r"```.*?```\n\n", "", card(case), flags=re.DOTALL)
    words = {one: len(re.findall(r"[^\W\d_]{2,}", one)) for one in sentences(text)}
    assert max(words.values()) <= 25, max(words, key=words.__getitem__)
    assert not CODES.search(re.sub(NAME, "", text)), CODES.search(text)


def test_card_has_the_numbers() -> None:
    text, one = card(), sample()
    row = one.networks.set_index("network").loc[one.summary.chosen]
    low, high = proportion_confint(9_876, 10_000, 1 - one.summary.confidence, method="wilson")
    assert f"**98.76 %** [{100 * low:.2f}, {100 * high:.2f}]" in text
    assert f"{100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}]" in text
    for number in (row.multiply_accumulates, row.parameters, 123_456, 98_765):
        assert f"{number:,}" in text


def test_card_says_where_no_network_is_good_enough() -> None:
    for case in ("none chosen", "one fold"):
        assert "This is the most accurate one" in card(case)
    assert "This is the most accurate one" not in card()


@pytest.mark.parametrize("dataset", CLASS_NAMES)
def test_card_names_classes_and_licence(dataset: str) -> None:
    assert ", ".join(CLASS_NAMES[dataset]) in card(dataset=dataset)
    licences = {"MNIST": "CC BY-SA 3.0", "FashionMNIST": "MIT", "KMNIST": "CC BY-SA 4.0"}
    assert re.search(rf"licence: {licences[dataset]}\b", card(dataset=dataset))
