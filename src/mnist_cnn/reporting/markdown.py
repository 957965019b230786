"""The texts about a study in Markdown: the answer, the report and the training times."""

import re
from typing import Any

import pandas as pd

from mnist_cnn.core.machine import Machine
from mnist_cnn.documents import StudySummary
from mnist_cnn.reporting.answer import answer_content, pareto_front
from mnist_cnn.reporting.text import records, render

PARTS = ("answer", "comparison")  # of the answer, each between two markers in README.md
MAX_CONFUSIONS = 5  # that the report names


def render_answer(
    networks: pd.DataFrame, effects: pd.DataFrame, summary: StudySummary, language: str
) -> dict[str, str]:
    """Writes the answer: which network to take, what kernels and layers change, and how this was compared.

    Args:
        networks: plots/networks.csv.
        effects: plots/effects.csv.
        summary: plots/study.json.
        language: One of `LANGUAGES`.

    Returns:
        The text of each of `PARTS`; it links to the figures in figures/ beside it.
    """
    content = _content(networks, effects, summary)
    return {part: render(f"{part}.md.j2", language, **content) for part in PARTS}


def render_report(
    networks: pd.DataFrame,
    effects: pd.DataFrame,
    summary: StudySummary,
    curves: pd.DataFrame,
    confusion: pd.DataFrame,
    language: str,
) -> str:
    """Writes the report from the tables under plots/; it links to its figures in figures/ beside it."""
    wrong = confusion[(confusion["actual"] != confusion["predicted"]) & (confusion["images"] > 0)]
    common = wrong.sort_values("images", ascending=False, kind="stable").head(MAX_CONFUSIONS)
    counts = {"images": int(confusion["images"].sum()), "wrong": int(wrong["images"].sum())}
    tables = {
        "ends": records(curves.groupby("network", sort=False).last().reset_index()),
        "mistakes": counts | {"common": records(common)},
        "front": records(pareto_front(networks)),
    }
    return render("report.md.j2", language, **_content(networks, effects, summary), **tables)


def _content(networks: pd.DataFrame, effects: pd.DataFrame, summary: StudySummary) -> dict[str, Any]:
    """Collects what the templates of answer and report refer to."""
    rows, steps = records(networks.sort_values("accuracy", ascending=False, kind="stable")), records(effects)
    by_name = {row["network"]: row for row in rows} | {row["effect"]: row for row in steps}
    return answer_content(rows, steps, summary) | {
        "summary": summary,
        "networks": rows,
        "effects": steps,
        "by_name": by_name,
        "has_intervals": summary.half_width is not None,
    }


def render_timing(
    networks: pd.DataFrame, effects: pd.DataFrame, machine: Machine, confidence: float, language: str
) -> str:
    """Writes the effects of the kernel and of the layers on training time.

    Args:
        networks: One row per network: name, and seconds, the mean CPU seconds per run.
        effects: One row per effect: factor, high_value, low_value, ratio, lower, upper.
        machine: The machine that trained.
        confidence: Confidence level of all intervals together.
        language: One of `LANGUAGES`.
    """
    rows = records(effects)
    headlines: dict[str, Any] = {}  # the first step of layers; the last one of the kernel, its whole range
    for row in rows:
        if row["factor"] == "kernel" or row["factor"] not in headlines:
            headlines[row["factor"]] = row
    content = {"networks": records(networks), "effects": rows, "headlines": list(headlines.values())}
    return render("timing.md.j2", language, machine=machine, confidence=confidence, **content)


def replace_answer(readme: str, answer: dict[str, str]) -> str:
    """Replaces the parts of the answer in a README, whose figures are in report/figures/."""
    for part, text in answer.items():
        readme = replace_between(readme, part, text.replace("](figures/", "](report/figures/"))
    return readme


def replace_between(page: str, name: str, text: str) -> str:
    """Replaces what a page has between the two markers of a name; one without them stays as it is."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    return re.sub(f"(?<={begin}).*?(?={end})", lambda _: text, page, count=1, flags=re.DOTALL)
