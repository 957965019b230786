"""The choices of params.yaml, checked as a whole before anything runs."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mnist_cnn.choices.network import Network
from mnist_cnn.choices.refusals import in_lines
from mnist_cnn.command import UserError
from mnist_cnn.data.mnist import IMAGE_SIZE, TRAIN_IMAGES
from mnist_cnn.paths import PARAMS

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class ParamsError(UserError):
    """A choice in params.yaml that is not allowed."""


def _named(value: dict[Any, Any]) -> dict[Any, Any]:
    """Refuses names that DVC would lose without a word: its matrix keeps plain words only."""
    for name in value:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PydanticCustomError(
                "name",
                "the name {name} must be a letter followed by letters, digits or _",
                {"name": repr(name)},
            )
    return value


def _number(value: Any) -> Any:
    """Reads `1e-05`, which DVC writes as YAML 1.2 and PyYAML, at YAML 1.1, takes for text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _odd(value: int) -> int:
    """An even kernel would also shift the image by half a pixel: not the kernel size alone would change."""
    if value % 2 == 0:
        raise PydanticCustomError("even", "must be odd (an even kernel shifts the image by half a pixel)")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Count = Annotated[int, Field(ge=1)]
KernelSize = Annotated[int, Field(ge=1, lt=IMAGE_SIZE), AfterValidator(_odd)]


class _Section(BaseModel):
    """A mapping of params.yaml: no unknown key, no silent conversion, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _lists_to_tuples(cls, value: Any) -> Any:
        """Lets YAML's lists fill tuples, which strict mode would refuse."""
        if isinstance(value, dict):
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return value


class Data(_Section):
    """How the training images are cut."""

    dataset: Literal["MNIST"]
    folds: Annotated[int, Field(ge=2, le=60)]
    seed: Annotated[int, Field(ge=0)]


class Architecture(_Section):
    """The layers of a network, but for the kernel size."""

    conv_channels: tuple[Count, ...]
    hidden_units: tuple[Count, ...]

    @field_validator("conv_channels")
    @classmethod
    def _pooling_fits(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """Each convolutional layer halves the image, so there is a first and a last number of them."""
        most = IMAGE_SIZE.bit_length() - 1
        if not 1 <= len(value) <= most:
            raise PydanticCustomError(
                "pooling",
                "must have 1 to {most} layers: each halves the {size} pixels",
                {"most": most, "size": IMAGE_SIZE},
            )
        return value


class Train(_Section):
    """How every network is trained."""

    folds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    epochs: Annotated[Number, Field(gt=0, le=1000)]
    batch_size: Count
    learning_rate: Annotated[Number, Field(gt=0, le=1)]
    warmup: Annotated[Number, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["float32", "bfloat16"]
    curve_points: Annotated[int, Field(ge=8)]
    curve_images: Count

    @field_validator("folds")
    @classmethod
    def _no_fold_twice(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise PydanticCustomError("fold_twice", "must name each fold once")
        return value


class Compare(_Section):
    """What the comparison is held against."""

    target_accuracy: Annotated[Number, Field(gt=0, lt=1)]
    margin: Annotated[Number, Field(gt=0, lt=1)]
    confidence: Annotated[Number, Field(ge=0.5, lt=1)]


class Params(_Section):
    """The whole of params.yaml."""

    data: Data
    kernels: Annotated[dict[Any, KernelSize], Field(min_length=1)]
    models: Annotated[dict[Any, Architecture], Field(min_length=1)]
    train: Train
    compare: Compare

    @field_validator("kernels", "models", mode="before")
    @classmethod
    def _plain_names(cls, value: Any) -> Any:
        return _named(value) if isinstance(value, dict) else value

    @field_validator("kernels", "models")
    @classmethod
    def _all_different(cls, value: dict[str, Any]) -> dict[str, Any]:
        seen: dict[Any, str] = {}
        for name, choice in value.items():
            twin = seen.setdefault(choice, name)
            if twin != name:
                raise PydanticCustomError("twin", "{a} and {b} are the same", {"a": twin, "b": name})
        return value

    @model_validator(mode="after")
    def _train_fits_data(self) -> Self:
        smallest_fold = TRAIN_IMAGES // self.data.folds
        limits = {
            "train.folds": (max(self.train.folds), self.data.folds - 1, "the folds are 0 to data.folds - 1"),
            "train.batch_size": (
                self.train.batch_size,
                TRAIN_IMAGES - smallest_fold - 1,
                "the images of a run",
            ),
            "train.curve_images": (self.train.curve_images, smallest_fold, "the images of a fold"),
        }
        for key, (value, most, reason) in limits.items():
            if value > most:
                raise PydanticCustomError(
                    "too_large",
                    "{key} is {value}: must be at most {most}, {reason}",
                    {"key": key, "value": value, "most": most, "reason": reason},
                )
        return self

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
                raise ParamsError(f"{PARAMS}: no {name!r} there, only {', '.join(section)}")
        layers = self.models[model]
        return Network(model, kernel, self.kernels[kernel], layers.conv_channels, layers.hidden_units)


def load_params(path: Path = PARAMS) -> Params:
    """Reads and checks params.yaml.

    Raises:
        ParamsError: The file cannot be read, or holds something that is not allowed; one line for each
            mistake names the file, the key, the value and what is allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is not here: run from the top of the repository") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError(in_lines(error.errors(), path)) from None
