"""The numbers in docs/predict.md, model.md and datasets.md are those of the code."""

import re

import pytest

from benchmarks.drawings import KINDS, PICTURES
from export import MAX_LOGIT_DIFFERENCE
from mnist_cnn.app.picture import BOX_SIZE, MAX_PIXELS
from mnist_cnn.app.predict import SURE
from mnist_cnn.core.mnist import TEST_IMAGES, TRAIN_IMAGES
from mnist_cnn.core.paths import PLOTS
from mnist_cnn.documents import Choice
from tests.support.repositories import TOP


@pytest.mark.parametrize(
    ("page", "statement"),
    [
        ("predict", f"the probability is below {100 * SURE:g} %"),
        ("predict", f"its probability is at least {100 * SURE:g} %"),
        ("predict", f"up to {MAX_PIXELS // 1_000_000} million pixels"),
        ("predict", f"a box of {BOX_SIZE} × {BOX_SIZE} pixels"),
        ("predict", f"Each row has {PICTURES} pictures"),
        ("model", f"a logit differs by {MAX_LOGIT_DIFFERENCE:g} or more"),
        ("datasets", f"{TRAIN_IMAGES:,} training images and {TEST_IMAGES:,} test images"),
    ],
)
def test_statement_has_the_number_of_the_code(page: str, statement: str) -> None:
    text = (TOP / f"docs/{page}.md").read_text(encoding="utf-8")
    assert statement in " ".join(text.split())


def test_table_of_predict_is_of_the_chosen_network_and_of_each_kind_of_picture() -> None:
    text = (TOP / "docs/predict.md").read_text(encoding="utf-8")
    chosen = Choice.read(TOP / PLOTS / "choice.json").network.name
    assert f"The network was {chosen}." in text
    assert re.findall(r"^\| (.*?) \| \d", text, re.MULTILINE) == list(KINDS)
