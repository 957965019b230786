"""What else was tried for a training step: each change alone, in turn with the step as it is."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params
from mnist_cnn.data.dataset import TrainingSet
from mnist_cnn.training.device import use_one_thread
from mnist_cnn.training.model import ChannelBias, FlattenChannelsLast, build_model, to_inputs

ROUNDS = 15
IMAGES = 1024  # of a round
BATCH_SIZE = 64

Step = Callable[[], object]


class PairwiseMaximum(nn.Module):
    """Pools 2×2 with two elementwise maxima of neighbours."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns a quarter of the values, shape (n, channels, height / 2, width / 2)."""
        n, channels, height, width = images.shape
        rows = images.permute(0, 2, 3, 1)[:, : height & ~1, : width & ~1].reshape(n * (height // 2), 2, -1)
        pairs = torch.maximum(rows[:, 0], rows[:, 1]).view(-1, 2, channels)
        pooled = torch.maximum(pairs[:, 0], pairs[:, 1])
        return pooled.view(n, height // 2, width // 2, channels).permute(0, 3, 1, 2)


def _exchanged(model: nn.Sequential, old: type[nn.Module], new: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(*(new() if isinstance(layer, old) else layer for layer in model))


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
    "ReLU not in place": lambda model: _exchanged(model, nn.ReLU, nn.ReLU),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "Adam not fused": {"fused": False},
    "bfloat16 autocast": {"precision": "bfloat16"},
    "batches of 32": {"batch_size": 32},
    "batches of 128": {"batch_size": 128},
    "uninitialised memory filled, PyTorch's deterministic default": {"fill": True},
    "denormal numbers flushed": {"flush": True},
}


def _stepper(
    model: nn.Module,
    data: TrainingSet,
    *,
    batch_size: int = BATCH_SIZE,
    fused: bool = True,
    precision: str = "float32",
    fill: bool = False,
    flush: bool = False,
) -> Step:
    """Returns a function that trains on IMAGES images, batch after batch."""
    images, labels = torch.from_numpy(data.images.pixels), torch.from_numpy(data.images.labels).long()
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=10**6)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:IMAGES]

    def steps() -> None:
        torch.set_flush_denormal(flush)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        for batch in torch.split(order, batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(to_inputs(images.index_select(0, batch), data.mean, data.std))
            loss = nn.functional.cross_entropy(logits.float(), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            loss.item()

    return steps


def _ratios(network: Network, data: TrainingSet) -> dict[str, float]:
    """Returns the time of each alternative as a ratio to that of the step as it is, median over rounds."""

    def fresh() -> nn.Sequential:
        return build_model(network, torch.Generator().manual_seed(0))

    steppers = {name: _stepper(change(fresh()), data) for name, change in MODELS.items()}
    steppers |= {name: _stepper(fresh(), data, **setting) for name, setting in SETTINGS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(ROUNDS):
        for name, steps in steppers.items():
            start = time.thread_time()
            steps()
            times[name].append(time.thread_time() - start)
    plain = times.pop("as it is")
    return {
        name: median(a / b for a, b in zip(values[1:], plain[1:], strict=True))
        for name, values in times.items()
    }


def measure(params: Params, data: TrainingSet) -> dict[str, dict[str, float]]:
    """Returns for the lightest and the heaviest layouts of the grid the ratio of each alternative."""
    use_one_thread()
    results = {}
    networks = params.networks()
    for network in (networks[0], networks[2], networks[8], networks[-3], networks[-1]):
        results[network.name] = _ratios(network, data)
        print(f"alternatives: {network.name}", flush=True)
    return results
