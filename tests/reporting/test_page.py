"""The stages `report` and `page` on an invented study, and the page in a browser without a network."""

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
from mnist_cnn.reporting.text import MARKERS, SUFFIXES
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed
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
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs the stages behind `evaluate`, in a folder of its own."""
    folder = tmp_path_factory.mktemp("study")
    models = {name: PARAMS.models[name] for name in ("conv1_linear1", "conv2_linear1", "conv2_linear2")}
    write_simulated_study(folder, changed(PARAMS, models=models, folds=(0, 1, 2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("plots").mkdir()
        shutil.copy(Path(__file__).parents[2] / "plots/samples.png", "plots")
        for suffix in SUFFIXES.values():
            Path(f"README{suffix}").write_text("before\n{}\n{}\nafter\n".format(*MARKERS), encoding="utf-8")
        for stage in (compare, timing, report, page):
            stage.main()
    return folder


def probe(text: str, folder: Path, browser: Browser, **wanted: str) -> list[dict]:
    """Opens a page in frames of several widths; returns what is found in each, in each language."""
    (folder / "probe.html").write_text(text + PROBE, encoding="utf-8")
    (folder / "frames.html").write_text(FRAMES, encoding="utf-8")
    browser.open(folder / "frames.html", f"answered === {len(WIDTHS)}", **wanted)
    return browser.run("found")


def test_report_and_answer_stand_where_they_should(made: Path) -> None:
    for suffix in SUFFIXES.values():
        answer = (made / REPORT / f"answer{suffix}").read_text(encoding="utf-8")
        assert answer in (made / REPORT / f"report{suffix}").read_text(encoding="utf-8")
        readme = (made / f"README{suffix}").read_text(encoding="utf-8")
        linked = answer.replace("](", "](report/")
        assert readme == f"before\n{MARKERS[0]}\n{linked}{MARKERS[1]}\nafter\n"
        for link in re.findall(r"\]\((report/[^)]+)\)", readme):
            assert (made / link).exists()


def test_no_figure_is_drawn_that_no_text_shows(made: Path) -> None:
    text = (made / REPORT / "report.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(figures/(\w+\.svg)\)", text))
    assert {path.name for path in (made / FIGURES).iterdir()} == shown


def test_report_gives_the_same_bytes_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in (made / REPORT).rglob("*.*")}
    monkeypatch.chdir(made)
    report.main()
    page.main()
    assert {path: path.read_bytes() for path in (made / REPORT).rglob("*.*")} == before


def test_page_asks_for_nothing(made: Path) -> None:
    text = (made / REPORT / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r"\b(?:src|srcset|action)=[\"']?([^\"'>\s]*)", text)
    assert {address.partition(":")[0] for address in addresses} == {"data"}
    assert not re.search(r"url\(|@import|<link(?! rel=\"icon\" href=\"data:)|https?://|fetch", text)


def test_page_holds_each_picture_once_and_both_languages_with_times(made: Path) -> None:
    text = (made / REPORT / "index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="(data:image[^"]+)"', text)
    assert len(pictures) == len(set(pictures)) == 8
    assert text.count("<img ") == 16
    assert 'id="en-timing-0"' in text
    assert 'href="#ru-timing-0"' in text


def test_page_is_english_without_a_script(made: Path) -> None:
    text = (made / REPORT / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<main[^>]*>", text) == ['<main lang="en">', '<main lang="ru" hidden>']
    assert re.search(r'class="switch"[^>]* hidden>', text)


def test_page_takes_html_for_text() -> None:
    texts = {"en": ("# <b>\n\n<script>x</script> \\<i>\n", '# A&B\n\n| <u> |\n| :-- |\n| !["x"](p.svg) |\n')}
    text = render_page(texts, {"p.svg": b"<svg/>"})
    assert "<h1>&lt;b&gt;</h1>" in text
    assert "&lt;script&gt;x&lt;/script&gt; &lt;i&gt;" in text
    assert '<th style="text-align:left" scope="col">&lt;u&gt;</th>' in text
    assert 'alt="&quot;x&quot;"' in text
    assert 'aria-label="A&amp;B"' in text


def test_first_cell_names_its_row() -> None:
    html, headings = to_html("## H\n\n| a | b |\n| - | - |\n| c | d |\n", "en", {})
    assert '<th scope="row">c</th>\n<td>d</td>' in html
    assert headings == {"en-0": "H"}


@in_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(made: Path, tmp_path: Path, browser: Browser, scheme: str) -> None:
    text = (made / REPORT / "index.html").read_text(encoding="utf-8")
    found, dark = probe(text, tmp_path, browser, prefers_color_scheme=scheme), scheme == "dark"
    assert {(one["width"], one["language"]) for one in found} == set(product(WIDTHS, SUFFIXES))
    assert len(found) == 4
    for one in found:
        assert (one["wide"], one["outside"], one["unreachable"], one["lost"]) == (0, [], [], [])
        assert len(one["images"]) == 8
        assert all(all(image) for image in one["images"])
        assert one["pressed"] == [{"en": "English", "ru": "Русский"}[one["language"]]]
        assert ("MNIST, and" in one["title"]) == (one["language"] == "en")
        assert one["dark"] == dark
        text, ground = (sum(map(int, re.findall(r"\d+", colour))) for colour in one["colours"])
        assert (text > ground) == dark
    assert browser.complaints() == []


@in_chromium
def test_probe_finds_faults(tmp_path: Path, browser: Browser) -> None:
    body = '<div style="width: 600px">wide</div><img src="gone.png" alt="lost"><a href="#no">no</a><a>x</a>'
    switch = '<div class="switch"><button>b</button></div>'
    text = f'<!doctype html><body style="margin: 0">{switch}<main>{body}</main>'
    found = probe(text + "<script>undefined_function()</script>", tmp_path, browser)
    narrow = next(one for one in found if one["width"] == WIDTHS[0])
    assert narrow["wide"] > 0
    assert any("wide" in place for place in narrow["outside"])
    assert narrow["unreachable"] == ["<a>x</a>"]
    assert narrow["lost"] == ["#no"]
    assert not all(narrow["images"][0])
    assert any("undefined_function" in line for line in browser.complaints())
