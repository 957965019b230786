"""The choices of params.yaml, checked as a whole before anything runs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mnist_cnn.core.grid import Network
from mnist_cnn.core.mnist import IMAGE_SIZE, TRAIN_IMAGES
from mnist_cnn.core.params_file import ParamsError, describe_mistake, quoted, read_params
from mnist_cnn.core.paths import PARAMS

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")  # DVC's matrix silently drops stages of other names
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # not allowed as file names on Windows

MAX_MISTAKES = 20  # that are listed one by one
MAX_CONV_LAYERS = IMAGE_SIZE.bit_length() - 1  # each halves the image


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise PydanticCustomError("even", "must be odd (an even kernel shifts the image by half a pixel)")
    return value


def _unique(value: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(value)) < len(value):
        raise PydanticCustomError("duplicate", "must not contain a value twice")
    return value


# The bounds keep a run below about 4 GB: 1,024 images × 256 channels × 784 pixels × 4 bytes, a few times.
Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Channels = Annotated[int, Field(ge=1, le=256)]
Units = Annotated[int, Field(ge=1, le=4096)]
KernelSize = Annotated[int, Field(ge=1, lt=IMAGE_SIZE), AfterValidator(_odd)]
Fold = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    """A mapping of params.yaml: no unknown key, no silent conversion, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _lists_to_tuples(cls, value: Any) -> Any:
        """Turns YAML's lists into tuples, which strict mode requires."""
        if isinstance(value, dict):
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return value


class Data(_Section):
    """Which data set, and how its training images are split into folds."""

    dataset: Literal["MNIST", "FashionMNIST", "KMNIST"]
    folds: Annotated[int, Field(ge=2, le=60)]
    seed: Seed


class Architecture(_Section):
    """The layers of a network, but for the kernel size; each convolutional layer halves the image."""

    conv_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=MAX_CONV_LAYERS)]
    hidden_units: Annotated[tuple[Units, ...], Field(max_length=8)]


class Recipe(_Section):
    """How a network is trained, but for the seed."""

    epochs: Annotated[float, Field(gt=0, le=1000)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup: Share


class Train(Recipe):
    """How every network is trained; a run is one of `seeds` with one of `folds`."""

    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100), AfterValidator(_unique)]
    folds: Annotated[tuple[Fold, ...], Field(min_length=1), AfterValidator(_unique)]
    curve_points: Annotated[int, Field(ge=8, le=1000)]
    curve_images: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Criteria:
    """The section `compare` for the chosen data set."""

    target_accuracy: float
    margin: float
    confidence: float


class Targets(_Section):
    """The accuracy that a network has to reach on each data set."""

    MNIST: Share
    FashionMNIST: Share
    KMNIST: Share


class Compare(_Section):
    """Target and margin of accuracies, fractions, and the confidence level of all intervals together."""

    target_accuracy: Targets
    margin: Share
    confidence: Annotated[float, Field(ge=0.5, le=0.999)]


class Params(_Section):
    """The whole of params.yaml."""

    data: Data
    kernels: Annotated[dict[Any, KernelSize], Field(min_length=1, max_length=20)]
    models: Annotated[dict[Any, Architecture], Field(min_length=1, max_length=100)]
    train: Train
    compare: Compare

    @field_validator("kernels", "models", mode="before")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        for name in value if isinstance(value, dict) else ():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                message = "the name {name} must be a letter followed by at most 39 letters, digits or _"
                raise PydanticCustomError("name", message, {"name": quoted(name)})
            if RESERVED.fullmatch(name):
                raise PydanticCustomError(
                    "name", "the name {name} is reserved by Windows", {"name": quoted(name)}
                )
        return value

    @field_validator("kernels", "models")
    @classmethod
    def _check_unique(cls, value: dict[str, Any]) -> dict[str, Any]:
        first: dict[Any, str] = {}
        for name, entry in value.items():
            for key in (entry, name.lower()):  # some systems do not distinguish a file a from a file A
                if (other := first.setdefault(key, name)) != name:
                    message = "{a} and {b} have the same value or name"
                    raise PydanticCustomError("name", message, {"a": other, "b": name})
        return value

    @model_validator(mode="after")
    def _check_train(self) -> Self:
        train, fold_images = self.train, TRAIN_IMAGES // self.data.folds
        steps = training_steps(train, TRAIN_IMAGES - fold_images)
        checks = [
            ("folds", max(train.folds), max(train.folds) < self.data.folds, "below data.folds"),
            ("curve_images", train.curve_images, train.curve_images <= fold_images, f"at most {fold_images}"),
            ("epochs", train.epochs, steps >= train.curve_points, f"enough for {train.curve_points} steps"),
            ("warmup", train.warmup, steps * train.warmup >= 2, f"at least 2 of the {steps} steps"),
            ("warmup", train.warmup, steps * (1 - train.warmup) >= 2, f"2 of {steps} steps below 1 or less"),
        ]
        for key, value, fits, allowed in checks:
            if not fits:
                message = f"train.{key} is {value!r}: must be {allowed}"
                raise PydanticCustomError("value", "{message}", {"message": message})
        return self

    @property
    def criteria(self) -> Criteria:
        """The criteria of the chosen data set."""
        target = getattr(self.compare.target_accuracy, self.data.dataset)
        return Criteria(target, self.compare.margin, self.compare.confidence)

    def networks(self) -> tuple[Network, ...]:
        """Returns every network of the grid, in the order of params.yaml: kernels within models."""
        return tuple(self.network(model, kernel) for model in self.models for kernel in self.kernels)

    def network(self, model: str, kernel: str) -> Network:
        """Returns one network of the grid.

        Raises:
            ParamsError: params.yaml has no such model or kernel.
        """
        for section, name in ((self.models, model), (self.kernels, kernel)):
            if name not in section:
                raise ParamsError(f"{PARAMS}: {name!r} is unknown, must be one of {', '.join(section)}")
        layers = self.models[model]
        return Network(model, kernel, self.kernels[kernel], layers.conv_channels, layers.hidden_units)


def training_steps(recipe: Recipe, images: int) -> int:
    """Returns the number of batches of a run with `images` training images per epoch."""
    return round(recipe.epochs * images / recipe.batch_size)


def load_params(path: Path = PARAMS) -> Params:
    """Reads and checks params.yaml.

    Raises:
        ParamsError: The file cannot be read, or holds something that is not allowed; one line for each
            mistake names the file, the key, the value and what is allowed.
    """
    try:
        return Params.model_validate(read_params(path))
    except ValidationError as error:
        # an invalid entry makes its list too short as well, which would be a second line for one mistake
        mistakes = [one for one in error.errors() if not (one["type"] == "too_short" and one["input"])]
        lines = [describe_mistake(one, path) for one in mistakes[:MAX_MISTAKES]]
        more = [f"{path}: {len(mistakes)} mistakes in all"] * (len(mistakes) > len(lines))
        raise ParamsError("\n".join(lines + more)) from None
