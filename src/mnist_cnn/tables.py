"""The tables of a study: their columns, documented here once, and how they are written and read.

Accuracies, losses of accuracy and margins are fractions; times are CPU seconds of one thread on the machine
that trained; losses are mean cross-entropies in nats. A cell that has no value is empty.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from mnist_cnn.files import read_csv, read_json, write_csv, write_json
from mnist_cnn.statistics.choice import Reason
from mnist_cnn.statistics.contrasts import Factor
from mnist_cnn.statistics.effects import Direction, Verdict
from mnist_cnn.statistics.ranking import Goal

ALL_LAYOUTS = "all"  # the scope of an effect that is an average over matched layouts
Response = Literal["validation_accuracy", "training_seconds", "generalisation_gap"]


class Row(BaseModel):
    """One line of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, cells: Any) -> Any:
        return {key: None if value == "" else value for key, value in cells.items()}


class NetworkCell(Row):
    """Where in the grid a network stands: the first columns of every table of networks."""

    network: str
    model: str
    kernel: str
    kernel_size: int
    conv_layers: int
    linear_layers: int


class NetworkRow(NetworkCell):
    """networks.csv: means and standard deviations over the folds; the median of the seconds."""

    parameters: int
    multiply_accumulates: int
    training_seconds: float
    validation_accuracy: float
    validation_accuracy_std: float | None
    validation_loss: float
    test_accuracy: float
    test_accuracy_std: float | None
    test_loss: float
    generalisation_gap: float
    calibration_error: float
    meets_target: bool


class RunRow(NetworkCell):
    """runs.csv: what was measured of each run, with nothing summed up."""

    fold: int
    training_seconds: float
    train_accuracy: float
    train_loss: float
    validation_accuracy: float
    validation_loss: float
    test_accuracy: float
    test_loss: float


class CurveRow(Row):
    """learning_curves.csv: some points of each run; see `mnist_cnn.training.records.CurvePoint`."""

    model: str
    kernel_size: int
    fold: int
    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class EffectRow(Row):
    """effects.csv: what one step in kernel size or number of layers does to one response.

    Attributes:
        response: What is affected.
        scope: "all", the average over matched layouts; or the one layout that it holds for.
        factor: What is varied.
        low: Kernel size or number of layers on the low side.
        high: The same on the high side.
        low_name: The kernel's name in params.yaml, or the number of layers.
        high_name: The same on the high side.
        layouts: How many (pairs of) layouts it averages over.
        estimate: High minus low; of training_seconds, high over low.
        lower: Lower bound; all bounds of one response and kind of scope hold together.
        upper: Upper bound.
        verdict: The interval held against the margin; empty for training_seconds.
        direction: The direction that is shown.
        root_changes: Whether the square root of the error count shows another direction.
        overlap_changes: Whether the correction for overlapping training sets changes the verdict.
    """

    response: Response
    scope: str
    factor: Factor
    low: int
    high: int
    low_name: str
    high_name: str
    layouts: int
    estimate: float
    lower: float
    upper: float
    verdict: Verdict | None
    direction: Direction
    root_changes: bool | None
    overlap_changes: bool | None


class RankingRow(NetworkCell):
    """ranking.csv: the networks by falling mean validation accuracy; see `statistics.ranking.Standing`.

    Attributes:
        comparison_half_width: Two networks differ if their means ± this do not overlap (Tukey).
        recommended: Whether it is the network to take.
    """

    mean: float
    lower: float
    upper: float
    comparison_half_width: float
    goal: Goal
    difference: float
    best_lower: float
    best_upper: float
    may_be_best: bool
    within_margin: bool
    root_changes: bool
    overlap_changes: bool
    training_seconds: float
    parameters: int
    recommended: bool


class PairRow(Row):
    """pairs.csv: the difference in accuracy of two networks, with Tukey's simultaneous interval.

    Of a grid with more than `findings.ALL_PAIRS_UP_TO` networks, only the pairs with the most accurate one
    are listed, which is then `first`. The quantile stays that of all pairs: the intervals of those listed
    hold together with at least the study's confidence (conservative).
    """

    first: str
    second: str
    difference: float
    lower: float
    upper: float
    differ: bool


class PriceRow(Row):
    """prices.csv: the cheapest network that each margin buys; see `mnist_cnn.statistics.choice.Offer`."""

    margin: float
    network: str | None
    validation_accuracy: float | None
    training_seconds: float | None
    candidate: str | None
    folds_needed: int | None


