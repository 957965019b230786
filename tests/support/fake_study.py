"""What `prepare`, `train` and `evaluate` leave, made up in seconds: known effects, noise, and a clock."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mnist_cnn.core.files import write_json
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Images, TrainingSet, save_prepared, stratified_folds
from mnist_cnn.core.mnist import TEST_IMAGES, TRAIN_IMAGES
from mnist_cnn.core.params import Params
from mnist_cnn.core.paths import EVALUATION, PREPARED, TIMING, TRAINING
from mnist_cnn.core.tables import write_table
from tests.support.params import write_params

MACHINE = {
    **{"processor": "Test processor", "cores": "2", "system": "Linux x86_64", "python": "3.11"},
    **{"torch": "2.14.1", "numerics": "portable"},
}
FOLD_SD, RUN_SD = 0.0010, 0.0007  # as seen on MNIST


def accuracy(network: Network) -> float:
    """Returns the true accuracy of a network: near to what MNIST gives."""
    kernel = 0.0022 * min(network.kernel_size - 3, 2) / 2 - 0.0001 * max(network.kernel_size - 5, 0)
    layers = 0.0031 * (network.conv_layers > 1) + 0.0008 * (network.conv_layers > 2)
    return 0.9840 + kernel + layers + 0.0005 * (network.linear_layers - 1)


def seconds(network: Network) -> float:
    """Returns the true CPU seconds of a run."""
    return 6 + network.multiply_accumulates / 3e5


def fake_data(params: Params) -> tuple[TrainingSet, Images]:
    """Makes images that show their digit as the height of a bar."""
    rng = np.random.default_rng(12)

    def images(count: int) -> Images:
        labels = rng.integers(0, 10, count).astype(np.uint8)
        pixels = np.zeros((count, 28, 28), np.uint8)
        for digit in range(10):
            pixels[labels == digit, 2 * digit + 4 : 2 * digit + 7, 6:22] = 250
        return Images(pixels, labels)

    training = images(TRAIN_IMAGES)
    folds = stratified_folds(training.labels, params.data.folds, params.data.seed)
    return TrainingSet(training, folds, 33.0, 78.0), images(TEST_IMAGES)


def answers(labels: NDArray[np.uint8], wrong: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gets as many labels wrong as told, by preference the first ones."""
    answer = labels.copy()
    missed = np.argsort(np.arange(len(labels)) + rng.exponential(60, len(labels)))[:wrong]
    answer[missed] = (labels[missed] + rng.choice([1, 2, 5], wrong)) % 10
    return answer


def curve(seed: int, fold: int, params: Params, accuracy: float) -> pd.DataFrame:
    """Makes a learning curve that ends near an accuracy."""
    share = np.arange(1, params.train.curve_points + 1) / params.train.curve_points
    error = (1 - accuracy) * share**-0.8
    return pd.DataFrame(
        {
            **{"seed": seed, "fold": fold, "epoch": params.train.epochs * share},
            **{"train_loss": 3.6 * error, "train_accuracy": 1 - 0.9 * error},
            **{"validation_loss": 3.3 * error, "validation_accuracy": 1 - error},
        }
    )


def fake_study(folder: Path, params: Params, seed: int = 0, clock: float = 1.0) -> None:
    """Writes params.yaml and data/ of a whole study below `folder`.

    Args:
        folder: The top of a repository.
        params: Its parameters.
        seed: Another seed, other noise.
        clock: Another clock, other seconds, and nothing else changes.
    """
    data, test = fake_data(params)
    save_prepared(folder / PREPARED, data, test)
    write_params(folder, params)
    luck = np.random.default_rng(seed).normal(0, FOLD_SD, params.data.folds)
    for place, network in enumerate(params.networks()):
        rng = np.random.default_rng([seed, place])  # the others stay as they are where one network changes
        fake_network(folder, params, network, data, test, accuracy(network) + luck, clock, rng)


def fake_network(
    folder: Path,
    params: Params,
    network: Network,
    data: TrainingSet,
    test: Images,
    levels: NDArray[np.float64],
    clock: float,
    rng: np.random.Generator,
) -> None:
    """Writes what is left of one network, of which `levels` are the true accuracies on the folds."""
    train = params.train
    validation_labels = np.full((len(train.seeds), TRAIN_IMAGES), 255, np.uint8)
    shares = np.array_split(np.arange(TEST_IMAGES), len(train.seeds) * len(train.folds))
    test_labels = answers(test.labels, round(TEST_IMAGES * (1 - levels.mean())), rng)
    runs, curves, times = [], [], []
    for row, seed in enumerate(train.seeds):
        for fold in train.folds:
            inside, mine = data.inside(fold), shares[len(runs)]
            error = 1 - levels[fold] + rng.normal(0, RUN_SD)
            wrong = round(len(inside) * error)
            validation_labels[row, inside] = answers(data.images.labels[inside], wrong, rng)
            right = int((test_labels[mine] == test.labels[mine]).sum())
            runs.append((seed, fold, len(inside) - wrong, len(inside), 3.3 * error, right, len(mine)))
            curves.append(curve(seed, fold, params, 1 - error))
            spent = clock * seconds(network) * np.exp(rng.normal(0, 0.03))
            times.append((seed, fold, spent, spent / 20))
    judged = ("validation_correct", "validation_images", "validation_loss", "test_correct", "test_images")
    table = pd.DataFrame(runs, columns=["seed", "fold", *judged])
    write_table(folder / EVALUATION / network.path / "runs.csv", table)
    write_table(folder / TRAINING / network.path / "curves.csv", pd.concat(curves))
    table = pd.DataFrame(times, columns=["seed", "fold", "training_seconds", "validation_seconds"])
    write_table(folder / TIMING / network.path / "timing.csv", table)
    write_json(folder / TIMING / network.path / "timing_machine.json", MACHINE)
    tensors = {
        "validation_labels": validation_labels,
        "validation_probabilities": np.where(validation_labels == 255, 0, 0.9).astype(np.float32),
        "test_labels": test_labels,
        "test_probabilities": np.full(TEST_IMAGES, 0.9, np.float32),
    }
    save_file(tensors, folder / EVALUATION / network.path / "predictions.safetensors")
