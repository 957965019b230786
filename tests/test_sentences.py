"""Sentences: each verdict in both directions, numbers that never contradict their words, reservations."""

import re

import numpy as np
import pytest

from mnist_cnn.choices.params import Params
from mnist_cnn.report.effects import (
    sensitivity_sentences,
    step,
    time_sentence,
    verdict_clause,
    verdict_sentence,
)
from mnist_cnn.report.finding import finding
from mnist_cnn.report.numbers import fixed, given, listed, percent, points_interval, ratio_interval, seconds
from mnist_cnn.statistics.contrasts import Contrast, Factor, Level
from mnist_cnn.statistics.effects import Direction, Effect, Verdict, judge
from mnist_cnn.tables import EffectRow
from tests.conftest import simulated_study, simulated_tables

MARGIN = 0.002
NUMBER = r"([+−]?\d+\.\d+)"


def effect(lower, upper, *, response="validation_accuracy", margin=MARGIN, **changes):
    """An effect with these bounds, judged as `compare` judges it."""
    middle = (lower + upper) / 2
    contrast = Contrast(Factor.KERNEL, Level(5, "medium"), Level(3, "small"), (("a", "a"),), np.zeros(1))
    judged = judge(Effect(contrast, middle, lower, upper), margin)
    cells = {
        "scope": "all",
        "factor": "kernel",
        "low": 3,
        "high": 5,
        "low_name": "small",
        "high_name": "medium",
        "layouts": 5,
        "root_changes": False,
        "overlap_changes": False,
    }
    return EffectRow(
        **(
            cells
            | {"response": response, "estimate": middle, "lower": lower, "upper": upper}
            | vars(judged)
            | changes
        )
    )


VERDICTS = {
    (
        0.0025,
        0.0035,
    ): "raise validation accuracy by 0.30 percentage points (0.25 to 0.35), more than the margin of 0.2.",
    (
        -0.0035,
        -0.0025,
    ): "lower validation accuracy by 0.30 percentage points (0.25 to 0.35), more than the margin of 0.2.",
    (
        0.001,
        0.003,
    ): "raise validation accuracy by 0.20 percentage points (0.10 to 0.30); whether by more than the"
    " margin of 0.2 is open.",
    (
        -0.003,
        -0.001,
    ): "lower validation accuracy by 0.20 percentage points (0.10 to 0.30); whether by more than the"
    " margin of 0.2 is open.",
    (
        0.0005,
        0.0015,
    ): "raise validation accuracy by 0.10 percentage points (0.05 to 0.15), measurably but by no more"
    " than the margin of 0.2: negligible in practice.",
    (
        -0.0015,
        -0.0005,
    ): "lower validation accuracy by 0.10 percentage points (0.05 to 0.15), measurably but by no"
    " more than the margin of 0.2: negligible in practice.",
    (
        -0.0004,
        0.001,
    ): "make no practical difference to validation accuracy: effects beyond ±0.2 percentage points"
    " are excluded (estimate +0.03, −0.04 to +0.10).",
    (
        -0.001,
        0.0004,
    ): "make no practical difference to validation accuracy: effects beyond ±0.2 percentage points"
    " are excluded (estimate −0.03, −0.10 to +0.04).",
    (
        -0.0004,
        0.003,
    ): "have an inconclusive effect on validation accuracy: 6 folds are compatible with anything from"
    " −0.04 to +0.30 percentage points (estimate +0.13).",
    (
        -0.003,
        0.0004,
    ): "have an inconclusive effect on validation accuracy: 6 folds are compatible with anything from"
    " −0.30 to +0.04 percentage points (estimate −0.13).",
}


@pytest.mark.parametrize(("bounds", "sentence"), VERDICTS.items())
def test_each_verdict_has_its_sentence(bounds: tuple[float, float], sentence: str) -> None:
    assert verdict_sentence(effect(*bounds), MARGIN, 6) == sentence


def test_every_verdict_is_met() -> None:
    met = {(row.verdict, row.direction) for row in (effect(*bounds) for bounds in VERDICTS)}
    shown = {(v, d) for v in list(Verdict)[:3] for d in (Direction.UP, Direction.DOWN)}
    assert met == shown | {(Verdict.SAME, Direction.NONE), (Verdict.INCONCLUSIVE, Direction.NONE)}


def test_gap_widens_and_narrows() -> None:
    assert verdict_sentence(effect(0.0025, 0.0035, response="generalisation_gap"), MARGIN, 6).startswith(
        "widen the gap"
    )
    assert verdict_sentence(effect(-0.003, -0.0025, response="generalisation_gap"), MARGIN, 6).startswith(
        "narrow"
    )


def random_bounds(margin):
    """Bounds of every size, many of them a hair beside zero or the margin."""
    rng = np.random.default_rng(5)
    marks = [0, margin, -margin]
    for _ in range(600):
        ends = rng.normal(0, 2 * margin, 2)
        near = rng.choice(marks, 2) + rng.choice([-1, 1], 2) * 10 ** rng.uniform(-8.5, -3, 2)
        lower, upper = sorted(np.where(rng.random(2) < 0.4, near, ends).tolist())
        yield lower, upper


