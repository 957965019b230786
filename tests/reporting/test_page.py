"""The stages `report` and `page` on a simulated study, and the page in a browser without a connection."""

import re
import shutil
from itertools import product
from pathlib import Path

import pytest

import compare
import page
import report
import timing
from mnist_cnn.core.paths import FIGURES, REPORT
from mnist_cnn.reporting.html import render_page, to_html
from mnist_cnn.reporting.markdown import PARTS
from mnist_cnn.reporting.text import SUFFIXES
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed
from tests.support.repositories import TOP
from tests.support.studies import PARAMS, write_simulated_study

FAULTS = """(async () => {  // what is wrong with the part of the page that is shown
  const main = document.querySelector("main:not([hidden])"), images = [...main.querySelectorAll("img")];
  const found = test => [...main.querySelectorAll("*")].filter(test).map(one => one.outerHTML.slice(0, 80));
  await Promise.all(images.map(one => one.decode().catch(() => 0)));
  return {
    wide: found(one => !one.closest(".scroll *") && one.getBoundingClientRect().right > WIDTH + 0.5),
    invisible: found(one => one.matches("img") && !(one.alt && one.naturalWidth && one.clientWidth)),
    unreachable: found(one => one.matches("a, .scroll") && (one.focus(), document.activeElement !== one)),
    lost: found(one => one.matches("a[href^='#']") && !main.querySelector(one.hash)),
  };
})()"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs the stages after `evaluate` in a directory of their own."""
    directory = tmp_path_factory.mktemp("study")
    models = {name: PARAMS.models[name] for name in ("conv1_linear1", "conv2_linear1", "conv2_linear2")}
    write_simulated_study(directory, changed(PARAMS, models=models, folds=(0, 1, 2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        Path("plots").mkdir()
        shutil.copy(TOP / "plots/samples.png", "plots")
        for suffix in SUFFIXES.values():
            Path(f"README{suffix}").write_text(
                "".join(f"<!-- {part} -->\n<!-- /{part} -->\nown text\n" for part in PARTS), encoding="utf-8"
            )
        for stage in (compare, timing, report, page):
            stage.main()
    return directory


@pytest.fixture
def html(study: Path) -> str:
    return (study / REPORT / "index.html").read_text(encoding="utf-8")


def test_report_answer_and_readme(study: Path) -> None:
    for suffix in SUFFIXES.values():
        answer = (study / REPORT / f"answer{suffix}").read_text(encoding="utf-8")
        text = (study / REPORT / f"report{suffix}").read_text(encoding="utf-8")
        readme = (study / f"README{suffix}").read_text(encoding="utf-8")
        assert answer in text
        linked = re.sub(r"\]\((?!https:)", "](report/", answer)
        assert re.sub("(own text\n)|<!-- .*? -->\n", "", readme.replace("own text\n<", "\n<")) == linked
        for link in re.findall(r"\]\((report/[^)]+)\)", readme):
            assert (study / link).exists()
        figures = set(re.findall(r"\(figures/(\w+\.svg)\)", text))
        assert {path.name for path in (study / FIGURES).iterdir()} == figures


def test_page_loads_nothing(html: str) -> None:
    urls = re.findall(r"\b(?:src|srcset|action)=[\"']?([^\"'>\s]*)", html)
    assert {url.partition(":")[0] for url in urls} == {"data"}
    html = re.sub(r'<a href="https://[^"]*">', "", html)  # the reader may follow it
    assert not re.search(r"url\(|@import|<link(?! rel=\"icon\" href=\"data:)|https?://|fetch", html)


def test_page_contains_each_image_once_and_both_languages_with_times(html: str) -> None:
    images = re.findall(r'src="(data:image[^"]+)"', html)
    assert len(images) == len(set(images)) == 7
    assert html.count("<img ") == 14
    assert 'id="en-timing-0"' in html
    assert 'href="#ru-timing-0"' in html


def test_page_is_english_without_a_script(html: str) -> None:
    assert re.findall(r"<main[^>]*>", html) == ['<main lang="en">', '<main lang="ru" hidden>']
    assert re.search(r'class="switch"[^>]* hidden>', html)


def test_html_in_markdown_is_escaped() -> None:
    texts = {"en": ("# <b>\n\n<script>x</script> \\<i>\n", '# A&B\n\n| <u> |\n| :-- |\n| !["x"](p.svg) |\n')}
    text = render_page(texts, {"p.svg": b"<svg/>"})
    assert "<h1>&lt;b&gt;</h1>" in text
    assert "&lt;script&gt;x&lt;/script&gt; &lt;i&gt;" in text
    assert '<th style="text-align:left" scope="col">&lt;u&gt;</th>' in text
    assert 'alt="&quot;x&quot;"' in text
    assert 'aria-label="A&amp;B"' in text


def test_first_cell_is_the_header_of_its_row() -> None:
    html, headings = to_html("## H\n\n| a | b |\n| - | - |\n| c | d |\n", "en", {})
    assert '<th scope="row">c</th>\n<td>d</td>' in html
    assert headings == {"en-0": "H"}


def faults(browser: Browser, width: int) -> dict[str, list[str]]:
    """Lists the elements of the shown page that have a fault, by kind."""
    browser.resize(width)
    found: dict[str, list[str]] = browser.run(FAULTS.replace("WIDTH", str(width)))
    return found


@in_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(study: Path, browser: Browser, scheme: str) -> None:
    browser.open(study / REPORT / "index.html", "true", prefers_color_scheme=scheme)
    for width, language in product((360, 1400), SUFFIXES):
        browser.run(f"document.querySelector('.switch [lang={language}]').click()")
        assert not any(faults(browser, width).values())
        assert browser.run("document.documentElement.scrollWidth") == width
        assert browser.run("document.documentElement.lang") == language
        assert bool(re.search("[а-я]", browser.run("document.title"))) == (language == "ru")
        assert browser.run("document.querySelector('[aria-pressed=true]').lang") == language
    style = "getComputedStyle(document.body)"
    text, background = (
        sum(map(int, re.findall(r"\d+", browser.run(f"{style}.{name}"))))
        for name in ("color", "backgroundColor")
    )
    assert (text > background) == (scheme == "dark")
    assert browser.messages() == []


@in_chromium
def test_faults_are_found(tmp_path: Path, browser: Browser) -> None:
    """As a control of the test above."""
    body = '<p style="width: 600px">wide</p><img src="gone.png" alt="lost"><a href="#no">no</a><a>x</a>'
    path = tmp_path / "faulty.html"
    path.write_text(f"<!doctype html><main>{body}</main><script>undefined_function()</script>")
    browser.open(path, "true")
    found = faults(browser, 360)
    assert found["wide"][0].startswith("<p style")
    assert found["invisible"][0].startswith("<img")
    assert (found["unreachable"], found["lost"]) == (["<a>x</a>"], ['<a href="#no">no</a>'])
    assert any("undefined_function" in line for line in browser.messages())
