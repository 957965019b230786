"""The stage `report` end to end on invented data, and its page in a real browser with the network off."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mnist_cnn.choices.params import Params
from mnist_cnn.data.dataset import Images, TrainingSet
from mnist_cnn.data.prepared import save_prepared
from mnist_cnn.paths import EVALUATION, PLOTS, PREPARED, REPORT
from mnist_cnn.stages import report
from mnist_cnn.tables import write_tables
from tests.conftest import TOP, simulated_study, simulated_tables

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--proxy-server=127.0.0.1:9",  # nothing listens there
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",  # until the probes have answered
    "--dump-dom",
)
WIDTHS = (390, 1280)  # a telephone, a laptop
# A page in a frame is as wide as the frame, down to widths that no window of the browser can have.
PROBE = """<script>
addEventListener("load", () => parent.postMessage({
  width: innerWidth,
  scrollWidth: document.documentElement.scrollWidth,
  outside: [...document.body.querySelectorAll("*")]
    .filter(one => !one.closest(".scroll *") && one.getBoundingClientRect().right > innerWidth + 0.5)
    .map(one => one.outerHTML.slice(0, 80)),
  images: [...document.images].map(one => [one.alt, one.naturalWidth, one.clientWidth, one.clientHeight]),
}, "*"));
</script>"""
FRAMES = """<!doctype html><pre></pre><script>
const found = [];
addEventListener("message", event => {
  found.push(event.data);
  document.querySelector("pre").textContent = JSON.stringify(found);
});
</script>""" + "".join(
    f'<iframe src="probe.html" style="width: {width}px; height: 800px; border: 0"></iframe>'
    for width in WIDTHS
)


def write_inputs(params: Params) -> None:
    """Writes what the stage reads, below the current folder: the tables, and 60 images with answers."""
    write_tables(PLOTS, simulated_tables(params, simulated_study(params)))
    rng, folds = np.random.default_rng(0), len(params.train.folds)
    images = Images(rng.integers(0, 255, (60, 28, 28), np.uint8), np.arange(60, dtype=np.uint8) % 10)
    save_prepared(PREPARED, TrainingSet(images, np.arange(60, dtype=np.uint8) % 6, 33.0, 78.0), images)
    for network in params.networks():
        folder = EVALUATION / network.place
        folder.mkdir(parents=True)
        answers = np.where(rng.random((folds, 60)) < 0.7, images.labels, (images.labels + 3) % 10)
        arrays = {
            "validation_labels": answers[0],
            "validation_probabilities": np.full(60, 0.9, np.float32),
            "test_labels": answers,
            "test_probabilities": np.full((folds, 60), 0.9, np.float32),
        }
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            folder / "predictions.safetensors",
        )


@pytest.fixture(scope="module")
def made(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs the stage in a folder of its own."""
    folder = tmp_path_factory.mktemp("study")
    shutil.copy(TOP / "params.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_inputs(params)
        (REPORT / "figures").mkdir(parents=True)
        (REPORT / "figures/stale.svg").write_text("of another study", encoding="utf-8")
        report.main()
    return folder / REPORT


def probe(page: str, folder: Path) -> tuple[list[dict], list[str]]:
    """Opens a page in frames of several widths.

    Returns:
        What the probe found in each, and what was written to the browser's console.
    """
    assert CHROMIUM is not None
    (folder / "probe.html").write_text(page + PROBE, encoding="utf-8")
    (folder / "frames.html").write_text(FRAMES, encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", (folder / "frames.html").as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(unescape(re.search(r"<pre>(.*?)</pre>", ended.stdout, re.DOTALL).group(1)))
    return found, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


def faults(found: list[dict]) -> list[str]:
    """Names everything that a reader would miss: what overflows, images not shown, images without a text."""
    wrong = [f"{one['width']}: {place}" for one in found for place in one["outside"]]
    wrong += [
        f"{one['width']}: page is {one['scrollWidth']}" for one in found if one["scrollWidth"] > one["width"]
    ]
    return wrong + [f"{one['width']}: {image}" for one in found for image in one["images"] if not all(image)]


def test_stage_writes_both_forms_and_all_figures(made: Path) -> None:
    text = (made / "report.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(figures/(\w+)\.svg\)", text))
    assert {path.stem for path in (made / "figures").iterdir()} == linked
    assert {"accuracy_time", "effects", "ranking", "confusion", "misclassified"} <= linked
    assert "## More figures" not in text
    for name in linked:
        assert (made / f"figures/{name}.png").stat().st_size > 0


def test_page_asks_for_nothing(made: Path) -> None:
    page = (made / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r"(?:src|href|srcset|action)\s*=\s*[\"']?([^\"'>\s]*)", page)
    assert {address.partition(":")[0] for address in addresses if not address.startswith("#")} == {"data"}
    assert not re.search(r"url\(|@import|<script|https?://", page)


@needs_chromium
def test_page_in_a_browser(made: Path, tmp_path: Path) -> None:
    page = (made / "index.html").read_text(encoding="utf-8")
    found, console = probe(page, tmp_path)
    assert sorted(one["width"] for one in found) == sorted(WIDTHS)
    assert [len(one["images"]) for one in found] == [page.count("<figure>")] * len(WIDTHS)
    assert faults(found) == []
    assert console == []


@needs_chromium
def test_probe_finds_faults(tmp_path: Path) -> None:
    page = """<!doctype html><meta name="viewport" content="width=device-width"><body style="margin: 0">
    <div style="width: 600px">wide</div><img src="missing.png" alt="lost">
    <script>undefined_function()</script>"""
    found, console = probe(page, tmp_path)
    wrong = faults(found)
    assert any(fault.startswith("390: <div") for fault in wrong)
    assert "390: page is 600" in wrong
    assert not any(fault.startswith("1280: <div") for fault in wrong)
    assert any("lost" in fault for fault in wrong)
    assert any("undefined_function" in line for line in console)
