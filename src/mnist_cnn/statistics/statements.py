"""The statements of a study about effects and networks, and whether another study confirms them."""

from collections.abc import Mapping

import pandas as pd

UNDECIDED = "undecided"
Statements = Mapping[str, tuple[str, int]]  # effect, or `tier NETWORK` → verdict or tier, direction


def statements(comparison: pd.DataFrame, effects: pd.DataFrame) -> Statements:
    """Lists the statements about effects and networks, those that are undecided included.

    Args:
        comparison: With columns network, tier.
        effects: With columns effect, verdict, direction.
    """
    verdicts = zip(effects.verdict, effects.direction, strict=True)
    tiers = {f"tier {row.network}": (row.tier, 0) for row in comparison.itertuples()}
    return dict(zip(effects.effect, verdicts, strict=True)) | tiers


def definite(statements: Statements) -> tuple[str, ...]:
    """Names the statements that are not undecided."""
    return tuple(name for name, (verdict, _) in statements.items() if verdict != UNDECIDED)


def contradictions(statements: Statements, others: Statements) -> list[str]:
    """Names the statements that those of another study contradict.

    Both are definite and differ (more / at most the margin; good / worse), or their directions are opposite.
    An undecided statement contradicts none, and neither does one about what the other study does not have.
    """
    pairs = ((name, *statements[name], *others[name]) for name in statements if name in others)
    return [
        name
        for name, verdict, direction, other_verdict, other_direction in pairs
        if direction * other_direction < 0
        or (verdict != other_verdict and UNDECIDED not in (verdict, other_verdict))
    ]


def outcomes(statements: Statements, others: Statements) -> dict[str, str]:
    """Says what another study makes of each definite statement.

    Returns:
        By the name of the statement: `contradicted`; `confirmed`, if the other verdict is the same, and so is
        the direction, where the statement has one; `undecided` otherwise.
    """
    found, contradicted = {}, contradictions(statements, others)
    for name in definite(statements):
        (verdict, direction), (other_verdict, other_direction) = (
            statements[name],
            others.get(name, (UNDECIDED, 0)),
        )
        confirmed = verdict == other_verdict and direction in (0, other_direction)
        found[name] = "contradicted" if name in contradicted else "confirmed" if confirmed else UNDECIDED
    return found
