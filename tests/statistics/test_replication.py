"""The benchmark of replication: which statements are false, and the tables that it writes."""

from pathlib import Path

import pytest

from benchmarks import replication, simulation
from mnist_cnn.core.params import Params
from mnist_cnn.core.tables import write_table
from mnist_cnn.statistics.study import analyse
from tests.support.params import write_params
from tests.support.studies import grid, simulate_runs


@pytest.mark.parametrize(
    ("verdict", "direction", "truth", "false"),
    [
        ("more", 1, 0.003, False),
        ("more", 1, -0.003, True),
        ("more", 1, 0.002, True),
        ("at_most", 0, 0.002, False),
        ("at_most", 0, -0.0021, True),
        ("at_most", 1, 0.0, True),
        ("undecided", 0, 0.5, False),
        ("undecided", -1, 0.001, True),
        ("good", 0, -0.002, False),
        ("good", 0, -0.0021, True),
        ("worse", 0, -0.002, True),
        ("worse", 0, -0.0021, False),
    ],
)
def test_false_statements(verdict: str, direction: int, truth: float, false: bool) -> None:
    assert simulation.is_false(verdict, direction, truth, 0.002) is false


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Changes to a directory with the tables of a study, and of one with another seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulation, "PAIRS", 4)
    params = grid()
    write_params(tmp_path, params)
    runs = simulate_runs(params)
    write_table(Path("plots/runs.csv"), runs)
    write_table(Path("plots/networks.csv"), analyse(runs, params).networks)
    write_table(replication.SECOND, simulate_runs(params, seed=1).assign(seed=1))
    return params


@pytest.mark.usefixtures("params")
def test_page_contains_the_tables_of_the_studies_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    replication.PAGE.parent.mkdir()
    replication.PAGE.write_text("before\n<!-- replication -->\nstale\n<!-- /replication -->\nafter\n")
    replication.main()
    text = replication.PAGE.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- replication -->\n### Simulated")
    assert text.endswith("<!-- /replication -->\nafter\n")
    assert "stale" not in text
    assert "Contradicted: none." in text
    assert "Left out: `plots/runs.csv` or `benchmarks/reference_runs.csv` is missing" in text
    assert text.count("| a definite statement contradicts the other study's | ≤ 0.1 % |") == 1
    assert capsys.readouterr().out in text


def test_contradictions_and_other_grids_are_seen(params: Params) -> None:
    reversed_kernels = {"small": "large", "large": "small", "medium": "medium"}
    runs = simulate_runs(params)
    counts = runs.set_index(["model", "kernel", "fold"]).validation_correct
    keys = zip(runs.model, runs.kernel.map(reversed_kernels), runs.fold, strict=True)
    swapped = runs.assign(validation_correct=[counts[key] for key in keys], epochs=8)
    write_table(replication.LONGER, swapped.drop(columns=["validation_loss", "train_loss", "train_accuracy"]))
    assert "Contradicted: kernel " in replication.side_by_side(replication.LONGER, params)
    write_table(replication.LONGER, swapped.assign(kernel_size=swapped.kernel_size + 2))
    assert replication.side_by_side(replication.LONGER, params).startswith("Left out: ")
