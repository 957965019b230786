"""Do conclusions hold in a repeat? Simulated pairs of studies, a study with other seeds, and a longer one."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.rates import markdown, simulated
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.reporting.markdown import replace_between
from mnist_cnn.statistics.choice import NO_CHOICE
from mnist_cnn.statistics.runs import network_columns
from mnist_cnn.statistics.statements import Statements, definite, outcomes
from mnist_cnn.statistics.study import Study, analyse

COMMITTED = PLOTS / "runs.csv"
SECOND = Path("benchmarks/second_runs.csv")  # the same study with other seeds
LONGER, LONGER_EPOCHS = Path("benchmarks/longer_runs.csv"), 6
STATISTICS, BENCHMARKS = Path("docs/statistics.md"), Path("benchmarks/README.md")
ABSENT = "Left out: `{}` is missing, or of another grid."


class Replication(NamedTuple):
    """What another study makes of the definite statements of the committed one.

    Attributes:
        seeds: Of the other study.
        confirmed: Number of definite statements that it confirms.
        undecided: Number of those that it leaves undecided.
        contradicted: Names of those that it contradicts.
        chosen: The network that each of the two studies chooses, the committed one first.
        predicted: The share of repeats that the committed study predicts to make the other one's choice.
    """

    seeds: tuple[int, ...]
    confirmed: int
    undecided: int
    contradicted: tuple[str, ...]
    chosen: tuple[str, str]
    predicted: float


def load(path: Path, params: Params) -> Study | None:
    """Analyses a table of runs; None where it is missing, or of another grid."""
    if not path.exists():
        return None
    runs, grid = read_table(path), [network_columns(network) for network in params.networks()]
    same_grid = runs.filter(list(grid[0])).drop_duplicates().to_dict("records") == grid
    return analyse(runs, params) if same_grid else None


def layout_effects(study: Study) -> dict[str, dict[str, Any]]:
    """Returns the effects of the kernel in single layouts by name, if they depend on the layout."""
    interaction = study.summary.interaction
    effects = interaction.by_layout if interaction and interaction.matters else ()
    return {f"kernel in {effect.model}": effect.model_dump() for effect in effects}


def all_statements(study: Study) -> Statements:
    """Lists the statements about effects, networks, and the kernel in single layouts."""
    layouts = layout_effects(study).items()
    return {**study.statements, **{name: (row["verdict"], row["direction"]) for name, row in layouts}}


def compare(committed: Study, other: Study) -> Replication:
    """Counts what the other study makes of the definite statements of the committed one."""
    found = outcomes(all_statements(committed), all_statements(other))
    counts, chosen = Counter(found.values()), other.summary.chosen or NO_CHOICE
    return Replication(
        other.summary.seeds,
        counts["confirmed"],
        counts["undecided"],
        tuple(name for name, outcome in found.items() if outcome == "contradicted"),
        (committed.summary.chosen or NO_CHOICE, chosen),
        dict(zip(committed.networks.network, committed.networks.repeat_share, strict=True)).get(chosen, 0),
    )


def side_by_side(committed: Study, path: Path, params: Params) -> str:
    """Compares the statements of the committed study with those of another one, as Markdown."""
    other = load(path, params)
    if other is None:
        return ABSENT.format(path)
    found, here, there = compare(committed, other), *map(describe_statements, (committed, other))
    statements, others = all_statements(committed), all_statements(other)
    decided = outcomes(statements, others)
    rows = [
        [name, here[name], there.get(name, ""), decided.get(name, "")]
        for name in statements
        if name in {*decided, *definite(others)}
    ]
    chosen, repeated = found.chosen
    likely = committed.summary.likely_choices
    choice = (
        f"Both studies choose {chosen}."
        if chosen == repeated
        else f"The committed study chooses {chosen}, this study {repeated}. The committed study predicts that"
        f" choice for {100 * found.predicted:.0f} % of the repeats, and its 90 % set"
        f" ({', '.join(likely)}) {'contains' if repeated in likely else 'does not contain'} it."
    )
    return (
        f"Of the {len(decided)} definite conclusions of the committed study, this study, with"
        f" {len(found.seeds)} {'seed' if len(found.seeds) == 1 else 'seeds'}"
        f" ({', '.join(map(str, found.seeds))}), confirms {found.confirmed}, leaves"
        f" {found.undecided or 'none'} undecided and contradicts"
        f" {', '.join(found.contradicted) or 'none'}. {choice}\n\n"
        f"{markdown(['', 'committed study', f'`{path}`', 'outcome'], rows)}"
    )


def describe_statements(study: Study) -> dict[str, str]:
    """Describes each statement of a study in a few words; percentage points."""
    margin = f"{100 * study.summary.margin:.1f}"
    sizes = {"more": f"more than {margin}", "at_most": f"at most {margin}"}
    directions = {-1: "lower, ", 0: "", 1: "higher, "}
    rows = {row["effect"]: row for row in study.effects.to_dict("records")} | layout_effects(study)
    effects = {
        name: "{:+.2f} [{:+.2f}, {:+.2f}] ".format(*(100 * row[k] for k in ("estimate", "lower", "upper")))
        + directions[row["direction"]]
        + sizes.get(row["verdict"], row["verdict"])
        for name, row in rows.items()
    }
    networks = study.networks.to_dict("records")
    return effects | {
        f"tier {row['network']}": f"{row['tier']} ({100 * row['accuracy']:.2f} %)" for row in networks
    }


def recipes(committed: Study, params: Params) -> str:
    """Summarises the studies as a table, one row per study that exists."""
    others = [(params.train.epochs, SECOND), (LONGER_EPOCHS, LONGER)]
    studies = [(params.train.epochs, COMMITTED, committed)]
    studies += [(epochs, path, study) for epochs, path in others if (study := load(path, params))]
    rows = []
    for epochs, path, study in studies:
        accuracy, summary = 100 * study.networks.accuracy, study.summary
        tiers = len(summary.good) + len(summary.worse)
        rows.append(
            [
                f"`{path}`",
                f"{epochs:g}",
                ", ".join(map(str, summary.seeds)),
                f"{accuracy.min():.2f}–{accuracy.max():.2f}",
                f"{100 * (summary.half_width or 0):.3f}",
                f"{tiers} of {summary.networks}",
                summary.chosen or NO_CHOICE,
            ]
        )
    header = ["runs", "epochs", "seeds", "accuracy, lowest–highest, %", "half-width of a gap, points"]
    return markdown([*header, "definite tiers", "choice"], rows)


def main() -> None:
    """Simulates studies, compares with real ones, and writes the tables into both pages.

    Raises:
        UserError: The committed table of runs is missing, or of another grid.
    """
    params = load_params()
    committed = load(COMMITTED, params)
    if committed is None:
        raise UserError(f"{COMMITTED} is missing, or of another grid: run `dvc repro`")
    tables = [read_table(path) for path in (COMMITTED, SECOND) if load(path, params)]
    means = committed.networks.accuracy.to_numpy()
    text = (
        f"### A study with other seeds\n\n{side_by_side(committed, SECOND, params)}\n\n"
        f"### A study with longer training\n\n{side_by_side(committed, LONGER, params)}\n\n"
        f"### Simulated studies\n\n{simulated(means, pd.concat(tables), params)}"
    )
    for page, name, table in (
        (STATISTICS, "replication", text),
        (BENCHMARKS, "recipes", recipes(committed, params)),
    ):
        write_text(page, replace_between(page.read_text(encoding="utf-8"), name, f"{table}\n"))
    print(text)
