"""What is said of a trained network."""

import numpy as np
import pytest
import torch

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params
from mnist_cnn.evaluation import evaluate_run, expected_calibration_error, load_weights, per_digit_accuracy
from mnist_cnn.training.records import FoldEvaluation
from mnist_cnn.training.run import predict, train_run
from tests.digits import make_images, make_training_set

NETWORK = Network("conv1_linear1", "small", 3, (8,), ())
DATA = make_training_set()
TEST = make_images(200, seed=7)


@pytest.fixture(scope="module")
def evaluation(params: Params) -> FoldEvaluation:
    section = params.train.model_copy(
        update={"epochs": 3.0, "batch_size": 16, "learning_rate": 0.01, "curve_images": 50}
    )
    run = train_run(NETWORK, 2, section, DATA, lambda _: None)
    return evaluate_run(NETWORK, 2, run.weights, DATA, TEST, lambda _: None)


def test_figures_agree_with_predictions(evaluation: FoldEvaluation) -> None:
    quality, inside = evaluation.quality, DATA.inside(2)
    truth = DATA.images.labels[inside]
    assert quality.validation_accuracy == pytest.approx((evaluation.validation.labels == truth).mean())
    assert quality.validation_errors == (evaluation.validation.labels != truth).sum()
    assert quality.test_accuracy == pytest.approx((evaluation.test.labels == TEST.labels).mean())
    assert quality.validation_accuracy > 0.9
    assert np.mean(quality.digit_accuracy) == pytest.approx(quality.validation_accuracy)
    assert ((evaluation.test.probabilities > 0.1) & (evaluation.test.probabilities <= 1)).all()


def test_train_figures_are_those_of_the_next_fold() -> None:
    """Fold 0 follows fold 2: with its labels wrong, only the train figures change."""
    labels = DATA.images.labels.copy()
    labels[DATA.inside(0)] = (labels[DATA.inside(0)] + 1) % 10
    wrong = type(DATA)(type(DATA.images)(DATA.images.pixels, labels), DATA.folds, DATA.mean, DATA.std)
    network = {name: np.zeros(tuple(t.shape), np.float32) for name, t in _fresh().items()}
    right_ones = evaluate_run(NETWORK, 2, network, DATA, TEST, lambda _: None).quality
    wrong_ones = evaluate_run(NETWORK, 2, network, wrong, TEST, lambda _: None).quality
    assert right_ones.validation_accuracy == wrong_ones.validation_accuracy
    assert right_ones.train_accuracy == pytest.approx(0.1, abs=0.02)  # zero weights: always digit 0
    assert wrong_ones.train_accuracy == pytest.approx((labels[DATA.inside(0)] == 0).mean())


def _fresh() -> dict[str, torch.Tensor]:
    from mnist_cnn.training.model import build_model

    return build_model(NETWORK, torch.Generator()).state_dict()


def test_inference_is_timed(evaluation: FoldEvaluation) -> None:
    inference = evaluation.inference
    assert 0 < inference.single_image_seconds < inference.batch_seconds
    assert inference.batch_images == 250
    assert evaluation.seconds > inference.batch_seconds


def test_weights_come_back() -> None:
    weights = {name: tensor.numpy() + 1 for name, tensor in _fresh().items()}
    model = load_weights(NETWORK, weights)
    for name, tensor in model.state_dict().items():
        assert (tensor.numpy() == weights[name]).all()
    assert predict(model, torch.zeros(3, 28, 28, dtype=torch.uint8), 0.0, 1.0).shape == (3, 10)


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([0.95, 0.95, 0.35, 0.35], np.float32)
    right = np.array([True, False, False, False])
    assert expected_calibration_error(probabilities, right) == pytest.approx((0.9 + 0.7) / 4, abs=1e-6)
    assert expected_calibration_error(np.ones(3, np.float32), np.ones(3, bool)) == 0


def test_per_digit_accuracy_by_hand() -> None:
    shares = per_digit_accuracy(np.array([1, 1, 2, 9], np.uint8), np.array([1, 1, 1, 9], np.uint8))
    assert shares == pytest.approx([0, 2 / 3, 0, 0, 0, 0, 0, 0, 0, 1])
