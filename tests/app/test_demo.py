"""The page on which all networks classify a drawing: how it is written, and how it works in a browser."""

import base64
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from mnist_cnn.app import demo
from mnist_cnn.app.picture import to_digit
from mnist_cnn.core.command import UserError
from mnist_cnn.core.files import write_json, write_tensors
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import TEST_FILE, Images, Normalisation
from mnist_cnn.core.params import Architecture, Params, Recipe, load_params
from mnist_cnn.documents import Choice
from mnist_cnn.learning.network import build_network, load_network, predict_logits, to_inputs
from tests.support.browser import Browser, in_chromium
from tests.support.command_line import mnist_cnn
from tests.support.params import changed, write_params
from tests.support.repositories import TOP

NORMALISATION, TESTS = Normalisation(mean=33.0, std=78.0), 200
LABELS = (np.arange(TESTS) % 10).astype(np.uint8)
HARD = [7, 3]  # the test images that all networks, and all but one, misclassify
MODELS = {
    "flat": Architecture(conv_channels=(3,), hidden_units=()),
    "deep": Architecture(conv_channels=(4, 5, 6), hidden_units=(8,)),
}
GRID: Params = changed(load_params(TOP / "params.yaml"), models=MODELS, kernels={"dot": 1, "large": 5})
RUN = "seed0_fold0.safetensors"
WEIGHTS = f"data/weights/deep/large/{RUN}"


