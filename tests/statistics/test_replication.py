"""The trial of replication: what counts as false, and the page that it writes."""

import math
from pathlib import Path
from shutil import copy

import numpy as np
import pandas as pd
import pytest

from benchmarks import replication
from mnist_cnn.core.params import load_params
from mnist_cnn.core.tables import write_table

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("verdict", "direction", "truth", "false"),
    [
        ("more", 1, 0.003, False),
        ("more", 1, -0.003, True),
        ("more", 1, 0.002, True),
        ("at_most", 0, 0.002, False),
        ("at_most", 0, -0.0021, True),
        ("at_most", 1, 0.0, True),
        ("open", 0, 0.5, False),
        ("open", -1, 0.001, True),
        ("good", 0, -0.002, False),
        ("good", 0, -0.0021, True),
        ("worse", 0, -0.002, True),
        ("worse", 0, -0.0021, False),
    ],
)
def test_what_is_false(verdict, direction, truth, false):
    assert replication.is_false(verdict, direction, truth, 0.002) is false


def table_of_runs(networks, seed):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "network": network.name,
            "seed": seed,
            "fold": fold,
            "validation_correct": round(9_800 + 40 * math.log2(network.parameters / 1e4) + rng.normal(0, 9)),
            "validation_images": 10_000,
            "validation_loss": 0.05,
            "test_correct": 1_650,
            "test_images": 1_667,
            "train_accuracy": 0.99,
        }
        for network in networks
        for fold in range(6)
    ]
    return pd.DataFrame(rows)


def test_page_holds_the_tables_of_the_studies_that_are_here(tmp_path, monkeypatch, capsys):
    copy(TOP / "params.yaml", tmp_path)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "statistics.md"
    page.write_text("before\n<!-- replication -->\nstale\n<!-- /replication -->\nafter\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(replication, "PAIRS", 4)
    networks = load_params().networks()
    write_table(Path("plots/runs.csv"), table_of_runs(networks, 0))
    write_table(replication.SECOND, table_of_runs(networks, 1))
    replication.main()
    text = page.read_text()
    assert text.startswith("before\n<!-- replication -->\n### Simulated")
    assert text.endswith("<!-- /replication -->\nafter\n")
    assert "stale" not in text
    assert "Contradicted: none." in text
    assert "Left out: `plots/runs.csv` or `benchmarks/reference_runs.csv` is not here" in text
    assert text.count("| a definite statement contradicts the other study's | ≤ 0.1 % |") == 1
    assert capsys.readouterr().out in text
