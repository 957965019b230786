"""Do statements hold in a repeat? Simulated pairs of studies, a second real study, and longer training."""

from pathlib import Path

from benchmarks.simulation import markdown, simulated
from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import PLOTS
from mnist_cnn.core.tables import read_table
from mnist_cnn.statistics.choice import NO_CHOICE
from mnist_cnn.statistics.runs import network_columns
from mnist_cnn.statistics.study import Study, analyse, contradictions

PAGE = Path("docs/statistics.md")
START, END = "<!-- replication -->\n", "<!-- /replication -->"
SECOND = Path("benchmarks/second_runs.csv")  # the same study with other seeds
LONGER = Path("benchmarks/reference_runs.csv")  # the same grid with more epochs


def load(path: Path, params: Params) -> Study | None:
    """Analyses a table of runs; None where it is missing, or of another grid."""
    if not path.exists():
        return None
    runs, grid = read_table(path), [network_columns(network) for network in params.networks()]
    same_grid = runs.filter(list(grid[0])).drop_duplicates().to_dict("records") == grid
    return analyse(runs, params) if same_grid else None


def side_by_side(path: Path, params: Params) -> str:
    """Compares the statements of the committed study with those of another one."""
    committed, other = load(PLOTS / "runs.csv", params), load(path, params)
    if committed is None or other is None:
        return f"Left out: `{PLOTS / 'runs.csv'}` or `{path}` is missing, or of another grid."
    contradicted = contradictions(committed.statements, other.statements)
    here, there = (describe_statements(study) for study in (committed, other))
    definite = committed.summary.definite
    rows = [
        [name, here[name], there[name], "contradicted" if name in contradicted else ""]
        for name in committed.statements
        if name in {*definite, *other.summary.definite}
    ]
    only_here = ", ".join(name for name in definite if name not in other.summary.definite)
    chosen, repeated = (study.summary.chosen or NO_CHOICE for study in (committed, other))
    likely = committed.summary.likely_choices
    return (
        f"{markdown(['', 'committed study', f'`{path.name}`', ''], rows)}\n\n"
        f"Contradicted: {', '.join(contradicted) or 'none'}. Definite in the committed study alone:"
        f" {only_here or 'none'}.\n\n"
        f"Choice: {chosen}; there: {repeated}, which is{'' if repeated in likely else ' not'} in the set of"
        f" the committed study ({', '.join(likely)})."
    )


def describe_statements(study: Study) -> dict[str, str]:
    """Describes each statement of a study in a few words; percentage points."""
    margin = f"{100 * study.summary.margin:.1f}"
    words = {"more": f"more than {margin}", "at_most": f"at most {margin}"}
    effects = {
        row["effect"]: "{:+.2f} [{:+.2f}, {:+.2f}] ".format(
            *(100 * row[k] for k in ("estimate", "lower", "upper"))
        )
        + words.get(row["verdict"], row["verdict"])
        for row in study.effects.to_dict("records")
    }
    networks = study.networks.to_dict("records")
    return effects | {
        f"tier {row['network']}": f"{row['tier']} ({100 * row['accuracy']:.2f} %)" for row in networks
    }


def main() -> None:
    """Simulates studies, compares with real ones, and writes the tables into docs/statistics.md."""
    params = load_params()
    text = (
        f"### Simulated\n\n{simulated(params)}\n\n"
        f"### A second study with other seeds\n\n{side_by_side(SECOND, params)}\n\n"
        f"### Trained longer\n\n{side_by_side(LONGER, params)}\n"
    )
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    write_text(PAGE, before + START + text + END + after)
    print(text, end="")