def patterns() -> NDArray[np.uint8]:
    """Draws smooth patterns in the middle of the image, all of them different."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (TESTS, 5, 5)) * (rng.random((TESTS, 5, 5)) < 0.5)
    pixels = np.zeros((TESTS, 28, 28), np.uint8)
    pixels[:, 4:24, 4:24] = coarse.repeat(4, axis=1).repeat(4, axis=2)
    return pixels


def random_weights(network: Network, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Draws weights with which a network predicts different labels for different images."""
    state = build_network(network, torch.Generator().manual_seed(seed)).state_dict()
    weights = {name: 3 * np.ascontiguousarray(tensor) for name, tensor in state.items()}
    images = torch.from_numpy(patterns()[:100])
    weights[list(weights)[-1]] -= (
        predict_logits(load_network(network, weights), images, NORMALISATION).mean(0).numpy()
    )
    return weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with random networks."""
    folder = tmp_path_factory.mktemp("study")
    write_params(folder, GRID)
    networks = GRID.networks()
    recipe = Recipe(**GRID.train.model_dump(include=set(Recipe.model_fields)))
    architecture = MODELS["deep"].model_dump()
    grid = {"model": "deep", "kernel": "dot", "kernel_size": 1, **architecture}
    choice = Choice(name=None, dataset="MNIST", recipe=recipe, **grid)
    choice.write(folder / "plots/choice.json")
    write_json(folder / "metrics/networks.json", {"accuracy": {network.name: 0.9876 for network in networks}})
    NORMALISATION.write(folder / "data/prepared/normalisation.json")
    write_tensors(folder / "data/prepared" / TEST_FILE, {"images": patterns(), "labels": LABELS})
    for index, network in enumerate(networks):
        predictions = LABELS.copy()
        predictions[HARD if index else HARD[:1]] = 9
        file = folder / "data/evaluation" / network.path / "predictions.safetensors"
        write_tensors(file, {"test_labels": predictions})
        write_tensors(folder / "data/weights" / network.path / RUN, random_weights(network, index))
    return folder


@pytest.fixture
def study(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study, in which a test may change files."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command_writes_the_page(study: Path) -> None:
    for options, file in (((), "demo.html"), (("--output", "some/page.html"), "some/page.html")):
        done = mnist_cnn("demo", "--no-open", *options, folder=study)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{file}\n", b"")
        assert (study / file).read_text(encoding="utf-8").startswith("<!doctype html>")
    done = mnist_cnn("demo", "--no-open", "--output", "some", folder=study)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == "error: some is a folder: give the page a name with --output\n"


def test_page_is_opened_in_the_browser(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(demo.webbrowser, "open", opened.append)
    demo.write_demo(Path("page.html"), True)
    assert opened == [(study / "page.html").as_uri()]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (WEIGHTS, None, "is missing; run `dvc repro` or `dvc pull`"),
        (WEIGHTS, f"data/weights/deep/dot/{RUN}", "0.weight is .*, must be"),
        ("data/evaluation/flat/dot/predictions.safetensors", WEIGHTS, "it holds no test_labels"),
        ("metrics/networks.json", "metrics/other.json", r"does not match params\.yaml"),
    ],
)
def test_damaged_file_is_one_line(study: Path, file: str, content: str | None, message: str) -> None:
    write_json(study / "metrics/other.json", {"accuracy": {"gone-small": 0.9}})
    (study / file).unlink()
    if content:
        shutil.copy(study / content, study / file)
    with pytest.raises(UserError, match=message) as error:
        demo.write_demo(Path("demo.html"), False)
    assert "\n" not in str(error.value)
    assert not (study / "demo.html").exists()


def test_hard_images_are_those_that_most_networks_misclassify() -> None:
    predictions = np.array([[0, 1, 1, 3, 0], [0, 0, 1, 3, 0], [0, 0, 2, 2, 0]], np.uint8)
    pixels = np.arange(5 * 784).astype(np.uint8).reshape(5, 28, 28)
    hard = demo.hard_images(Images(pixels, np.array([0, 1, 2, 0, 1], np.uint8)), predictions)
    assert [one["label"] for one in hard] == [0, 1, 1, 2]
    assert [base64.b64decode(one["pixels"]) for one in hard] == [pixels[i].tobytes() for i in (3, 4, 1, 2)]


# In a browser


READY = "document.querySelectorAll('#grid[aria-busy=false]').length > 0"


class DemoPage:
    """The page in a browser, with what a person does on it."""

    def __init__(self, browser: Browser, file: Path) -> None:
        self.browser, self.send, self.run = browser, browser.send, browser.run
        browser.open(file, READY)

    def settle(self) -> None:
        self.browser.wait(READY)

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector('{selector}').textContent"))

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            f"[...document.querySelectorAll('{selector}')].map(one => one.textContent)"
        )
        return found

    def click(self, selector: str, index: int = 0) -> None:
        self.run(f"document.querySelectorAll('{selector}')[{index}].click()")
        self.settle()

    def pixels(self) -> NDArray[np.int64]:
        """Returns the input of the networks, shape (28, 28)."""
        return self.painted("#input")[0, ..., 3]

    def painted(self, selector: str) -> NDArray[np.int64]:
        """Returns what is painted on square canvases: (canvases, height, width, red green blue alpha)."""
        script = f"""[...document.querySelectorAll('{selector}')].map(canvas => {{
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            copy.drawImage(canvas, 0, 0);
            return [...copy.getImageData(0, 0, canvas.width, canvas.height).data]; }})"""
        painted = self.run(script)
        side = round((len(painted[0]) / 4) ** 0.5)
        return np.array(painted).reshape(len(painted), side, side, 4)

    def positions(self, points: list[tuple[float, float]]) -> list[dict[str, float]]:
        """Turns shares of the paper into positions in the window."""
        self.run("document.querySelector('#paper').scrollIntoView()")
        box = self.run("document.querySelector('#paper').getBoundingClientRect().toJSON()")
        return [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["width"]} for x, y in points]

    def draw(self, points: list[tuple[float, float]], pointer: str = "mouse") -> None:
        common = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": pointer}
        positions = self.positions(points)
        self.send("Input.dispatchMouseEvent", type="mousePressed", **positions[0], **common)
        for position in positions[1:]:
            self.send("Input.dispatchMouseEvent", type="mouseMoved", **position, **common)
        self.send(
            "Input.dispatchMouseEvent", type="mouseReleased", **positions[-1], **common | {"buttons": 0}
        )
        self.settle()

    def touch(self, points: list[tuple[float, float]]) -> None:
        for index, position in enumerate(self.positions(points)):
            kind = "touchMove" if index else "touchStart"
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[position])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()


@pytest.fixture(scope="module")
def file(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "demo.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole)
        demo.write_demo(path, False)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> DemoPage:
    return DemoPage(browser, file)


BAR = [(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]
LABELS_SHOWN = "#grid button b"


def to_mnist(page: DemoPage, ink: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns what the page makes of ink on its paper, shape (560, 560)."""
    text = base64.b64encode(ink.tobytes()).decode()
    script = f"""(() => {{
        const ink = atob("{text}"), data = new Uint8ClampedArray(4 * ink.length);
        for (let i = 0; i < ink.length; i++) data[4 * i + 3] = ink.charCodeAt(i);
        return [...toMnist({{ data, width: 560 }})]; }})()"""
    return np.array(page.run(script)).reshape(28, 28)


