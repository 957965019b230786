"""Do statements hold in a repeat? Simulated pairs of studies, a second real study, a longer training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from mnist_cnn.core.files import write_text
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Criteria, load_params
from mnist_cnn.core.paths import PLOTS, REFERENCE
from mnist_cnn.statistics.blocks import BlockFit, FloatArray, block_fit
from mnist_cnn.statistics.choice import NONE, predict, smallest_set
from mnist_cnn.statistics.effects import interaction
from mnist_cnn.statistics.study import Statements, Study, analyse, contradictions, definite, judge, statements
from mnist_cnn.core.tables import read_table

PAGE = Path("docs/statistics.md")
START, END = "<!-- replication -->\n", "<!-- /replication -->"
SECOND = Path("benchmarks/second_runs.csv")  # the same study with other seeds
PAIRS, FOLDS, IMAGES = 1_000, 6, 10_000  # pairs of studies a row; images a fold
WITHIN, NETWORK_FOLD, LUCK = 0.00085, 0.00031, 0.0012  # standard deviations: run, network × fold, fold
SCATTER = 0.0004  # standard deviation of the true values around those seen
SEEN = (  # means of three studies at 1.25 epochs: kernels small, medium, large of each layout
    *(0.98046, 0.98376, 0.98434, 0.98189, 0.98463, 0.98459),
    *(0.98523, 0.98712, 0.98712, 0.98596, 0.98682, 0.98697),
    *(0.98688, 0.98797, 0.98745),
)
BINS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
GOALS = {
    "a definite statement contradicts the other study's": "≤ 0.1 %",
    "a statement is false: effects": "≤ 5 %",
    "a statement is false: tiers": "≤ 5 %",
    "a statement is false: kernel within layouts": "≤ 5 %",
    "the network named truly loses more than the margin": "≤ 1 %",
    "the 90 % set holds the other study's choice": "≥ 90 %",
    "networks in the 90 % set": "≤ 3.5",
}
FAMILIES = ("effects", "tiers", "kernel within layouts")
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Repeat:
    """One simulated study.

    Attributes:
        families: What it states, one a family of `FAMILIES`.
        chosen: The network it names, or `NONE`.
        shares: What it predicts of a repeat's choice.
    """

    families: tuple[Statements, Statements, Statements]
    chosen: str
    shares: dict[str, float]

    @property
    def said(self) -> Statements:
        """What the text says of effects and tiers."""
        return {**self.families[0], **self.families[1]}


@dataclass(frozen=True)
class Pair:
    """Two studies of the same true values: of effects, and of distances from the best, by statement."""

    first: Repeat
    second: Repeat
    truth: dict[str, float]


def simulate(truth: FloatArray, rng: np.random.Generator) -> BlockFit:
    """Draws the counts of a study with one seed around true accuracies of shape (networks,), and fits it."""
    shape = len(truth), FOLDS
    noise = rng.normal(0, WITHIN, shape) + rng.normal(0, NETWORK_FOLD, shape) + rng.normal(0, LUCK, FOLDS)
    return block_fit(np.round((truth[:, None] + noise) * IMAGES) / IMAGES)


def repeat(fit: BlockFit, networks: Sequence[Network], criteria: Criteria) -> Repeat:
    """Analyses a simulated study as `analyse` does a real one."""
    standing, effects = judge(fit, networks, criteria)
    kernel = interaction(fit, networks, criteria.margin, criteria.confidence) or {"by_layout": []}
    within = {row["model"]: (row["verdict"], row["direction"]) for row in kernel["by_layout"]}
    chosen = next(iter(standing.network[standing.chosen]), NONE)
    families = statements(standing[:0], effects), statements(standing, effects[:0]), within
    return Repeat(families, chosen, predict(fit, networks, criteria))


def simulate_pair(
    truth: FloatArray, networks: Sequence[Network], criteria: Criteria, rng: np.random.Generator
) -> Pair:
    """Simulates two studies of the same true accuracies, of shape (networks,)."""
    fits = [simulate(truth, rng) for _ in range(2)]
    known = replace(fits[0], means=truth)
    _, effects = judge(known, networks, criteria)
    kernel = interaction(known, networks, criteria.margin, criteria.confidence) or {"by_layout": []}
    values = dict(zip(effects.effect, effects.estimate, strict=True))
    values |= {row["model"]: row["estimate"] for row in kernel["by_layout"]}
    values |= {f"tier {n.name}": value for n, value in zip(networks, truth - truth.max(), strict=True)}
    first, second = (repeat(fit, networks, criteria) for fit in fits)
    return Pair(first, second, {key: round(float(value), 9) for key, value in values.items()})


def is_false(verdict: str, direction: int, truth: float, margin: float) -> bool:
    """Whether a statement is false, its direction included, of a true effect or distance from the best."""
    wrong = {
        "more": abs(truth) <= margin,
        "at_most": abs(truth) > margin,
        "good": truth < -margin,
        "worse": truth >= -margin,
    }
    return wrong.get(verdict, False) or (direction != 0 and direction * truth <= 0)


def measures(pairs: Sequence[Pair], margin: float) -> dict[str, float]:
    """Measures how well statements and choices of pairs of studies replicate; shares of pairs or studies."""
    studies = [(study, pair) for pair in pairs for study in (pair.first, pair.second)]
    both = [(pair.first, pair.second) for pair in pairs] + [(pair.second, pair.first) for pair in pairs]

    def share(holds: Sequence[bool]) -> float:
        return sum(holds) / len(holds)

    measured = {
        "a definite statement contradicts the other study's": share(
            [bool(contradictions(pair.first.said, pair.second.said)) for pair in pairs]
        ),
    }
    for family, name in enumerate(FAMILIES):
        measured[f"a statement is false: {name}"] = share(
            [
                any(is_false(*said, pair.truth[key], margin) for key, said in study.families[family].items())
                for study, pair in studies
            ]
        )
    return measured | {
        "the network named truly loses more than the margin": share(
            [pair.truth.get(f"tier {study.chosen}", 0) < -margin for study, pair in studies]
        ),
        "no network is named": share([study.chosen == NONE for study, _ in studies]),
        "both name the same network": share([one.chosen == two.chosen for one, two in both]),
        "the 90 % set holds the other study's choice": share(
            [two.chosen in smallest_set(one.shares) for one, two in both]
        ),
        "the 90 % set holds the own choice": share(
            [study.chosen in smallest_set(study.shares) for study, _ in studies]
        ),
        "networks in the 90 % set": float(np.mean([len(smallest_set(study.shares)) for study, _ in studies])),
        "definite effects": float(np.mean([len(definite(study.families[0])) for study, _ in studies])),
        "definite tiers": float(np.mean([len(definite(study.families[1])) for study, _ in studies])),
    }


def calibration(pairs: Sequence[Pair]) -> Rows:
    """Compares predicted shares with how often the other study makes that choice, in bins of the share."""
    both = [(pair.first, pair.second) for pair in pairs] + [(pair.second, pair.first) for pair in pairs]
    predicted = np.array([share for one, _ in both for share in one.shares.values()])
    made = np.array([name == two.chosen for one, two in both for name in one.shares])
    rows = []
    for low, high in pairwise(BINS):
        inside = (predicted >= low) & (predicted < high)
        if inside.any():
            means = f"{predicted[inside].mean():.2f}", f"{made[inside].mean():.2f}"
            rows.append([f"{low:.1f} to {high:.1f}", str(inside.sum()), *means])
    return rows


def true_accuracies(networks: Sequence[Network]) -> tuple[FloatArray, str]:
    """Takes the committed study's means for true values where it has them, else those seen earlier."""
    path = PLOTS / "networks.csv"
    table = read_table(path) if path.exists() else pd.DataFrame()
    if "accuracy" in table and table.network.tolist() == [network.name for network in networks]:
        return table.accuracy.to_numpy(), f"the means of `{path}`"
    return np.array(SEEN), "the means of three studies at 1.25 epochs"


