"""The report as one HTML file that needs nothing else: no network, no script."""

import base64
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mnist_cnn.report.blocks import Report


def to_page(report: Report, images: Mapping[str, bytes]) -> str:
    """Writes the page.

    Args:
        report: What it says.
        images: The SVG of each of its figures, by name.
    """
    environment = Environment(
        loader=PackageLoader("mnist_cnn", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = prose
    environment.tests["kind"] = lambda block, kind: type(block).__name__ == kind
    sources = {name: svg_source(image) for name, image in images.items()}
    return environment.get_template("page.html").render(report=report, sources=sources)


def svg_source(image: bytes) -> str:
    """Puts an SVG into an address, so that the page holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(image).decode("ascii")


def prose(text: str) -> Markup:
    """Escapes text for HTML, keeps numbers and their % on one line, and sets `code` as code."""
    parts = str(escape(text)).replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0").split("`")
    return Markup("".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)))
