"""What a report is made of. Texts are plain: no Markdown and no HTML in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Picture(Protocol):
    """A figure as far as text goes; `mnist_cnn.figures` draws them."""

    @property
    def name(self) -> str:
        """The name of its files, without the suffix."""

    @property
    def title(self) -> str:
        """What it shows, in a few words."""

    @property
    def caption(self) -> str:
        """How to read it: what points, bars and bands mean."""

    @property
    def alternative_text(self) -> str:
        """What it says, for those who do not see it."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list; each item has a lead of a few words and a text."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Fact:
    """One number that a reader wants first: what it is, the number, and what it holds for."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Facts:
    """The few numbers that a reader wants first."""

    items: Sequence[Fact]


@dataclass(frozen=True)
class Table:
    """A table; its first `names` columns name the row, the others hold numbers or marks."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    marked: int | None = None  # the row of the recommended network


@dataclass(frozen=True)
class Figure:
    """A figure with its caption."""

    picture: Picture


Block = Paragraph | Bullets | Facts | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of the report under its heading."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """The whole report.

    Attributes:
        title: The question.
        finding: The answer, one self-contained paragraph of plain text; the README repeats it.
        sections: Everything else.
    """

    title: str
    finding: str
    sections: Sequence[Section]