def simulated(networks: Sequence[Network], criteria: Criteria) -> str:
    """Simulates pairs of studies in three situations; gives their tables as Markdown."""
    seen, source = true_accuracies(networks)
    rng = np.random.default_rng(0)
    situations: dict[str, Callable[[], FloatArray]] = {
        "as seen": lambda: seen,
        "scattered": lambda: seen + rng.normal(0, SCATTER, len(seen)),
        "no difference": lambda: np.full(len(seen), seen.mean()),
    }
    pairs = {
        name: [simulate_pair(truth(), networks, criteria, rng) for _ in range(PAIRS)]
        for name, truth in situations.items()
    }
    measured = pd.DataFrame({name: measures(some, criteria.margin) for name, some in pairs.items()})
    rows = [[name, GOALS.get(name, ""), *map(_number, values)] for name, *values in measured.itertuples()]
    return "\n\n".join(
        [
            f"{PAIRS:,} pairs of studies a column, one seed and {FOLDS} folds each. True values: {source};"
            f" scattered around them by {100 * SCATTER:.2f} points, anew for each pair; all equal. Noise:"
            f" {100 * WITHIN:.3f} points within a cell, {100 * NETWORK_FOLD:.3f} network × fold,"
            f" {100 * LUCK:.2f} a fold (standard deviations).",
            markdown(["of pairs or studies", "goal", *situations], rows),
            "Predicted shares of a choice, and how often the other study makes it (scattered true values;"
            " goal: within 0.07):",
            markdown(["predicted", "cases", "mean", "made"], calibration(pairs["scattered"])),
        ]
    )


