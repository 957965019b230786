"""The block model and its critical values: hand values, printed tables and simulation."""

import math

import numpy as np
import pytest

from mnist_cnn.statistics.blocks import block_fit, gap_critical, t_critical
from tests.support.studies import simulate_fold_means


def test_fit_by_hand() -> None:
    fit = block_fit(np.array([[1.0, 2.0], [3.0, 6.0]]))  # residuals ±0.5
    assert fit.means.tolist() == [1.5, 4.5]
    assert (fit.mse, fit.df, fit.folds) == (1.0, 1, 2)
    assert fit.fold_variance == (0.5 + 4.5) / 2  # variances of the two networks, 0.5 and 4.5
    assert fit.standard_error == pytest.approx(math.sqrt(1 / 2))
    assert fit.accuracy_half_width(0.95) == pytest.approx(12.706 * math.sqrt(2.5 / 2), abs=1e-3)


def test_critical_values_are_the_printed_ones() -> None:
    assert gap_critical(3, 10, 0.95) == pytest.approx(2.15, abs=5e-3)  # Dunnett 1955, one-sided
    assert gap_critical(2, 10, 0.95) == pytest.approx(1.8125, abs=1e-4)  # Student's, one-sided
    assert t_critical(7, 28, 0.95) == pytest.approx(2.902, abs=1e-3)  # Bonferroni
    assert gap_critical(1, 5, 0.95) == 0
    assert all(math.isnan(critical(3, 0, 0.95)) for critical in (gap_critical, t_critical))


def test_intervals_of_accuracies_cover_the_truth() -> None:
    fits = [block_fit(simulate_fold_means(np.full(15, 0.99), seed=seed)) for seed in range(400)]
    covered = sum(abs(fit.means[0] - 0.99) <= fit.accuracy_half_width(0.95) for fit in fits)
    assert 368 <= covered <= 398  # 95 % of 400 is 380