class VariationRow(Row):
    """anova.csv: the analysis of variance of accuracy and of log seconds; see `statistics.anova.AnovaRow`."""

    response: Response
    term: str
    df: int
    sum_squares: float
    mean_square: float
    f: float | None
    p: float | None
    share: float


class GapRow(Row):
    """gaps.csv: training minus validation accuracy of each layout, all kernels, with its own t interval."""

    model: str
    gap: float
    lower: float
    upper: float


class ConfusionRow(Row):
    """confusion.csv: how many images of a digit the network to take took for another."""

    actual: int
    predicted: int
    images: int


class StudySummary(Row):
    """study.json: what holds for the study as a whole; None where one fold allows no statement.

    Attributes:
        networks: How many there are.
        folds: The folds that were run.
        validation_images: Images that a run is validated on.
        training_images: Images that a run is trained on.
        epochs: How often each run sees its images.
        target: The accuracy to reach.
        margin: A smaller difference does not matter.
        confidence: Of all intervals of a family together.
        meeting_target: How many networks' means reach the target.
        shown_network: The recommended network; with one fold, the one with the highest accuracy.
        most_accurate: The network with the highest mean.
        reason: Why the network is recommended.
        candidate: A cheaper network that could not be shown to be as good.
        folds_needed: About how many folds it would take to show it.
        residual_std: Standard deviation of one run, network and fold taken out.
        residual_df: Degrees of freedom behind it.
        test_lower: Lower bound of the shown network's mean test accuracy (t interval over the runs).
        test_upper: Upper bound of the same.
        resolution_pair: The smallest true difference of two networks that the study would have shown with
            a probability of 80 %.
        resolution_kernel: The same for the narrowest kernel effect; None without such effects.
        kernel_depends_on_layout: Whether the kernel's effect on accuracy depends on the layout.
        machine: Processor, cores and versions that the runs were made with.
    """

    networks: int
    folds: tuple[int, ...]
    validation_images: int
    training_images: int
    epochs: float
    target: float
    margin: float
    confidence: float
    meeting_target: int
    shown_network: str
    most_accurate: str
    reason: Reason | None
    candidate: str | None
    folds_needed: int | None
    residual_std: float | None
    residual_df: int | None
    test_lower: float | None
    test_upper: float | None
    resolution_pair: float | None
    resolution_kernel: float | None
    kernel_depends_on_layout: bool | None
    machine: dict[str, str]


class StudyTables(NamedTuple):
    """All tables of a study; with one fold, those of differences have no rows. Each is FIELD.csv on disk."""

    networks: Sequence[NetworkRow]
    runs: Sequence[RunRow]
    learning_curves: Sequence[CurveRow]
    effects: Sequence[EffectRow]
    ranking: Sequence[RankingRow]
    pairs: Sequence[PairRow]
    prices: Sequence[PriceRow]
    anova: Sequence[VariationRow]
    gaps: Sequence[GapRow]
    confusion: Sequence[ConfusionRow]
    summary: StudySummary  # study.json


ROWS: Mapping[str, type[Row]] = {
    "networks": NetworkRow,
    "runs": RunRow,
    "learning_curves": CurveRow,
    "effects": EffectRow,
    "ranking": RankingRow,
    "pairs": PairRow,
    "prices": PriceRow,
    "anova": VariationRow,
    "gaps": GapRow,
    "confusion": ConfusionRow,
}
SUMMARY = "study.json"
AnyRow = TypeVar("AnyRow", bound=Row)


def write_table(path: Path, kind: type[AnyRow], rows: Iterable[AnyRow]) -> None:
    """Writes a table as CSV: its header, also where there is no row, and a line a row."""
    write_csv(path, list(kind.model_fields), [row.model_dump(mode="json") for row in rows])


def read_table(path: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """Reads what `write_table` wrote."""
    return [kind.model_validate(cells) for cells in read_csv(path)]


def write_tables(folder: Path, tables: StudyTables) -> None:
    """Writes all tables of a study."""
    for name, kind in ROWS.items():
        write_table(folder / f"{name}.csv", kind, getattr(tables, name))
    write_json(folder / SUMMARY, tables.summary.model_dump(mode="json"))


def read_tables(folder: Path) -> StudyTables:
    """Reads what `write_tables` wrote."""
    tables: dict[str, Any] = {name: read_table(folder / f"{name}.csv", kind) for name, kind in ROWS.items()}
    return StudyTables(**tables, summary=StudySummary.model_validate(read_json(folder / SUMMARY)))
