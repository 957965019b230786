"""Networks of the grid as PyTorch modules."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation
from mnist_cnn.learning.results import Weights

INFERENCE_BATCH = 125  # images; larger ones leave the cache and are slower


class MaxPool(nn.MaxPool2d):
    """Halves height and width by the maximum of each 2×2 square; an odd last row or column is left out.

    Without a gradient, maxima of neighbours are several times as fast as PyTorch's operation, which also
    records the position of each maximum.
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, images: Tensor) -> Tensor:
        """Returns a quarter of the values, shape (n, channels, height / 2, width / 2)."""
        if torch.is_grad_enabled():
            pooled: Tensor = super().forward(images)
            return pooled
        height, width = images.shape[2] & ~1, images.shape[3] & ~1
        rows = torch.maximum(images[:, :, 0:height:2], images[:, :, 1:height:2])
        return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])


class ChannelBias(nn.Module):
    """Adds a trained number to each channel, in place; 0 at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Returns images of the same shape, (n, channels, height, width)."""
        return images.add_(self.bias)


class FlattenChannelsLast(nn.Module):
    """Flattens (n, channels, height, width) to (n, features) in the order of channels-last memory: a view.

    `nn.Flatten` would copy, which takes a tenth of the time of a network with one convolutional layer.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Returns a view, shape (n, height * width * channels)."""
        return images.permute(0, 2, 3, 1).flatten(1)


def build_network(network: Network, generator: torch.Generator) -> nn.Sequential:
    """Builds a network with fresh weights.

    Every convolutional layer keeps the image size ("same" padding), so that the kernel size changes the
    kernel alone. Pooling comes before bias and ReLU: the same result, from a quarter of the values.
    Channels-last memory makes training 1.5 to 2.7 times as fast as PyTorch's default, mostly in pooling.

    Args:
        network: Its layers.
        generator: Random stream of the initial weights.

    Returns:
        A module from float32 images, shape (batch, 1, 28, 28), to logits, shape (batch, 10).
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *network.conv_channels)):
        convolution = nn.Conv2d(inputs, outputs, network.kernel_size, padding="same", bias=False)
        layers += [convolution, MaxPool(), ChannelBias(outputs), nn.ReLU(inplace=True)]
    layers.append(FlattenChannelsLast())
    for inputs, outputs in pairwise(network.linear_widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    model = nn.Sequential(*layers[:-1])
    _initialise(model, generator)
    return model.to(memory_format=torch.channels_last)


def _initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draws weights and biases uniformly within 1/√fan_in, PyTorch's own default, from `generator`."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = layer.weight[0].numel() ** -0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)


def load_network(network: Network, weights: Weights) -> nn.Sequential:
    """Returns a trained network in evaluation mode."""
    model = build_network(network, torch.Generator())
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


def to_inputs(pixels: Tensor, normalisation: Normalisation) -> Tensor:
    """Turns uint8 pixels, shape (batch, 28, 28), into normalised float32 inputs, shape (batch, 1, 28, 28)."""
    return pixels.unsqueeze(1).to(torch.float32).sub_(normalisation.mean).div_(normalisation.std)


def predict_logits(model: nn.Module, images: Tensor, normalisation: Normalisation) -> Tensor:
    """Returns the logits, shape (n, 10), of uint8 images, shape (n, 28, 28)."""
    batches = torch.split(images, INFERENCE_BATCH)
    with torch.inference_mode():
        return torch.cat([model(to_inputs(batch, normalisation)) for batch in batches])


def loss_and_correct(logits: Tensor, labels: Tensor) -> tuple[float, int]:
    """Returns the mean cross-entropy in nats, and the number of images whose largest logit is the label's."""
    loss = nn.functional.cross_entropy(logits, labels)
    return loss.item(), int((logits.argmax(1) == labels).sum())
