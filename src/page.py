"""Puts the report and the training times, in both languages and with their pictures, into one page.

Reads report/ and plots/samples.png.
Writes report/index.html.
"""

from mnist_cnn.core.command import run
from mnist_cnn.core.files import reading, write_text
from mnist_cnn.core.paths import REPORT
from mnist_cnn.reporting.html import linked_images, render_page
from mnist_cnn.reporting.text import SUFFIXES


def main() -> None:
    """Runs the stage."""
    with reading(REPORT):
        texts = {
            language: (
                (REPORT / f"report{suffix}").read_text(encoding="utf-8"),
                (REPORT / f"timing{suffix}").read_text(encoding="utf-8"),
            )
            for language, suffix in SUFFIXES.items()
        }
    links = {link for both in texts.values() for text in both for link in linked_images(text)}
    images = {link: (REPORT / link).read_bytes() for link in links}
    write_text(REPORT / "index.html", render_page(texts, images))
    print(f"{REPORT}/index.html")


if __name__ == "__main__":
    run(main)
