"""The stages `report` and `page` on a simulated study, and the page in a browser without a network."""

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
from mnist_cnn.reporting.markdown import MARKERS
from mnist_cnn.reporting.text import SUFFIXES
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed
from tests.support.repositories import TOP
from tests.support.studies import PARAMS, write_simulated_study

WIDTHS = (360, 1400)
# A page in a frame is as wide as the frame, down to widths that no window of the browser can have.
PROBE = """<script>
addEventListener("load", async () => {
  const found = [];
  for (const button of document.querySelectorAll(".switch button")) {
    button.click();
    const main = document.querySelector("main:not([hidden])"), images = [...main.querySelectorAll("img")];
    await Promise.all(images.map(one => one.decode().catch(() => 0)));
    found.push({
      width: innerWidth, language: document.documentElement.lang, title: document.title,
      dark: matchMedia("(prefers-color-scheme: dark)").matches,
      colours: [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor],
      pressed: [...document.querySelectorAll("[aria-pressed=true]")].map(one => one.textContent),
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      outside: [...main.querySelectorAll("*")].filter(one => !one.closest(".scroll *") &&
        one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 80)),
      images: images.map(one => [one.alt, one.naturalWidth, one.clientWidth]),
      unreachable: [...main.querySelectorAll("a, .scroll")]
        .filter(one => (one.focus(), document.activeElement !== one)).map(one => one.outerHTML.slice(0, 80)),
      lost: [...main.querySelectorAll("a[href^='#']")]
        .filter(one => !main.querySelector(one.hash)).map(one => one.hash),
    });
  }
  parent.postMessage(found, "*");
});
</script>"""
FRAMES = """<!doctype html><script>
const found = [];
let answered = 0;
addEventListener("message", event => { found.push(...event.data); ++answered; });
</script>""" + "".join(
    f'<iframe src="probe.html" style="width: {width}px; border: 0"></iframe>' for width in WIDTHS
)


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
            Path(f"README{suffix}").write_text("before\n{}\n{}\nafter\n".format(*MARKERS), encoding="utf-8")
        for stage in (compare, timing, report, page):
            stage.main()
    return directory


@pytest.fixture
def html(study: Path) -> str:
    return (study / REPORT / "index.html").read_text(encoding="utf-8")


def probe(text: str, directory: Path, browser: Browser, **wanted: str) -> list[dict]:
    """Opens a page in frames of several widths; returns what is found in each, in each language."""
    (directory / "probe.html").write_text(text + PROBE, encoding="utf-8")
    (directory / "frames.html").write_text(FRAMES, encoding="utf-8")
    browser.open(directory / "frames.html", f"answered === {len(WIDTHS)}", **wanted)
    return browser.run("found")


def test_report_answer_and_readme(study: Path) -> None:
    for suffix in SUFFIXES.values():
        answer = (study / REPORT / f"answer{suffix}").read_text(encoding="utf-8")
        text = (study / REPORT / f"report{suffix}").read_text(encoding="utf-8")
        readme = (study / f"README{suffix}").read_text(encoding="utf-8")
        assert answer in text
        linked = re.sub(r"\]\((?!https:)", "](report/", answer)
        assert readme == f"before\n{MARKERS[0]}\n{linked}{MARKERS[1]}\nafter\n"
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
    assert len(images) == len(set(images)) == 8
    assert html.count("<img ") == 16
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


@in_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(html: str, tmp_path: Path, browser: Browser, scheme: str) -> None:
    found, dark = probe(html, tmp_path, browser, prefers_color_scheme=scheme), scheme == "dark"
    assert {(one["width"], one["language"]) for one in found} == set(product(WIDTHS, SUFFIXES))
    assert len(found) == 4
    for one in found:
        assert (one["wide"], one["outside"], one["unreachable"], one["lost"]) == (0, [], [], [])
        assert len(one["images"]) == 8
        assert all(all(image) for image in one["images"])
        assert one["pressed"] == [{"en": "English", "ru": "Русский"}[one["language"]]]
        assert bool(re.search("[а-я]", one["title"])) == (one["language"] == "ru")
        assert one["dark"] == dark
        text, background = (sum(map(int, re.findall(r"\d+", colour))) for colour in one["colours"])
        assert (text > background) == dark
    assert browser.messages() == []


@in_chromium
def test_probe_finds_faults(tmp_path: Path, browser: Browser) -> None:
    body = '<div style="width: 600px">wide</div><img src="gone.png" alt="lost"><a href="#no">no</a><a>x</a>'
    switch = '<div class="switch"><button>b</button></div>'
    text = f'<!doctype html><body style="margin: 0">{switch}<main>{body}</main>'
    found = probe(text + "<script>undefined_function()</script>", tmp_path, browser)
    narrow = next(one for one in found if one["width"] == WIDTHS[0])
    assert narrow["wide"] > 0
    assert any("wide" in element for element in narrow["outside"])
    assert narrow["unreachable"] == ["<a>x</a>"]
    assert narrow["lost"] == ["#no"]
    assert not all(narrow["images"][0])
    assert any("undefined_function" in line for line in browser.messages())
