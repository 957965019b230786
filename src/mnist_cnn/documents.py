"""What one stage writes as JSON and another one reads: one class per file, for both sides."""

from typing import Literal

from mnist_cnn.core.files import Document
from mnist_cnn.core.grid import Network
from mnist_cnn.core.params import Architecture, Recipe

Verdict = Literal["more", "at_most", "undecided"]  # than the margin


class Run(Document):
    """A run of the study."""

    network: str
    seed: int
    fold: int


class KernelEffect(Document):
    """The largest against the smallest kernel in one layout; fractions, simultaneous intervals."""

    model: str
    estimate: float
    lower: float
    upper: float
    verdict: Verdict
    direction: int


class Interaction(Document):
    """The F test of the interaction of layout and kernel.

    Attributes:
        matters: Whether the test rejects, and two effects lie on different sides of 0 or of the margin.
    """

    f: float
    df1: int
    df2: int
    p: float
    matters: bool
    by_layout: tuple[KernelEffect, ...]


class StudySummary(Document):
    """plots/study.json: what holds for the study as a whole; None where one fold allows no interval.

    Attributes:
        networks: Number of networks.
        runs: Number of runs.
        collapsed: Runs that learned nothing.
        seeds: Seeds of the runs.
        folds: Folds of the runs.
        target: Accuracy that a network has to reach, a fraction.
        margin: Smallest difference of accuracies that matters, a fraction.
        confidence: Confidence level of the intervals.
        half_width: Half-width of the interval of the gap to the best network, a fraction.
        chosen: The chosen network; None if none is shown to be good enough.
        most_accurate: The network with the highest mean accuracy.
        good: Networks shown to be good enough.
        undecided: Networks that are neither shown to be good enough nor shown to be worse.
        worse: Networks shown to lose more than the margin.
        interaction: Whether the effect of the kernel depends on the layout.
        likely_choices: The smallest set with 90 % of the choices that repeats are predicted to make.
        definite: Names of the effects, and `tier NETWORK`, that are not undecided.
        sensitive: Those of them that become undecided with a correction for overlapping training sets.
        recipe: How every network is trained.
        models: Layers of each layout, but for the kernel size.
        dataset: Name of the data set.
        classes: Names of the ten classes.
    """

    networks: int
    runs: int
    collapsed: tuple[Run, ...]
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    target: float
    margin: float
    confidence: float
    half_width: float | None
    chosen: str | None
    most_accurate: str
    good: tuple[str, ...]
    undecided: tuple[str, ...]
    worse: tuple[str, ...]
    interaction: Interaction | None
    likely_choices: tuple[str, ...]
    definite: tuple[str, ...]
    sensitive: tuple[str, ...]
    recipe: Recipe
    models: dict[str, Architecture]
    dataset: str
    classes: tuple[str, ...]


class Choice(Document):
    """plots/choice.json: the chosen network, and how it is trained.

    Attributes:
        name: Its name; None if none is shown to be good enough. Then this is the most accurate one.
    """

    name: str | None
    model: str
    kernel: str
    kernel_size: int
    conv_channels: tuple[int, ...]
    hidden_units: tuple[int, ...]
    dataset: str
    recipe: Recipe

    @property
    def network(self) -> Network:
        """The network."""
        return Network(self.model, self.kernel, self.kernel_size, self.conv_channels, self.hidden_units)


class Agreement(Document):
    """data/export/agreement.json: the exported network, and what ONNX Runtime and PyTorch agree on.

    Attributes:
        network: Its name.
        dataset: The data set that it was trained on.
        opset: Version of the ONNX operators.
        ir_version: Version of the ONNX format.
        images: Number of test images, to each of which both assign the same label.
        logits_differ_by_less_than: Bound of the difference of a logit.
        correct: Number of correct predictions.
        bytes: Size of each file by its name.
    """

    network: str
    dataset: str
    opset: int
    ir_version: int
    images: int
    logits_differ_by_less_than: float
    correct: int
    bytes: dict[str, int]


class NetworkMetrics(Document):
    """metrics/networks.json: the mean accuracy of each network that has one, a fraction."""

    accuracy: dict[str, float]