@in_chromium
class TestInBrowser:
    def test_networks_agree_with_pytorch(self, page: DemoPage, whole: Path) -> None:
        images = patterns()
        text = base64.b64encode(images.tobytes()).decode()
        answers = page.run(
            f"""(async () => {{
            const [study, code] = ["study", "worker"].map(id => document.getElementById(id).textContent);
            const worker = new Worker(URL.createObjectURL(new Blob([code])));
            worker.postMessage(JSON.parse(study));
            const images = Uint8Array.from(atob("{text}"), letter => letter.charCodeAt(0)), found = [];
            for (let i = 0; i < images.length; i += 784) {{
              const reply = new Promise(done => worker.addEventListener("message", done, {{ once: true }}));
              worker.postMessage({{ pixels: images.slice(i, i + 784), chosen: 0 }});
              found.push((await reply).data.probabilities.map(shares => [...shares]));
            }}
            return found; }})()"""
        )
        for index, network in enumerate(GRID.networks()):
            model = load_network(network, load_file(whole / "data/weights" / network.path / RUN))
            expected = predict_logits(model, torch.from_numpy(images), NORMALISATION).softmax(1).numpy()
            found = np.array(answers)[:, index]
            assert np.ptp(expected.argmax(1)) > 3  # different labels
            assert np.abs(found - expected).max() < 1e-3
            assert (found.argmax(1) == expected.argmax(1)).all()

    def test_drawing_becomes_an_image_like_those_of_mnist(self, page: DemoPage) -> None:
        """An image of MNIST, enlarged and anywhere on the paper, comes back unchanged; a dot stays a dot."""
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 12:17] = np.linspace(50, 255, 100).reshape(20, 5)
        for axis in (0, 1):
            centre = np.average(np.arange(28), weights=image.sum(1 - axis))
            image = np.roll(image, round(14 - centre), axis)
        for shift in ((0, 0), (40, -60)):
            large = np.roll(image.repeat(20, 0).repeat(20, 1), shift, (0, 1))
            assert (to_mnist(page, large) == image).all()
        dot = np.zeros((560, 560), np.uint8)
        dot[0, 0] = 255
        assert to_mnist(page, dot)[14, 14] == to_mnist(page, dot).sum() == 255

    def test_top_heavy_drawing_is_placed_as_by_predict(self, page: DemoPage) -> None:
        ink = np.zeros((560, 560), np.uint8)
        ink[100:200, 80:480], ink[200:500, 250:300] = 255, 255
        here, there = to_mnist(page, ink), to_digit(Image.fromarray(255 - ink).convert("RGB"))
        for axis in (0, 1):
            rows = [np.flatnonzero(image.max(axis)) for image in (here, there)]
            assert [rows[0][0], rows[0][-1]] == [rows[1][0], rows[1][-1]]
        assert np.abs(here - there).mean() < 5

    def test_draw_and_clear(self, page: DemoPage) -> None:
        assert not page.pixels().any()
        assert page.texts(LABELS_SHOWN) == [""] * 4
        page.draw(BAR)
        bar = page.pixels()
        rows, columns = np.nonzero(bar)
        assert (np.ptp(rows) + 1, np.ptp(columns) < 5) == (20, True)
        assert all(label.isdigit() for label in page.texts(LABELS_SHOWN))
        page.draw([(0.2, 0.5), (0.8, 0.5)], "pen")
        assert np.ptp(np.nonzero(page.pixels())[1]) + 1 == 20  # both strokes
        page.click("#clear")
        assert not page.pixels().any()
        assert page.texts(LABELS_SHOWN) == [""] * 4
        page.draw(BAR)
        assert (page.pixels() == bar).all()
        assert page.browser.messages() == []

    def test_touch_draws_and_does_not_scroll(self, page: DemoPage) -> None:
        page.browser.resize(360)
        before = page.run("document.querySelector('#paper').scrollIntoView(); scrollY")
        page.touch([(0.5, 0.8), (0.5, 0.5), (0.5, 0.2)])
        assert np.ptp(np.nonzero(page.pixels())[0]) + 1 == 20
        assert page.run("scrollY") == before

    def test_hard_image_is_classified(self, page: DemoPage) -> None:
        truth = [str(LABELS[index]) for index in HARD]
        assert page.texts("#hard button") == truth
        page.click("#hard button", 1)
        assert (page.pixels() == patterns()[HARD[1]]).all()
        predicted = page.texts(LABELS_SHOWN)
        assert f"{predicted.count(truth[1])} of 4" in page.text("[role=status] #truth")
        assert page.texts("#grid .odd b") == [label for label in predicted if label != truth[1]]

    def test_chosen_network_shows_its_kernels_and_maps(self, page: DemoPage, whole: Path) -> None:
        page.draw(BAR)
        drawn = torch.from_numpy(page.pixels().astype(np.uint8)[np.newaxis])
        for index, network in enumerate(GRID.networks()):
            page.click("#grid button", index)
            weights = load_file(whole / "data/weights" / network.path / RUN)
            kernels = page.painted("#layers > div:first-child canvas:first-child")
            strong = kernels[..., 3] > 60
            assert strong.any((1, 2)).all()
            blue = kernels[..., 2] > kernels[..., 0]
            assert (blue == (weights["0.weight"][:, 0] > 0))[strong].all()  # the others are orange
            model = load_network(network, weights)
            for layer in range(network.conv_layers):
                with torch.no_grad():
                    maps = model[: 4 * layer + 4](to_inputs(drawn, NORMALISATION))[0].numpy()
                painted = page.painted(f"#layers > div:nth-child({layer + 1}) .ink")[..., 3]
                assert np.abs(painted / 255 - maps / maps.max()).max() < 0.005
            assert (
                page.run("document.querySelectorAll('#layers > :not([hidden])').length")
                == network.conv_layers
            )
            shares = page.texts("#bars span:last-child")
            assert len(shares) == 10
            assert page.texts("#grid span")[index] in shares

    @pytest.mark.usefixtures("study")
    def test_widest_networks_are_shown(self, browser: Browser, tmp_path: Path) -> None:
        """A layer with 256 channels and a margin for kernels of 11 × 11 has 147,456 numbers."""
        network = Network("flat", "dot", 11, (256, 16), ())
        content = demo.study_content(GRID)
        content["chosen"] = 0
        content["networks"][0] = demo.pack_network(network, random_weights(network)) | {"accuracy": None}
        (tmp_path / "wide.html").write_text(demo.render_page(content), encoding="utf-8")
        page = DemoPage(browser, tmp_path / "wide.html")
        page.draw(BAR)
        assert len(page.painted("#layers > div:first-child .ink")) == 256
        assert page.painted("#layers > div:nth-child(2) .ink")[..., 3].max() == 255
        assert page.browser.messages() == []

    @pytest.mark.parametrize("language", ["en", "ru"])
    @pytest.mark.parametrize("width", [360, 1400])
    def test_page_fits_its_width(self, page: DemoPage, width: int, language: str) -> None:
        page.browser.resize(width)
        page.click(f".switch [lang={language}]")
        page.click("#hard button")
        assert page.run("document.documentElement.lang") == language
        outside = """[...document.querySelectorAll("body *")].filter(one => one.getClientRects().length &&
            !one.closest(".unseen") && one.getBoundingClientRect().right > innerWidth)
            .map(one => one.outerHTML)"""
        assert page.run(outside) == []
        assert page.run("document.documentElement.scrollWidth") == width
        assert page.run("document.querySelectorAll('[data-text]:empty').length") == 0
        assert any("а" <= letter <= "я" for letter in page.text("#verdict")) == (language == "ru")

    def test_page_sends_no_requests(self, page: DemoPage, file: Path) -> None:
        page.draw(BAR)
        page.click("#hard button")
        sent = [event for event in page.browser.events if event["method"] == "Network.requestWillBeSent"]
        first, *rest = [event["params"]["request"]["url"] for event in sent]
        assert first == file.as_uri()
        assert {url.partition(":")[0] for url in rest} <= {"blob"}
        assert page.browser.messages() == []

    @pytest.mark.usefixtures("study")
    def test_names_are_text(self, browser: Browser, tmp_path: Path) -> None:
        name = "</script><img src=x onerror=\"document.title='executed'\">{{7*7}}&amp;"
        content: dict[str, Any] = demo.study_content(GRID)
        content |= {"dataset": name, "classes": [name + str(label) for label in range(10)]}
        content |= {"models": [name, name], "kernels": [{"name": name, "size": size} for size in (1, 5)]}
        content["networks"] = [one | {"model": name} for one in content["networks"]]
        text = demo.render_page(content)
        assert "<img" not in text
        (tmp_path / "hostile.html").write_text(text, encoding="utf-8")
        page = DemoPage(browser, tmp_path / "hostile.html")  # shows a hard image, since these are not digits
        assert (page.pixels() == patterns()[HARD[0]]).all()
        assert page.text("tbody th") == name
        assert name in page.text("#verdict")
        assert page.run("document.title").startswith(name)
        assert page.run("document.querySelectorAll('img').length") == 0
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.browser.messages() == []
