"""The analysis of variance: how much of the variation each part of the design explains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mnist_cnn.statistics.blocks import FloatArray, block_fit


@dataclass(frozen=True)
class AnovaRow:
    """One line of the table.

    Attributes:
        term: "layout", "kernel", "interaction" (layout x kernel), "fold" or "error".
        df: Degrees of freedom.
        sum_squares: In the unit of `y` squared.
        mean_square: sum_squares / df.
        f: mean_square over the error's; None for the error itself.
        p: Chance of such an F or a larger one if the term had no effect; None for the error itself.
        share: Share of the total sum of squares, 0 to 1.
    """

    term: str
    df: int
    sum_squares: float
    mean_square: float
    f: float | None
    p: float | None
    share: float


def anova(y: FloatArray, layouts: Sequence[str], kernels: Sequence[str]) -> tuple[AnovaRow, ...]:
    """Splits the variation of a full layout x kernel grid, with folds as blocks.

    Null hypothesis of a row: all levels of the term have the same true mean (interaction: the kernel's
    effect is the same in every layout). Pairing: within folds. Terms that the grid cannot hold (one layout,
    one kernel) are left out.

    Args:
        y: Values, shape (networks, folds).
        layouts: Layout of each network, e.g. its `model`.
        kernels: Kernel of each network; each (layout, kernel) occurs once.

    Returns:
        The rows, the error last; none for a single network.

    Raises:
        StudyError: As `block_fit`.
    """
    fit = block_fit(y)
    if fit.df == 0:
        return ()
    cells = _arranged(fit.means, layouts, kernels)
    layout, kernel = cells.mean(axis=1), cells.mean(axis=0)
    interaction = cells - layout[:, None] - kernel  # `_squares` takes the grand mean out
    folds, (layouts_count, kernels_count) = y.shape[1], cells.shape
    terms = (
        ("layout", layouts_count - 1, kernels_count * folds * _squares(layout)),
        ("kernel", kernels_count - 1, layouts_count * folds * _squares(kernel)),
        ("interaction", (layouts_count - 1) * (kernels_count - 1), folds * _squares(interaction)),
        ("fold", folds - 1, y.shape[0] * _squares(y.mean(axis=0))),
    )
    total = fit.sum_squares + sum(squares for _, _, squares in terms)
    rows = [_row(term, df, squares, fit.mse, fit.df, total) for term, df, squares in terms if df]
    return (*rows, AnovaRow("error", fit.df, fit.sum_squares, fit.mse, None, None, fit.sum_squares / total))


def _row(term: str, df: int, squares: float, mse: float, error_df: int, total: float) -> AnovaRow:
    """Tests one term against the error."""
    f = squares / df / mse
    return AnovaRow(term, df, squares, squares / df, f, float(stats.f.sf(f, df, error_df)), squares / total)


def _squares(means: FloatArray) -> float:
    """Sum of squared deviations from the grand mean."""
    return float(np.square(means - means.mean()).sum())


def _arranged(means: FloatArray, layouts: Sequence[str], kernels: Sequence[str]) -> FloatArray:
    """Puts the networks' means into shape (layouts, kernels)."""
    rows, columns = sorted(set(layouts)), sorted(set(kernels))
    places = {cell: index for index, cell in enumerate(zip(layouts, kernels, strict=True))}
    assert len(places) == len(means) == len(rows) * len(columns), "each layout with each kernel, once"
    return np.array([[means[places[row, column]] for column in columns] for row in rows])
