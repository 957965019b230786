"""Words: fills the templates, which hold every sentence, with numbers.

Codes (`more`, `at_most`, `open`, a direction) become words in templates/LANGUAGE/phrases.j2.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

LANGUAGES = ("en", "ru")
SUFFIXES = {"en": ".md", "ru": ".ru.md"}
TEMPLATES = Path(__file__).parent / "templates"
MARKERS = "<!-- answer -->", "<!-- /answer -->"
MINUS, NO_BREAK = "−", "\u00a0"
MARKUP = re.compile(r"[^\w .-]")
FEW_STEPS = 2  # of a factor that the answer tells one by one; of more it tells the widest


def fixed(language: str, value: float, digits: int = 2, signed: bool = False) -> str:
    """Writes a number as the language does; what rounds to zero keeps its sign where signs are written."""
    text = f"{abs(value):,.{digits}f}"
    if value and (signed or float(text.replace(",", ""))):
        text = (MINUS if value < 0 else "+" if signed else "") + text
    return _localised(language, text)


def given(language: str, value: float, factor: float = 1) -> str:
    """Writes a choice of params.yaml with the digits that it was given."""
    return _localised(language, f"{factor * value:.10g}")


def _localised(language: str, text: str) -> str:
    return text.translate(str.maketrans(".,", f",{NO_BREAK}")) if language == "ru" else text


def percent(language: str, fraction: float, signed: bool = False) -> str:
    """Writes a fraction in percent, or a difference in percentage points, without the unit."""
    return fixed(language, 100 * fraction, 2, signed)


def between(language: str, bounds: Sequence[float | None], factor: float = 100, signed: bool = False) -> str:
    """Writes an interval in brackets behind its estimate; nothing where one fold allows none."""
    if None in bounds:
        return ""
    ends = [fixed(language, factor * end, 2, signed) for end in bounds if end is not None]
    return f" [{((';' if language == 'ru' else ',') + NO_BREAK).join(ends)}]"


def counted(language: str, number: float, *forms: str) -> str:
    """Writes a number of things: "1 run", "2.5 epochs"; in Russian there are forms for 1, 2 to 4, and 5."""
    whole = number == int(number)
    if language == "ru" and whole:
        many = number % 10 not in (1, 2, 3, 4) or number % 100 in range(11, 15)
        form = 2 if many else int(number % 10 != 1)
    else:
        form = int(number != 1)
    return f"{fixed(language, number, 0) if whole else given(language, number)} {forms[form]}"


def listed(items: Sequence[str], last: str) -> str:
    """Joins items as a sentence does: "a, b and c", where `last` is "and"."""
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def plain(text: str) -> str:
    """Keeps text from outside (the name of a processor) from being taken for Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|&#!])", r"\\\1", " ".join(str(text).split()))


def refuse_markup(*contents: Any) -> None:
    """Refuses names that Markdown, HTML or mathematics would take for more than text, however they got there.

    Args:
        contents: Text, and dictionaries and lists of it.

    Raises:
        ValueError: Some of it is no plain name.
    """
    for one in contents:
        match one:
            case str() if MARKUP.search(one):
                raise ValueError(f"{one!r} is no plain name")
            case dict():
                refuse_markup(*one, *one.values())
            case list():
                refuse_markup(*one)


