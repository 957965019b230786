"""A plain PyTorch training loop: torchvision's data set, a DataLoader of single images, all threads."""

import time
from collections.abc import Iterator
from itertools import islice, pairwise

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms  # type: ignore[import-untyped]
from torchvision.datasets import MNIST  # type: ignore[import-untyped]

from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import CLASSES, TRAIN_IMAGES
from mnist_cnn.core.paths import RAW

BATCH_SIZE = 64
EPOCH_BATCHES = -(-TRAIN_IMAGES // BATCH_SIZE)
WARM_UP = 10  # batches
MEAN, STD = (0.1307,), (0.3081,)


def loader() -> DataLoader[tuple[Tensor, Tensor]]:
    """Returns the training images as the official example loads them."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    data = MNIST(str(RAW), train=True, transform=transform)
    return DataLoader(data, batch_size=BATCH_SIZE, shuffle=True)


def plain_network(network: Network) -> nn.Sequential:
    """Builds a network of the grid in the common order of layers and PyTorch's default memory format."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *network.conv_channels)):
        convolution = nn.Conv2d(inputs, outputs, network.kernel_size, padding=network.kernel_size // 2)
        layers += [convolution, nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    for inputs, outputs in pairwise(network.linear_widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def official_network() -> nn.Sequential:
    """Builds the network of PyTorch's own MNIST example (pytorch/examples, mnist)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, CLASSES),
    )  # fmt: skip


def _steps(model: nn.Module) -> Iterator[int]:
    """Trains for one epoch; yields the number of images of each batch."""
    optimizer = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss()
    model.train()
    for images, labels in loader():
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        yield len(images)


def images_per_second(network: Network, batches: int) -> float:
    """Trains a network of the grid for some batches of an epoch; the first ones are not timed."""
    images, start = 0, 0.0
    for index, size in enumerate(_steps(plain_network(network))):
        if index == WARM_UP:
            images, start = 0, time.perf_counter()
        images += size if index > WARM_UP else 0
        if index == WARM_UP + batches:
            break
    return images / (time.perf_counter() - start)


def official_epoch_seconds(batches: int = EPOCH_BATCHES) -> float:
    """Trains the official example's network; returns the seconds of an epoch, from those of some batches."""
    steps = _steps(official_network())
    next(steps)  # still importing
    start = time.perf_counter()
    timed = sum(1 for _ in islice(steps, batches))
    return (time.perf_counter() - start) / timed * EPOCH_BATCHES
