"""The report and the times in all languages as one HTML page, which asks for nothing else."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from mnist_cnn.reporting.text import LANGUAGES, environment

MIME = {".svg": "image/svg+xml", ".png": "image/png"}
NOTHING = "data:,"
PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


def linked_images(markdown: str) -> set[str]:
    """Lists what the images of a text link to."""
    children = (child for token in PARSER.parse(markdown) for child in token.children or ())
    return {str(child.attrGet("src")) for child in children if child.type == "image"}


def render_page(texts: Mapping[str, tuple[str, str]], images: Mapping[str, bytes]) -> str:
    """Makes the page.

    Args:
        texts: Language to the Markdown of its report and of its times.
        images: What their images link to, and its bytes.
    """
    sources = {
        link: f"data:{MIME[Path(link).suffix]};base64,{base64.b64encode(image).decode('ascii')}"
        for link, image in images.items()
    }
    first = LANGUAGES[0]  # holds the pictures; the script hands them on to the others
    parts = {
        language: _part(language, *both, sources if language == first else dict.fromkeys(sources, NOTHING))
        for language, both in texts.items()
    }
    return environment(first).get_template("page.html.j2").render(parts=parts)


def _part(language: str, report: str, timing: str, sources: Mapping[str, str]) -> dict[str, Any]:
    """Makes one language: its title, what stands before the first section, the sections, their headings."""
    title, _, body = report.partition("\n")
    sections, headings = to_html(body, language, sources)
    lead, mark, rest = sections.partition("<h2")
    lower = re.sub("^#", "##", timing, flags=re.MULTILINE)  # within the page it is a section
    times, more = to_html(lower, f"{language}-timing", sources)
    return {
        "title": title.lstrip("# "),
        "lead": Markup(lead),  # markdown-it escapes
        "rest": Markup(mark + rest + times),
        "headings": headings | more,
    }


def to_html(markdown: str, prefix: str, sources: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Makes HTML of Markdown, in which HTML of its own is text.

    Args:
        markdown: The text.
        prefix: Of the anchors of its headings.
        sources: What images link to, and the address that takes its place.

    Returns:
        The HTML, and the headings of the second order: anchor to text.
    """
    tokens, made = PARSER.parse(markdown), list[Token]()
    headings: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = f"{prefix}-{len(headings)}"
            token.attrSet("id", anchor)
            headings[anchor] = tokens[place + 1].content
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "td_open" and tokens[place - 1].type == "tr_open":  # names its row
            token.tag = tokens[place + 2].tag = "th"
            token.attrSet("scope", "row")
        for child in token.children or ():
            _adapt(child, prefix, sources)
        made += _framed(token, list(headings.values())[-1:])
    return PARSER.renderer.render(made, PARSER.options, {}), headings


def _adapt(token: Token, prefix: str, sources: Mapping[str, str]) -> None:
    """Puts the address of a picture in its place, and leads a link to the times to their section."""
    if token.type == "image":
        link = str(token.attrGet("src"))
        token.attrSet("data-picture", link)
        token.attrSet("src", sources[link])
    elif token.type == "link_open" and str(token.attrGet("href")).startswith("timing."):
        token.attrSet("href", f"#{prefix.partition('-')[0]}-timing-0")


def _framed(token: Token, heading: list[str]) -> list[Token]:
    """Puts a table into a frame in which it can be scrolled, by keyboard too; its label is the heading."""
    if token.type == "table_close":
        return [token, Token("html_block", "", 0, content="</div>\n")]
    if token.type != "table_open":
        return [token]
    label = f' aria-label="{escape(heading[0])}"' if heading else ""
    return [
        Token("html_block", "", 0, content=f'<div class="scroll" tabindex="0" role="group"{label}>\n'),
        token,
    ]
