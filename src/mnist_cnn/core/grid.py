"""A network of the grid: an entry of params.yaml, without PyTorch."""

from dataclasses import dataclass
from itertools import pairwise

from mnist_cnn.core.mnist import CLASSES, IMAGE_SIZE


@dataclass(frozen=True)
class Network:
    """A network of the grid: an architecture with one kernel size.

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
        """The name, as DVC writes it after the `@` of a stage."""
        return f"{self.model}-{self.kernel}"

    @property
    def path(self) -> str:
        """The directory of its files, below that of a stage."""
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
        """Number of trained weights and biases."""
        pairs = pairwise((1, *self.conv_channels))
        kernels = sum(outputs * (inputs * self.kernel_size**2 + 1) for inputs, outputs in pairs)
        return kernels + sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.linear_widths))

    @property
    def multiply_accumulates(self) -> int:
        """Multiply–accumulates (MACs) of one image's forward pass, without biases, ReLU and pooling."""
        macs, side = 0, IMAGE_SIZE
        for inputs, outputs in pairwise((1, *self.conv_channels)):
            macs += inputs * outputs * self.kernel_size**2 * side**2
            side //= 2  # by the pooling after it
        return macs + sum(inputs * outputs for inputs, outputs in pairwise(self.linear_widths))

    @property
    def linear_widths(self) -> tuple[int, ...]:
        """Inputs of the first linear layer, then the outputs of each."""
        side = IMAGE_SIZE >> self.conv_layers
        return (side**2 * self.conv_channels[-1], *self.hidden_units, CLASSES)

    @property
    def conv_indices(self) -> range:
        """Index in the `nn.Sequential` of each block's convolution; pooling, bias and ReLU follow it."""
        return range(0, 4 * self.conv_layers, 4)

    @property
    def linear_indices(self) -> range:
        """Index in the `nn.Sequential` of each linear layer; a module before the first one flattens."""
        return range(4 * self.conv_layers + 1, 4 * self.conv_layers + 1 + 2 * self.linear_layers, 2)

    @property
    def tensors(self) -> dict[str, tuple[str | int, ...]]:
        """The trained tensors by their names in the state_dict, first layer first: dtype and shape."""
        specs: dict[str, tuple[str | int, ...]] = {}
        sizes = self.kernel_size, self.kernel_size
        channels = pairwise((1, *self.conv_channels))
        for index, (inputs, outputs) in zip(self.conv_indices, channels, strict=True):
            specs[f"{index}.weight"] = "float32", outputs, inputs, *sizes
            specs[f"{index + 2}.bias"] = "float32", outputs, 1, 1
        for index, (inputs, outputs) in zip(self.linear_indices, pairwise(self.linear_widths), strict=True):
            specs[f"{index}.weight"] = "float32", outputs, inputs
            specs[f"{index}.bias"] = "float32", outputs
        return specs
