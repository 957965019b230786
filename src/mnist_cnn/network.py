"""What a network of the grid is: a line of params.yaml, without PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """One cell of the grid: an architecture with one kernel size.

    Attributes:
        model: Key under `models` in params.yaml.
        kernel: Key under `kernels` in params.yaml.
        kernel_size: Height and width of every convolution kernel, in pixels.
        conv_channels: Output channels of each convolutional layer.
        hidden_units: Units of each linear layer before the one that gives the logits.
    """

    model: str
    kernel: str
    kernel_size: int
    conv_channels: tuple[int, ...]
    hidden_units: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name as DVC shows it behind the `@` of a stage."""
        return f"{self.model}-{self.kernel}"

    @property
    def place(self) -> str:
        """The folder of its files, below that of a stage."""
        return f"{self.model}/{self.kernel}"

    @property
    def conv_layers(self) -> int:
        """Number of convolutional layers."""
        return len(self.conv_channels)

    @property
    def linear_layers(self) -> int:
        """Number of linear layers, the one that gives the logits included."""
        return len(self.hidden_units) + 1
