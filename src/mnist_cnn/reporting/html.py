"""The report and the training times in all languages as one HTML page that loads nothing else."""

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
EMPTY_URL = "data:,"
PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


def linked_images(markdown: str) -> set[str]:
    """Lists the targets of the images in a text."""
    children = (child for token in PARSER.parse(markdown) for child in token.children or ())
    return {str(child.attrGet("src")) for child in children if child.type == "image"}


def render_page(texts: Mapping[str, tuple[str, str]], images: Mapping[str, bytes]) -> str:
    """Returns the page.

    Args:
        texts: Language to the Markdown of its report and of its training times.
        images: Target of each image in the texts to the content of that file.
    """
    urls = {
        target: f"data:{MIME[Path(target).suffix]};base64,{base64.b64encode(content).decode('ascii')}"
        for target, content in images.items()
    }
    first = LANGUAGES[0]  # contains the images; the script of the page copies them into the others
    parts = {
        language: _part(language, *both, urls if language == first else dict.fromkeys(urls, EMPTY_URL))
        for language, both in texts.items()
    }
    return environment(first).get_template("page.html.j2").render(parts=parts)


def _part(language: str, report: str, timing: str, urls: Mapping[str, str]) -> dict[str, Any]:
    """Converts one language: its title, what precedes the first section, the sections, their headings."""
    title, _, body = report.partition("\n")
    report_html, headings = to_html(body, language, urls)
    lead, h2, rest = report_html.partition("<h2")
    timing_html, more = to_html(re.sub("^#", "##", timing, flags=re.MULTILINE), f"{language}-timing", urls)
    return {
        "title": title.lstrip("# "),
        "lead": Markup(lead),  # markdown-it has escaped it
        "rest": Markup(h2 + rest + timing_html),
        "headings": headings | more,
    }


def to_html(markdown: str, prefix: str, urls: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Converts Markdown to HTML; HTML inside it is escaped.

    Args:
        markdown: The text.
        prefix: The start of the anchors of its headings.
        urls: Target of each image to the URL that replaces it.

    Returns:
        The HTML, and its second-level headings: anchor to text.
    """
    tokens, output = PARSER.parse(markdown), list[Token]()
    headings: dict[str, str] = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = f"{prefix}-{len(headings)}"
            token.attrSet("id", anchor)
            headings[anchor] = tokens[index + 1].content
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "td_open" and tokens[index - 1].type == "tr_open":  # the header of its row
            token.tag = tokens[index + 2].tag = "th"
            token.attrSet("scope", "row")
        for child in token.children or ():
            _replace_target(child, prefix, urls)
        output += _in_frame(token, list(headings.values())[-1:])
    return PARSER.renderer.render(output, PARSER.options, {}), headings


def _replace_target(token: Token, prefix: str, urls: Mapping[str, str]) -> None:
    """Sets the URL of an image, and makes a link to the training times a link to their section."""
    if token.type == "image":
        target = str(token.attrGet("src"))
        token.attrSet("data-picture", target)
        token.attrSet("src", urls[target])
    elif token.type == "link_open" and str(token.attrGet("href")).startswith("timing."):
        token.attrSet("href", f"#{prefix.partition('-')[0]}-timing-0")


def _in_frame(token: Token, heading: list[str]) -> list[Token]:
    """Puts a table into a frame that scrolls, by keyboard too, and is labelled with the heading."""
    if token.type == "table_close":
        return [token, Token("html_block", "", 0, content="</div>\n")]
    if token.type != "table_open":
        return [token]
    label = f' aria-label="{escape(heading[0])}"' if heading else ""
    frame = f'<div class="scroll" tabindex="0" role="group"{label}>\n'
    return [Token("html_block", "", 0, content=frame), token]
