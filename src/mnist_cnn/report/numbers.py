"""How numbers are written in the report: the one place for rounding, signs and units.

Differences of accuracy are given as fractions and written in percentage points. A bound that rounding would
put on another side of zero, of the margin or of whatever else it was held against gets more digits, so that
no number contradicts the words beside it.
"""

from collections.abc import Sequence
from typing import NamedTuple

MINUS = "−"
LEAST_DIGITS, MOST_DIGITS = 2, 8  # behind the point; the tables hold 8 significant digits
SAME = 1e-10  # closer than this to a mark, a value is on it


class Interval(NamedTuple):
    """An estimate and its bounds as text, with the same number of digits."""

    estimate: str
    lower: str
    upper: str

    @property
    def bounds(self) -> str:
        """The bounds, as they stand in a sentence."""
        return f"{self.lower} to {self.upper}"

    @property
    def brackets(self) -> str:
        """The bounds, as they stand behind an estimate."""
        return f"[{self.lower}, {self.upper}]"


def _side(value: float, mark: float) -> int:
    """On which side of a mark a value lies: -1, 0 or 1."""
    distance = value - mark
    return 0 if abs(distance) < SAME else (1 if distance > 0 else -1)


def digits_needed(values: Sequence[float], marks: Sequence[float], least: int = LEAST_DIGITS) -> int:
    """Finds how many digits keep every rounded value on its own side of every mark."""
    for digits in range(least, MOST_DIGITS):
        if all(_side(round(v, digits), m) == _side(v, m) for v in values for m in marks):
            return digits
    return MOST_DIGITS


def fixed(value: float, digits: int, signed: bool = False) -> str:
    """Writes a number with a true minus sign; what rounds to zero has no sign."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def shortest(value: float) -> str:
    """Writes a choice of params.yaml with the digits that it was given."""
    return f"{value:.10g}"


def percent(value: float, marks: Sequence[float] = (), digits: int = LEAST_DIGITS) -> str:
    """Writes a fraction in percent, without the sign; short of 100 % it is never rounded up to it."""
    marks = [100 * mark for mark in (*marks, 1.0)]
    return fixed(100 * value, digits_needed([100 * value], marks, digits))


def percent_interval(estimate: float, lower: float, upper: float, marks: Sequence[float] = ()) -> Interval:
    """Writes an accuracy and its bounds in percent."""
    values = [100 * value for value in (estimate, lower, upper)]
    digits = digits_needed(values, [100 * mark for mark in marks])
    return Interval(*(fixed(value, digits) for value in values))


def given(value: float) -> str:
    """Writes a fraction that was chosen, not measured, in percent (or points) with its own digits."""
    return shortest(100 * value)


def points_interval(estimate: float, lower: float, upper: float, margin: float, signed: bool) -> Interval:
    """Writes a difference of accuracies and its bounds in percentage points.

    Args:
        estimate: A fraction.
        lower: Lower bound.
        upper: Upper bound.
        margin: What the bounds were held against, besides zero.
        signed: Whether positive numbers get a plus; if not, the three are written as they are.
    """
    bounds = [100 * lower, 100 * upper]
    digits = digits_needed(bounds, [0, 100 * margin, -100 * margin])
    return Interval(*(fixed(value, digits, signed) for value in (100 * estimate, *bounds)))


def ratio_interval(estimate: float, lower: float, upper: float) -> Interval:
    """Writes a ratio and its bounds, which keep their side of 1."""
    digits = digits_needed([lower, upper], [1])
    return Interval(*(fixed(value, digits) for value in (estimate, lower, upper)))


def seconds(value: float) -> str:
    """Writes seconds without the unit."""
    return f"{value:,.{0 if value >= 99.95 else 1 if value >= 0.95 else 2}f}"


def p_value(value: float, level: float) -> str:
    """Writes a p value, which keeps its side of the level."""
    return (
        "p < 0.001" if value < min(level, 0.001) else f"p = {fixed(value, digits_needed([value], [level]))}"
    )


def counted(number: int, noun: str) -> str:
    """Writes a number of things: "1 fold", "6 folds"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(items: Sequence[str]) -> str:
    """Joins items as a sentence does: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
