"""Names and numbers in words: as `mnist_cnn.report.numbers` writes them, with their units."""

from mnist_cnn.report import numbers
from mnist_cnn.report.numbers import counted, given
from mnist_cnn.tables import NetworkCell, StudySummary


def kernel_name(size: int) -> str:
    """Returns `3×3`."""
    return f"{size}×{size}"


def network_name(cell: NetworkCell) -> str:
    """Returns `conv2_linear1 3×3`."""
    return f"{cell.model} {kernel_name(cell.kernel_size)}"


def percent(fraction: float) -> str:
    """Returns `98.71 %`."""
    return f"{numbers.percent(fraction)} %"


def given_percent(fraction: float) -> str:
    """Returns `98 %`: a choice of params.yaml, with the digits that it was given."""
    return f"{given(fraction)} %"


def points(fraction: float) -> str:
    """Returns `0.07`: percentage points of something that has no sign."""
    return numbers.fixed(100 * fraction, numbers.LEAST_DIGITS)


def signed_points(fraction: float) -> str:
    """Returns `+0.20` or `−0.20`; what rounds to zero has no sign."""
    return numbers.fixed(100 * fraction, numbers.LEAST_DIGITS, signed=True)


def seconds(value: float) -> str:
    """Returns `4.2 s`."""
    return f"{numbers.seconds(value)} s"


def ratio(value: float) -> str:
    """Returns `×1.52`."""
    return f"×{value:.2f}"


def confidence(summary: StudySummary) -> str:
    """Returns `95 %`."""
    return given_percent(summary.confidence)


def folds(summary: StudySummary) -> str:
    """Returns how the networks were judged, a sentence for a caption."""
    number = counted(len(summary.folds), "fold")
    return (
        f"{number}: each run is trained on {summary.training_images:,} images and judged on "
        f"{summary.validation_images:,} others."
    )
