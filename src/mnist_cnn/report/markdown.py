"""The report as Markdown, readable on a code host."""

import re
from collections.abc import Sequence

from mnist_cnn.report.blocks import Block, Bullets, Facts, Figure, Paragraph, Report, Table

FINDING = "<!-- finding -->", "<!-- /finding -->"  # the README repeats what stands between them


def to_markdown(report: Report) -> str:
    """Writes the report; its figures are expected at figures/NAME.svg beside it."""
    parts = [f"# {report.title}", f"{FINDING[0]}\n{escape(report.finding)}\n{FINDING[1]}"]
    for section in report.sections:
        parts += [f"## {section.title}", *(_block(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Keeps plain text plain; `code` stays, and so do single _ within words, which Markdown leaves alone."""
    return re.sub(r"(?<!\w)_|_(?!\w)|[*<>|\\]|(?<=\])\(", lambda match: "\\" + match.group(), text)


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return escape(text)
        case Bullets(items):
            return "\n".join(f"- **{escape(lead)}** {escape(text)}" for lead, text in items)
        case Facts(items):
            return _table(
                ("", "Value", "What it holds for"), [(fact.name, fact.value, fact.note) for fact in items], 3
            )
        case Table():
            return f"{escape(block.caption)}\n\n{_table(block.heads, _rows(block), block.names)}"
        case Figure(picture):
            image = f"![{escape(picture.alternative_text)}](figures/{picture.name}.svg)"
            return f"{image}\n\n**{escape(picture.title)}.** {escape(picture.caption)}"


def _rows(table: Table) -> list[Sequence[str]]:
    """Makes the row of the recommended network bold."""
    bold = [[f"**{cell}**" for cell in row] for row in map(_escaped, table.rows)]
    return [bold[i] if i == table.marked else _escaped(row) for i, row in enumerate(table.rows)]


def _escaped(cells: Sequence[str]) -> list[str]:
    return [escape(cell) for cell in cells]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], names: int) -> str:
    """Writes a table; its first columns are aligned to the left, numbers to the right."""
    line = [":--" if place < names else "--:" for place in range(len(heads))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (_escaped(heads), line, *rows))
