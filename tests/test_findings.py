"""From runs to tables: what a study with known effects is found to say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_cnn.choices.params import Params
from mnist_cnn.findings import decide, effect_rows, pair_rows, resolution, study_summary
from mnist_cnn.show import network_table
from mnist_cnn.statistics.blocks import StudyError
from mnist_cnn.statistics.effects import Direction
from mnist_cnn.study import Study, collect_study
from mnist_cnn.summaries import confusion_rows, headline, nested_metrics
from mnist_cnn.tables import StudyTables, read_tables, write_tables
from mnist_cnn.training.records import FoldQuality
from tests.conftest import simulated_study, simulated_tables


@pytest.fixture(scope="module")
def study(params: Params) -> Study:
    return simulated_study(params)


@pytest.fixture(scope="module")
def tables(params: Params, study: Study) -> StudyTables:
    return simulated_tables(params, study)


def test_known_effects_are_found(tables: StudyTables) -> None:
    kernel = {
        (row.low, row.high): row
        for row in tables.effects
        if (row.response, row.scope, row.factor) == ("validation_accuracy", "all", "kernel")
    }
    for (low, high), row in kernel.items():
        assert row.lower <= 0.0015 * (high - low) / 2 <= row.upper
        assert row.direction is Direction.UP
    (time,) = (
        row
        for row in tables.effects
        if (row.response, row.scope, row.factor, row.high) == ("training_seconds", "all", "linear", 2)
    )
    assert time.lower <= 1 <= time.upper  # a linear layer costs nothing in the simulation
    assert time.verdict is None


def test_each_layout_has_its_own_kernel_effects(tables: StudyTables, params: Params) -> None:
    scopes = {row.scope for row in tables.effects if row.response == "validation_accuracy"}
    assert scopes == {"all", *params.models}
    assert {row.root_changes is None for row in tables.effects} == {True, False}
    assert all(
        row.root_changes is not None for row in tables.effects if row.response == "validation_accuracy"
    )


def test_tables_agree_on_the_choice(tables: StudyTables) -> None:
    (recommended,) = (row for row in tables.ranking if row.recommended)
    (price,) = (row for row in tables.prices if row.margin == tables.summary.margin)
    assert recommended.network == price.network == tables.summary.shown_network
    assert tables.ranking[0].network == tables.summary.most_accurate
    means = [row.mean for row in tables.ranking]
    assert means == sorted(means, reverse=True)
    assert tables.ranking[0].may_be_best


def test_every_pair_is_there_once(tables: StudyTables, study: Study) -> None:
    count = len(study.networks)
    assert len({frozenset((row.first, row.second)) for row in tables.pairs}) == count * (count - 1) / 2
    for row in tables.pairs:
        assert row.differ == (row.lower > 0 or row.upper < 0)


def test_large_grid_has_pairs_with_the_best_alone(params: Params) -> None:
    kernels = {f"k{size}": size for size in range(1, 28, 2)}
    study = simulated_study(params.model_copy(update={"kernels": kernels}))
    study = replace(study, validation_accuracy=study.validation_accuracy - 0.02)
    best = study.networks[int(study.validation_accuracy.mean(axis=1).argmax())].name
    assert len(study.networks) == 70
    assert {row.first for row in pair_rows(study, params.compare)} == {best}


def test_tables_come_back(tables: StudyTables, tmp_path: Path) -> None:
    write_tables(tmp_path, tables)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = read_tables(tmp_path)
    write_tables(tmp_path, again)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert again.summary.folds == tables.summary.folds
    assert again.ranking[0].mean == pytest.approx(tables.ranking[0].mean, rel=1e-7)


def test_headline_keeps_its_names_when_a_kernel_changes(params: Params, tables: StudyTables) -> None:
    other = params.model_copy(update={"kernels": params.kernels | {"large": 9}})
    changed = simulated_tables(other, simulated_study(other))
    assert headline(changed)["effects_on_accuracy"].keys() == headline(tables)["effects_on_accuracy"].keys()
    assert nested_metrics(changed.networks)["conv1_linear1"]["large"]["kernel_size"] == 9


def test_one_fold_is_shown_without_verdicts(params: Params) -> None:
    one = params.model_copy(update={"train": params.train.model_copy(update={"folds": (0,)})})
    study = simulated_study(one)
    tables = simulated_tables(one, study)
    empty = (tables.effects, tables.ranking, tables.pairs, tables.prices, tables.anova, tables.gaps)
    assert not any(empty)
    assert tables.summary.reason is None
    assert tables.summary.shown_network == tables.summary.most_accurate
    assert decide(study, one.compare) is None


def test_one_network_alone(params: Params) -> None:
    alone = params.model_copy(
        update={"kernels": {"small": 3}, "models": {"conv1_linear1": params.models["conv1_linear1"]}}
    )
    study = simulated_study(alone)
    tables = simulated_tables(alone, study)
    assert tables.effects == tables.pairs == []
    assert tables.summary.shown_network == "conv1_linear1-small"
    assert resolution(study, alone.compare) == (None, None)
    assert study_summary(study, alone, decide(study, alone.compare), {}).residual_std is None


def test_two_networks(params: Params) -> None:
    two = params.model_copy(update={"models": {"conv1_linear1": params.models["conv1_linear1"]}})
    two = two.model_copy(update={"kernels": {"small": 3, "large": 7}})
    tables = simulated_tables(two, simulated_study(two))
    assert {row.scope for row in tables.effects} == {"all"}  # one layout: no average to take apart
    assert effect_rows(simulated_study(two), two.compare) == tables.effects


def results(params: Params) -> tuple[dict[str, dict], dict[str, dict]]:
    """What train and evaluate would have written for the grid of `params`."""
    names = [name for name in FoldQuality.__dataclass_fields__ if name not in ("fold", "digit_accuracy")]
    costs, metrics = {}, {}
    for place, network in enumerate(params.networks()):
        runs = [{"fold": fold, "training_seconds": 1.0 + place + fold} for fold in params.train.folds]
        costs[network.name] = {"parameters": place, "multiply_accumulates": 2 * place, "runs": runs}
        folds = [{"fold": f} | dict.fromkeys(names, 0.9 + f / 1000 + place / 1e5) for f in params.train.folds]
        metrics[network.name] = {"folds": folds[::-1]}
    return costs, metrics


def test_study_is_put_in_order(params: Params) -> None:
    costs, metrics = results(params)
    costs |= {"old-network": costs["conv1_linear1-small"]}
    study = collect_study(params.networks(), params.train.folds, 10_000, 50_000, costs, metrics)
    assert study.training_seconds[2].tolist() == [3.0 + fold for fold in params.train.folds]
    assert study.validation_accuracy[2, 4] == pytest.approx(0.9 + 4 / 1000 + 2 / 1e5)
    assert study.gap.shape == (len(params.networks()), len(params.train.folds))


def test_collapsed_run_is_named(params: Params) -> None:
    costs, metrics = results(params)
    metrics["conv2_linear2-large"]["folds"][0]["validation_accuracy"] = 0.1124
    with pytest.raises(StudyError, match=r"1 of 90 runs collapsed.*conv2_linear2-large.*5"):
        collect_study(params.networks(), params.train.folds, 10_000, 50_000, costs, metrics)


def test_confusion_counts_every_image() -> None:
    rows = confusion_rows(np.array([4, 4, 9], np.uint8), np.array([9, 4, 9], np.uint8))
    counts = {(row.actual, row.predicted): row.images for row in rows}
    assert len(rows) == 100
    assert counts[4, 9] == counts[4, 4] == counts[9, 9] == 1
    assert sum(counts.values()) == 3


def test_terminal_table_shows_no_spread_of_one_fold(tables: StudyTables) -> None:
    cells = list(network_table(tables.networks).columns[5].cells)
    assert all(" ± " in cell for cell in cells)
    one = [row.model_copy(update={"validation_accuracy_std": None}) for row in tables.networks]
    assert not any("±" in cell for cell in network_table(one).columns[5].cells)
