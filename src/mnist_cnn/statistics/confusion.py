"""What is shown as mistakes: what a network takes for what, and the images that every network gets wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_cnn.core.mnist import CLASSES

NOT_JUDGED = 255  # the label of an image that no run was validated on


def confusion(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: Sequence[str]
) -> pd.DataFrame:
    """Counts what a network takes for what.

    Args:
        labels: The classes that the n images are of, shape (n,).
        predicted: What the network's runs of each seed see, shape (seeds, n); 255 where none judged.
        classes: Their names.

    Returns:
        A row a pair of classes, 100 in all, in the order of labels: actual, predicted (names), images.
    """
    actual = np.broadcast_to(labels, predicted.shape)
    judged = predicted != NOT_JUDGED
    pairs = CLASSES * actual[judged].astype(np.int64) + predicted[judged]
    counts = np.bincount(pairs, minlength=CLASSES**2)
    columns = {
        "actual": np.repeat(classes, CLASSES),
        "predicted": np.tile(classes, CLASSES),
        "images": counts,
    }
    return pd.DataFrame(columns)


def missed_by_all(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> pd.DataFrame:
    """Lists the images that every network gets wrong, each judged by runs that did not train on it.

    Args:
        labels: The classes that the n images are of, shape (n,).
        predicted: What each judge (a network with one seed) sees, shape (judges, n); 255: not judged.
        probabilities: How probable it holds that class, same shape.

    Returns:
        A row an image: image (its place among the n), actual, predicted (the commonest answer; of equals the
        lower label), judges, and share of them that give this answer. Those come first whose wrong answer
        has the highest mean probability over the judges: on which the networks agree, and are sure.
    """
    judged = predicted != NOT_JUDGED
    hard = np.flatnonzero(((predicted != labels) | ~judged).all(axis=0) & judged.any(axis=0))
    answers, judges = predicted[:, hard], judged[:, hard].sum(axis=0)
    votes = np.stack([(answers == label).sum(axis=0) for label in range(CLASSES)])
    common = votes.argmax(axis=0)
    surety = np.where(answers == common, probabilities[:, hard], 0).sum(axis=0) / judges
    table = {"image": hard, "actual": labels[hard], "predicted": common, "judges": judges}
    share = votes.max(axis=0) / judges
    order = np.lexsort((hard, -surety))
    return pd.DataFrame({**table, "share": share}).iloc[order].reset_index(drop=True)