def numbers(text):
    """Reads the numbers of a text back, as fractions."""
    return [float(number.replace("−", "-")) / 100 for number in re.findall(NUMBER, text)]


@pytest.mark.parametrize("margin", [0.002, 0.00125, 0.01])
def test_numbers_never_contradict_their_words(margin: float) -> None:
    """Judging the printed bounds again gives the verdict that is printed with them."""
    for lower, upper in random_bounds(margin):
        row = effect(lower, upper, margin=margin)
        sentence = (
            verdict_sentence(row, margin, 6).replace(f"margin of {given(margin)}", "").replace("±", "±x")
        )
        clause = verdict_clause(row, margin, first=True)
        for low, high in (
            numbers(re.search(rf"{NUMBER} to {NUMBER}", sentence).group()),
            numbers(re.search(rf"\[{NUMBER}, {NUMBER}\]", clause).group()),
        ):
            if row.direction is Direction.DOWN:
                low, high = -high, -low
            printed = effect(low, high, margin=margin)
            assert (printed.verdict, printed.direction) == (row.verdict, row.direction), sentence
        verbs = {Direction.UP: "raise", Direction.DOWN: "lower"}
        assert [verb in sentence for verb in verbs.values()] == [row.direction is way for way in verbs], (
            sentence
        )
        assert not re.search(r"[+−]0\.0+(?!\d)", sentence + clause), sentence


def test_estimate_lies_between_its_bounds_as_printed() -> None:
    for lower, upper in random_bounds(MARGIN):
        shown = points_interval((lower + upper) / 2, lower, upper, MARGIN, signed=True)
        estimate, low, high = (numbers(text if "." in text else f"{text}.0")[0] for text in shown)
        assert low <= estimate <= high


def test_ratios_keep_their_side_of_one() -> None:
    rng = np.random.default_rng(6)
    for spread in 10 ** rng.uniform(-6, 0.5, 2000):
        lower, upper = sorted(np.exp(rng.normal(0, spread, 2)).tolist())
        shown = ratio_interval((lower * upper) ** 0.5, lower, upper)
        assert (float(shown.lower) > 1) == (lower > 1 + 1e-8) or abs(lower - 1) < 1e-8
        assert (float(shown.upper) < 1) == (upper < 1 - 1e-8) or abs(upper - 1) < 1e-8


def test_time_sentences() -> None:
    row = effect(0.1, 0.2, response="training_seconds", estimate=1.5, verdict=None)
    longer = row.model_copy(update={"lower": 1.4, "upper": 1.6, "direction": Direction.UP})
    assert time_sentence(longer) == "Training takes 1.50 times as long (1.40 to 1.60) on this machine."
    close = row.model_copy(
        update={"estimate": 1.001, "lower": 0.9991, "upper": 1.003, "direction": Direction.NONE}
    )
    assert time_sentence(close) == (
        "That training time changes is not shown: 0.999 to 1.003 times as long (estimate 1.001) on this"
        " machine."
    )


def test_reservations() -> None:
    plain = effect(0.0025, 0.0035)
    assert sensitivity_sentences(plain) == ""
    assert "(a verdict" not in verdict_clause(plain, MARGIN, first=True)
    both = effect(0.0025, 0.0035, root_changes=True, overlap_changes=True)
    assert "direction does not survive the square root" in sensitivity_sentences(both)
    assert "does not survive the correction for overlapping training sets" in sensitivity_sentences(both)
    assert verdict_clause(both, MARGIN, first=True).endswith(
        "(a verdict that changes on the square root of the error count and if corrected for overlapping"
        " training sets)"
    )
    undirected = effect(-0.0004, 0.001, root_changes=True)
    assert "as the response, a direction is shown" in sensitivity_sentences(undirected)


def test_reversed_effect_reverses_the_finding(params: Params) -> None:
    up = finding(simulated_tables(params, simulated_study(params, kernel_effect=0.003)))
    down = finding(simulated_tables(params, simulated_study(params, kernel_effect=-0.003)))
    assert "5×5 kernels instead of 3×3 raise validation accuracy by" in up
    assert "5×5 kernels instead of 3×3 lower validation accuracy by" in down
    assert "with 7×7 kernels" in up
    assert "with 3×3 kernels" in down


def test_numbers_as_text() -> None:
    assert fixed(-0.001, 2, signed=True) == "0.00"
    assert percent(0.99999) == "99.999"
    assert percent(0.979999, [0.98]) == "97.9999"
    assert given(0.985) == "98.5"
    assert [seconds(value) for value in (0.234, 9.33, 99.96, 1234)] == ["0.23", "9.3", "100", "1,234"]
    assert [listed(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert step(effect(0, 1)) == "5×5 kernels instead of 3×3"