@cache
def environment(language: str) -> Environment:
    """Makes the templates of a language, with its way of writing numbers."""
    made = Environment(
        loader=FileSystemLoader([TEMPLATES / language, TEMPLATES]),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    local = (fixed, given, percent, between, counted)
    made.filters |= {function.__name__: partial(function, language) for function in local}
    made.filters |= {"listed": listed, "plain": plain}
    return made


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Makes a row a dictionary; None where a cell is empty."""
    cells = table.astype(object).where(table.notna(), None)
    return [dict(zip(table.columns, row, strict=True)) for row in cells.itertuples(index=False, name=None)]


def told(effects: Sequence[dict[str, Any]], factor: str) -> list[dict[str, Any]]:
    """Picks the effects that sum a factor up: one or two steps from level to level, or the whole way."""
    rows = [row for row in effects if row["factor"] == factor]
    levels = sorted({row[end] for row in rows for end in ("high_value", "low_value")})
    ends = levels[:1] + levels[-1:]
    whole = [row for row in rows if len(levels) > 2 and [row["low_value"], row["high_value"]] == ends]
    steps = [row for row in rows if row not in whole]
    return steps if 0 < len(steps) <= FEW_STEPS else whole or steps[:FEW_STEPS]


def _size(effect: dict[str, Any]) -> float:
    return abs(float(effect["estimate"]))


def render_answer(
    networks: pd.DataFrame, effects: pd.DataFrame, facts: Mapping[str, Any], language: str, folder: str = ""
) -> str:
    """Writes the table of questions and answers.

    Args:
        networks: plots/networks.csv.
        effects: plots/effects.csv.
        facts: plots/statements.json.
        language: One of `LANGUAGES`.
        folder: Where report/ is, seen from the file that it will stand in: "" or "report/".
    """
    return _render("answer.md.j2", language, networks, effects, facts, folder=folder)


def render_report(
    networks: pd.DataFrame,
    effects: pd.DataFrame,
    facts: Mapping[str, Any],
    curves: pd.DataFrame,
    confusion: pd.DataFrame,
    language: str,
) -> str:
    """Writes the report, of the tables under plots/; its figures are expected in figures/ beside it."""
    wrong = confusion[(confusion["actual"] != confusion["predicted"]) & (confusion["images"] > 0)]
    mistakes = {
        "images": int(confusion["images"].sum()),
        "wrong": int(wrong["images"].sum()),
        "common": records(wrong.sort_values("images", ascending=False, kind="stable").head(5)),
    }
    ends = records(curves.groupby("network", sort=False).last().reset_index())
    tables = {"ends": ends, "mistakes": mistakes, "folder": ""}
    return _render("report.md.j2", language, networks, effects, facts, **tables)


def _render(
    template: str,
    language: str,
    networks: pd.DataFrame,
    effects: pd.DataFrame,
    facts: Mapping[str, Any],
    **more: Any,
) -> str:
    rows, steps = records(networks.sort_values("accuracy", ascending=False, kind="stable")), records(effects)
    shown, by_name = facts["chosen"] or facts["most_accurate"], {row["network"]: row for row in rows}
    sums = {factor: told(steps, factor) for factor in ("kernel", "conv", "linear")}
    content = {
        "networks": rows,
        "effects": steps,
        "told": sums,
        "largest": {factor: max(few, key=_size, default=None) for factor, few in sums.items()},
        "most_work": max(row["multiply_accumulates"] for row in rows),
        "by_name": by_name | {row["effect"]: row for row in steps},
        "shown": by_name[shown],
        "best": by_name[facts["most_accurate"]],
        "others": [name for name in facts["in_set"] if name not in (facts["chosen"], "none")],
        "sure": facts["half_width"] is not None,
        "facts": facts,
    }
    text = environment(language).get_template(template).render(content | more)
    return text.replace(" %", f"{NO_BREAK}%")


def render_timing(table: pd.DataFrame, machine: Mapping[str, Any], language: str) -> str:
    """Writes what kernel and layers do to training time.

    Args:
        table: plots/timing.csv.
        machine: What the times were measured on: processor, cores, system, python, torch, numerics.
        language: One of `LANGUAGES`.
    """
    rows = records(table)
    networks, effects = ([row for row in rows if row["kind"] == kind] for kind in ("network", "effect"))
    leading: dict[str, Any] = {}  # the first step of a factor; of the kernel the last, which is the whole way
    for row in effects:
        factor = row["name"].split(" ")[0]
        leading[factor] = row if factor == "kernel" else leading.get(factor, row)
    return (
        environment(language)
        .get_template("timing.md.j2")
        .render(networks=networks, effects=effects, leading=list(leading.values()), machine=machine)
    )


def replace_answer(readme: str, answer: str) -> str:
    """Puts the answer between the two markers of a README; one that lacks them is left as it is."""
    begin, end = map(re.escape, MARKERS)
    block = f"{MARKERS[0]}\n{answer}{MARKERS[1]}"
    return re.sub(f"{begin}.*?{end}", lambda _: block, readme, count=1, flags=re.DOTALL)