def _number(value: float) -> str:
    return f"{value:.1f}" if value > 1 else f"{100 * value:.2f} %"


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Writes a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def load(path: Path, networks: Sequence[Network], criteria: Criteria) -> Study | None:
    """Analyses a table of runs; None where it is missing, or holds another grid."""
    runs = read_table(path) if path.exists() else pd.DataFrame(columns=["network"])
    same = runs.network.unique().tolist() == [network.name for network in networks]
    return analyse(runs, networks, criteria) if same and "validation_correct" in runs else None


def beside(path: Path, networks: Sequence[Network], criteria: Criteria) -> str:
    """Sets the statements of the committed study and of another one side by side."""
    committed, other = (load(place, networks, criteria) for place in (PLOTS / "runs.csv", path))
    if committed is None or other is None:
        return f"Left out: `{PLOTS / 'runs.csv'}` or `{path}` is not here, or holds another grid."
    against = contradictions(committed.statements, other.statements)
    both = [described(committed, criteria.margin), described(other, criteria.margin)]
    rows = [
        [key, both[0][key], both[1][key], "contradicted" if key in against else ""]
        for key in committed.statements
        if "open" not in committed.statements[key] or "open" not in other.statements[key]
    ]
    alone = [key for key in definite(committed.statements) if other.statements[key][0] == "open"]
    chosen, repeated = (study.facts["chosen"] or NONE for study in (committed, other))
    return "\n\n".join(
        [
            markdown(["", "committed study", f"`{path.name}`", ""], rows),
            f"Contradicted: {', '.join(against) or 'none'}. Definite in the committed study alone:"
            f" {', '.join(alone) or 'none'}.",
            f"Choice: {chosen}; there: {repeated}, which is"
            f"{'' if repeated in committed.facts['in_set'] else ' not'} in the set of the committed study"
            f" ({', '.join(committed.facts['in_set'])}).",
        ]
    )


def described(study: Study, margin: float) -> dict[str, str]:
    """Describes each statement of a study in a few words; percentage points."""
    words = {"more": f"more than {100 * margin:.1f}", "at_most": f"at most {100 * margin:.1f}"}
    said = {
        row["effect"]: "{estimate:+.2f} [{lower:+.2f}, {upper:+.2f}] ".format_map(
            {end: 100 * row[end] for end in ("estimate", "lower", "upper")}
        )
        + words.get(row["verdict"], row["verdict"])
        for row in study.effects.to_dict("records")
    }
    rows = study.networks.to_dict("records")
    return said | {f"tier {row['network']}": f"{row['tier']} ({100 * row['accuracy']:.2f} %)" for row in rows}


def main() -> None:
    """Simulates, compares with the studies that are here, and writes the tables into the page."""
    params = load_params()
    networks, criteria = params.networks(), params.criteria
    text = "\n\n".join(
        [
            f"### Simulated\n\n{simulated(networks, criteria)}",
            f"### A second study with other seeds\n\n{beside(SECOND, networks, criteria)}",
            f"### Trained longer\n\n{beside(REFERENCE, networks, criteria)}\n",
        ]
    )
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    write_text(PAGE, before + START + text + END + after)
    print(text, end="")
