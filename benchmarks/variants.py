"""Other ways to build the same networks; `alternatives` times them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mnist_cnn.training.model import ChannelBias, FlattenChannelsLast


class PairwiseMaximum(nn.Module):
    """Pools 2×2 with two elementwise maxima of neighbours."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns a quarter of the values, shape (n, channels, height / 2, width / 2)."""
        n, channels, height, width = images.shape
        rows = images.permute(0, 2, 3, 1)[:, : height & ~1, : width & ~1].reshape(n * (height // 2), 2, -1)
        pairs = torch.maximum(rows[:, 0], rows[:, 1]).view(-1, 2, channels)
        pooled = torch.maximum(pairs[:, 0], pairs[:, 1])
        return pooled.view(n, height // 2, width // 2, channels).permute(0, 3, 1, 2)


class _Winners(torch.autograd.Function):
    """Pools 2×2 and remembers the places of the maxima as two masks, not as PyTorch's 64-bit indices."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        height, width = images.shape[2] // 2, images.shape[3] // 2
        rows = images.permute(0, 2, 3, 1)[:, : 2 * height, : 2 * width].unflatten(1, (height, 2))  # type: ignore[no-untyped-call]
        upper, lower = rows.unbind(2)
        left, right = torch.maximum(upper, lower).unflatten(2, (width, 2)).unbind(3)  # type: ignore[no-untyped-call]
        ctx.save_for_backward(upper >= lower, left >= right)
        ctx.shape = images.shape
        return torch.maximum(left, right)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        n, channels, height, width = ctx.shape
        is_upper, is_left = ctx.saved_tensors
        (gradient,) = gradients
        pairs = torch.empty(n, height // 2, width // 2, 2, channels)
        torch.mul(gradient, is_left, out=pairs[:, :, :, 0])
        torch.sub(gradient, pairs[:, :, :, 0], out=pairs[:, :, :, 1])
        columns = pairs.flatten(2, 3)
        whole = torch.zeros(n, height, width, channels)
        rows = whole[:, : height & ~1, : width & ~1].unflatten(1, (height // 2, 2))  # type: ignore[no-untyped-call]
        torch.mul(columns, is_upper, out=rows[:, :, 0])
        torch.sub(columns, rows[:, :, 0], out=rows[:, :, 1])
        return whole.permute(0, 3, 1, 2)


class MaskPool(nn.Module):
    """Pools 2×2 with a backward pass of its own."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns a quarter of the values, shape (n, channels, height / 2, width / 2)."""
        pooled: Tensor = _Winners.apply(images)
        return pooled.permute(0, 3, 1, 2)


def _exchanged(model: nn.Sequential, old: type[nn.Module], new: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(*(new() if isinstance(layer, old) else layer for layer in model))


class AddedBias(ChannelBias):
    """Adds the bias into new memory."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns images of the same shape."""
        return images + self.bias


def _exchanged_bias(model: nn.Sequential) -> nn.Sequential:
    biases = (layer for layer in model if isinstance(layer, ChannelBias))
    return _exchanged(model, ChannelBias, lambda: AddedBias(len(next(biases).bias)))


def _usual_order(model: nn.Sequential) -> nn.Sequential:
    """Puts bias and ReLU before the pooling."""
    layers: list[nn.Module] = []
    for layer in model:
        match layer:
            case nn.Conv2d():
                size = layer.kernel_size[0]
                usual = nn.Conv2d(layer.in_channels, layer.out_channels, size, padding=size // 2)
                layers += [usual.to(memory_format=torch.channels_last), nn.ReLU(inplace=True)]
            case ChannelBias():
                pass
            case nn.ReLU() if isinstance(layers[-1], nn.MaxPool2d):
                pass
            case _:
                layers.append(layer)
    return nn.Sequential(*layers)


MODELS: dict[str, Callable[[nn.Sequential], nn.Sequential]] = {
    "as it is": lambda model: model,
    "PyTorch's default memory format": lambda model: model.to(memory_format=torch.contiguous_format),
    "bias and ReLU before pooling": _usual_order,
    "nn.Flatten, which copies": lambda model: _exchanged(model, FlattenChannelsLast, nn.Flatten),
    "pooling as elementwise maxima": lambda model: _exchanged(model, nn.MaxPool2d, PairwiseMaximum),
    "pooling with masks and its own backward pass": lambda model: _exchanged(model, nn.MaxPool2d, MaskPool),
    "bias not in place": _exchanged_bias,
    "ReLU not in place": lambda model: _exchanged(model, nn.ReLU, nn.ReLU),
}
