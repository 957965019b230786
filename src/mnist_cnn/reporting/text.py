"""Fills the templates, which hold every sentence, with numbers that are formatted for their language.

What the codes of the statistics (`more`, `at_most`, `undecided`, `good`) are called is defined in
templates/LANGUAGE/phrases.j2, for figures as well.
"""

import re
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

LANGUAGES = ("en", "ru")
SUFFIXES = {"en": ".md", "ru": ".ru.md"}
TEMPLATES = Path(__file__).parent / "templates"
MINUS, NO_BREAK_SPACE = "−", "\u00a0"


def fixed(language: str, value: float, digits: int = 2, signed: bool = False) -> str:
    """Formats a number with so many digits; -0.001 is 0.00, and −0.00 where signs are written."""
    text = f"{abs(value):,.{digits}f}"
    if value and (signed or float(text.replace(",", ""))):
        text = (MINUS if value < 0 else "+" if signed else "") + text
    return _localised(language, text)


def given(language: str, value: float, factor: float = 1) -> str:
    """Formats a value of params.yaml with the digits that it has there."""
    return _localised(language, f"{factor * value:.10g}")


def _localised(language: str, text: str) -> str:
    return text.translate(str.maketrans(".,", f",{NO_BREAK_SPACE}")) if language == "ru" else text


def percent(language: str, fraction: float, signed: bool = False) -> str:
    """Formats a fraction in percent, or a difference in percentage points, without the unit."""
    return fixed(language, 100 * fraction, 2, signed)


def between(language: str, bounds: Sequence[float | None], factor: float = 100, signed: bool = False) -> str:
    """Formats an interval in brackets, with a space before it; returns nothing if a bound is None."""
    ends = [fixed(language, factor * bound, 2, signed) for bound in bounds if bound is not None]
    separator = (";" if language == "ru" else ",") + NO_BREAK_SPACE
    return f" [{separator.join(ends)}]" if len(ends) == len(bounds) else ""


def counted(language: str, number: float, *forms: str) -> str:
    """Formats a number with its noun: "1 run", "2.5 epochs".

    Args:
        language: One of `LANGUAGES`.
        number: The number; what differs from an integer by rounding errors alone is that integer.
        forms: The noun, in English for 1 and for all others; in Russian for 1, 2 to 4, and 5 ("1 пункт",
            "2 пункта", "5 пунктов"; "0,2 пункта").
    """
    number = float(f"{number:.10g}")
    if language == "ru" and number.is_integer():
        many = number % 10 not in (1, 2, 3, 4) or number % 100 in range(11, 15)
        form = 2 if many else int(number % 10 != 1)
    else:
        form = int(number != 1)
    return f"{fixed(language, number, 0) if number.is_integer() else given(language, number)} {forms[form]}"


def listed(items: Sequence[str], conjunction: str) -> str:
    """Joins items as a sentence does: "a, b and c", where `conjunction` is "and"."""
    return f" {conjunction} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def plain(text: str) -> str:
    """Escapes text from outside (the name of a processor), so that it is neither Markdown nor HTML."""
    return re.sub(r"([\\`*_\[\]<>|&#!])", r"\\\1", " ".join(text.split()))


@cache
def environment(language: str) -> Environment:
    """Returns the Jinja environment of a language, with filters that format numbers for it."""
    jinja = Environment(
        loader=FileSystemLoader([TEMPLATES / language, TEMPLATES]),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    local = (fixed, given, percent, between, counted)
    jinja.filters |= {function.__name__: partial(function, language) for function in local}
    jinja.filters |= {"listed": listed, "plain": plain}
    return jinja


@cache
def phrases() -> Any:
    """Returns the macros of templates/en/phrases.j2 as functions, for the figures, which are in English."""
    return environment("en").get_template("phrases.j2").module


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns each row as a dictionary; None where a cell is empty."""
    cells = table.astype(object).where(table.notna(), None)
    return [dict(zip(table.columns, row, strict=True)) for row in cells.itertuples(index=False, name=None)]


def render(template: str, language: str, **content: Any) -> str:
    """Fills a Markdown template of a language; a space before % does not break."""
    text = environment(language).get_template(template).render(content)
    return text.replace(" %", f"{NO_BREAK_SPACE}%").replace("п. п..", "п. п.")  # one full stop, not two
