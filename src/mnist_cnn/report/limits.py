"""The last sections of the report: what the study cannot say, and how it was done."""

from collections.abc import Sequence

from mnist_cnn.report.blocks import Block, Bullets
from mnist_cnn.report.effects import stated
from mnist_cnn.report.numbers import counted, given, percent, shortest
from mnist_cnn.tables import EffectRow, StudyTables


def limits(tables: StudyTables) -> list[Block]:
    """What the study cannot say."""
    summary = tables.summary
    items = [("Small differences.", _resolution(tables))] if summary.resolution_pair is not None else []
    items += [
        (
            "Other machines, other hours.",
            f"Seconds are those of this machine ({summary.machine.get('processor', 'unknown')}). The networks"
            " were trained at different minutes: what is said of time knows the spread between the folds, and"
            " not a drift of the machine's speed from one network to the next.",
        ),
        ("Other networks.", _grid(tables)),
    ]
    checked = stated(tables)
    if checked:
        items.append(("Other training images.", _overlap(checked)))
    return [Bullets(items)]


def _resolution(tables: StudyTables) -> str:
    """Says which true differences would have been missed."""
    pair, kernel = tables.summary.resolution_pair, tables.summary.resolution_kernel
    assert pair is not None, "two networks and two folds"
    steps = f", and one step in kernel size over all layouts one of {percent(kernel)}" if kernel else ""
    return (
        f"Two networks would have to differ by {percent(pair)} percentage points in truth for this study to"
        f" show it four times of five{steps}; a smaller difference may be there unseen."
    )


def _grid(tables: StudyTables) -> str:
    """Names the grid, beyond which nothing is said."""
    rows = tables.networks
    kernels, convs, linears = (
        _span({getattr(row, name) for row in rows})
        for name in ("kernel_size", "conv_layers", "linear_layers")
    )
    return (
        f"Nothing is said beyond the grid that was run: kernel sizes {kernels}, convolutional layers {convs},"
        f" linear layers {linears}, with the numbers of channels and units in params.yaml and"
        f" {shortest(tables.summary.epochs)} epochs of training."
    )


def _span(values: set[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _overlap(rows: Sequence[EffectRow]) -> str:
    """Says how many of the verdicts stated each of the two re-analyses changes."""
    overlap, root = (
        sum(bool(row.overlap_changes) for row in rows),
        sum(bool(row.root_changes) for row in rows),
    )
    return (
        "The training sets of different folds overlap, so the intervals speak of networks trained on MNIST's"
        f" own images. With the correction of Nadeau & Bengio (2003), {overlap} of the {len(rows)} verdicts"
        f" on accuracy would be others; with the square root of the error count as the response, {root} would"
        " have another direction."
    )


def method(tables: StudyTables) -> list[Block]:
    """Says how the numbers came about."""
    summary = tables.summary
    sure, folds = given(summary.confidence), counted(len(summary.folds), "fold")
    data = (
        "MNIST's training images are cut into disjoint, stratified folds; each network is trained once for"
        f" each of {folds}: on {summary.training_images:,} images, for {shortest(summary.epochs)} epochs, and"
        f" judged on the {summary.validation_images:,} images of its fold. Training accuracy is that on"
        " images of the next fold, which the run has seen."
    )
    model = (
        "Randomised complete blocks: accuracy (and log seconds) = network + fold + error, one pooled error"
        + (f" on {summary.residual_df} degrees of freedom" if summary.residual_df else "")
        + (
            f" (standard deviation of a run {percent(summary.residual_std)} percentage points)"
            if summary.residual_std
            else ""
        )
        + f". Effects: Bonferroni. Pairs: Tukey. Distance from the best: Hsu. All at {sure} % for a family"
        " together."
    )
    machine = "; ".join(f"{key}: {value}" for key, value in summary.machine.items())
    items = [("Runs.", data), ("Machine and versions.", f"{machine}.")]
    if tables.ranking:
        items.insert(1, ("Statistics.", model))
    items.append(("Data.", "The tables behind this report are in plots/; `dvc plots show` draws them."))
    return [Bullets(items)]
