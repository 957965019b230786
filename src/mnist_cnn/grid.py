"""What a network of the grid is: a line of params.yaml, without PyTorch."""

from dataclasses import dataclass
from itertools import pairwise

from mnist_cnn.mnist import CLASSES, IMAGE_SIZE


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

    @property
    def parameters(self) -> int:
        """Trained weights and biases."""
        pairs = pairwise((1, *self.conv_channels))
        kernels = sum(outputs * (inputs * self.kernel_size**2 + 1) for inputs, outputs in pairs)
        return kernels + sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.linear_widths))

    @property
    def multiply_accumulates(self) -> int:
        """Work of one image's forward pass; a convolution's weight works at each place of the image."""
        work, side = 0, IMAGE_SIZE
        for inputs, outputs in pairwise((1, *self.conv_channels)):
            work += inputs * outputs * self.kernel_size**2 * side**2
            side //= 2  # by the pooling behind it
        return work + sum(inputs * outputs for inputs, outputs in pairwise(self.linear_widths))

    @property
    def linear_widths(self) -> tuple[int, ...]:
        """Features that the first linear layer sees, the units of those between, the logits."""
        side = IMAGE_SIZE >> self.conv_layers
        return (side**2 * self.conv_channels[-1], *self.hidden_units, CLASSES)

    @property
    def tensors(self) -> dict[str, tuple[str | int, ...]]:
        """Its trained tensors, first layer first, by PyTorch's names: dtype and shape."""
        forms: dict[str, tuple[str | int, ...]] = {}
        for place, (inputs, outputs) in enumerate(pairwise((1, *self.conv_channels))):  # of four modules each
            forms[f"{4 * place}.weight"] = "float32", outputs, inputs, self.kernel_size, self.kernel_size
            forms[f"{4 * place + 2}.bias"] = "float32", outputs, 1, 1
        flat = 4 * self.conv_layers  # a module that only flattens
        for place, (inputs, outputs) in enumerate(pairwise(self.linear_widths)):  # of two modules each
            forms[f"{flat + 2 * place + 1}.weight"] = "float32", outputs, inputs
            forms[f"{flat + 2 * place + 1}.bias"] = "float32", outputs
        return forms
