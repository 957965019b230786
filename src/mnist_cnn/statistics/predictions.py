"""The study as data frames, for notebooks: what the report is made of, to ask it something else.

Every function works in any folder of the repository, and raises UserError where a file is missing. Tables are
in git, and there in a fresh clone; images and predictions are DVC's: `dvc pull`, or `dvc repro`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import read_json
from mnist_cnn.core.images import load_training_set
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import EVALUATION, PARAMS, PLOTS, PREPARED
from mnist_cnn.core.tables import read_table
from mnist_cnn.statistics.confusion import NOT_JUDGED
from mnist_cnn.statistics.runs import describe
from mnist_cnn.statistics.runs import load_predictions as load_answers


@contextlib.contextmanager
def _at_top() -> Iterator[None]:
    """Works at the top of the repository, which is found from the current folder upwards; a decorator too.

    Raises:
        UserError: The folder is in no repository of ours.
    """
    here = Path.cwd()
    for top in (here, *here.parents):
        if (top / PARAMS).exists():
            break
    else:
        raise UserError(f"no {PARAMS} in {here} or above it: work in a folder of the repository")
    with contextlib.chdir(top):
        yield


@_at_top()
def load_runs() -> pd.DataFrame:
    """Returns one row a run: a network, trained with one of the seeds on all folds but one.

    Columns: network, model, kernel, kernel_size, conv_layers, linear_layers, parameters,
    multiply_accumulates; seed, fold; counts of right answers and of images, on the validation fold and on
    the run's share of the test images; losses in nats; accuracy (on the validation fold) and train_accuracy,
    fractions.
    """
    runs = read_table(PLOTS / "runs.csv")
    return runs.assign(accuracy=runs["validation_correct"] / runs["validation_images"])


@_at_top()
def load_networks() -> pd.DataFrame:
    """Returns one row a network: its layers and cost, its accuracy with an interval, its tier, the choice."""
    return read_table(PLOTS / "networks.csv")


@_at_top()
def load_curves() -> pd.DataFrame:
    """Returns one row a point of a network's learning curve, means over its runs.

    Columns: network, model, kernel, kernel_size, epoch (epochs trained so far), and losses (nats) and
    accuracies (fractions) on training and validation images.
    """
    return read_table(PLOTS / "learning_curves.csv")


@_at_top()
def load_statements() -> dict[str, Any]:
    """Returns what is stated of the study as a whole: margin, target, the choice, the classes."""
    statements: dict[str, Any] = read_json(PLOTS / "statements.json")
    return statements


@_at_top()
def load_predictions() -> pd.DataFrame:
    """Returns one row an answer: of a network, trained with a seed, to an image that it was not trained on.

    Columns: those of `load_runs` up to fold; image, its place among the 60,000 training images; actual and
    predicted, the numbers of classes; probability of the class predicted; right.
    """
    params, data, tables = load_params(), load_training_set(PREPARED), []
    seeds = np.array(load_statements()["seeds"])
    for network in params.networks():
        labels, probabilities = load_answers([network])
        if len(labels) != len(seeds):
            raise UserError(f"{EVALUATION / network.path} is of other seeds than {PLOTS}: run `dvc repro`")
        judge, image = np.nonzero(labels != NOT_JUDGED)
        columns = {"seed": seeds[judge], "fold": data.folds[image], "image": image}
        columns |= {"actual": data.images.labels[image], "predicted": labels[judge, image]}
        columns |= {"probability": probabilities[judge, image]}
        tables.append(pd.DataFrame({**describe(network), **columns}))
    predictions = pd.concat(tables, ignore_index=True)
    return predictions.assign(right=predictions["predicted"] == predictions["actual"])


@_at_top()
def load_images() -> NDArray[np.uint8]:
    """Returns the training images, shape (60000, 28, 28), 0 is paper and 255 is ink."""
    return load_training_set(PREPARED).images.pixels
