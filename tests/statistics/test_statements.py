"""Which statements are definite, and whether another study confirms or contradicts them."""

from mnist_cnn.statistics.statements import contradictions, definite, outcomes

ONE = {
    "a": ("more", 1),
    "b": ("at_most", 0),
    "c": ("undecided", 1),
    "tier x": ("good", 0),
    "z": ("more", 1),
}


def test_a_study_confirms_itself() -> None:
    assert definite(ONE) == ("a", "b", "tier x", "z")
    assert contradictions(ONE, ONE) == []
    assert outcomes(ONE, ONE) == dict.fromkeys(definite(ONE), "confirmed")


def test_undecided_statements_contradict_none() -> None:
    other = {"a": ("undecided", 0), "b": ("undecided", 1), "c": ("more", 1), "tier x": ("undecided", 0)}
    assert contradictions(ONE, other) == contradictions(other, ONE) == []
    assert outcomes(ONE, other) == dict.fromkeys(definite(ONE), "undecided")
    assert outcomes(other, ONE) == {"c": "undecided"}


def test_other_verdicts_and_opposite_directions_contradict() -> None:
    other = {"a": ("more", -1), "b": ("more", 1), "c": ("undecided", -1), "tier x": ("worse", 0)}
    assert contradictions(ONE, other) == contradictions(other, ONE) == ["a", "b", "c", "tier x"]
    assert outcomes(ONE, other) == {**dict.fromkeys(("a", "b", "tier x"), "contradicted"), "z": "undecided"}


def test_a_direction_has_to_be_confirmed_too() -> None:
    without, positive = {"a": ("at_most", 0)}, {"a": ("at_most", 1)}
    assert outcomes(without, positive) == {"a": "confirmed"}
    assert outcomes(positive, without) == {"a": "undecided"}
