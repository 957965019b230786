"""What a trained network says of images that it was not trained on."""

import numpy as np
import pytest
import torch

import evaluate
from mnist_cnn.evaluation import JudgedRun, judge_run, load_network
from mnist_cnn.grid import Network
from mnist_cnn.network import build_network
from mnist_cnn.params import Params
from mnist_cnn.training import predict, train_run
from tests.digits import make_images, make_training_set, small

NETWORK = Network("conv1_linear1", "small", 3, (8,), ())
DATA = make_training_set()
TEST = make_images(200, seed=7)
SHARE = np.arange(0, 200, 3)


@pytest.fixture(scope="module")
def judged(params: Params) -> JudgedRun:
    run = train_run(NETWORK, 5, 2, small(params), DATA, lambda _: None)
    return judge_run(NETWORK, 5, 2, run.weights, DATA, TEST, SHARE)


def test_counts_agree_with_the_answers(judged: JudgedRun) -> None:
    for answers, images, places in (
        (judged.validation, DATA.images, DATA.inside(2)),
        (judged.test, TEST, SHARE),
    ):
        assert (answers.places == places).all()
        assert answers.correct == (answers.labels == images.labels[places]).sum() > 0.9 * len(places)
        assert ((answers.probabilities > 0.1) & (answers.probabilities <= 1)).all()
        assert 0 < answers.loss < 1


def test_answers_go_to_the_places_of_their_images(judged: JudgedRun) -> None:
    task = evaluate.Task(NETWORK, DATA, TEST)
    arrays = evaluate.predictions([judged], (4, 5), task)
    assert arrays["validation_labels"].shape == arrays["validation_probabilities"].shape == (2, 600)
    assert (arrays["validation_labels"][1, DATA.inside(2)] == judged.validation.labels).all()
    assert (arrays["validation_labels"][1, DATA.outside(2)] == evaluate.NOT_JUDGED).all()
    assert (arrays["validation_labels"][0] == evaluate.NOT_JUDGED).all()
    assert not arrays["validation_probabilities"][0].any()
    assert (arrays["test_probabilities"][SHARE] == judged.test.probabilities).all()
    assert (arrays["test_labels"] == evaluate.NOT_JUDGED).sum() == 200 - len(SHARE)
    (row,) = evaluate.run_rows([judged])
    assert (row["seed"], row["fold"], row["validation_images"], row["test_images"]) == (5, 2, 200, len(SHARE))


def test_weights_come_back() -> None:
    fresh = build_network(NETWORK, torch.Generator()).state_dict()
    weights = {name: tensor.numpy() + 1 for name, tensor in fresh.items()}
    model = load_network(NETWORK, weights)
    for name, tensor in model.state_dict().items():
        assert (tensor.numpy() == weights[name]).all()
    assert predict(model, torch.zeros(300, 28, 28, dtype=torch.uint8), 0.0, 1.0).shape == (300, 10)
