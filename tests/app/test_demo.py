"""The page on which every network answers: what it is made of, and how it is used in a browser."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from mnist_cnn.app import demo
from mnist_cnn.core.command import UserError
from mnist_cnn.core.images import Images
from mnist_cnn.evaluation import load_network
from mnist_cnn.core.files import write_array, write_json
from mnist_cnn.learning.network import build_network, to_inputs
from mnist_cnn.core.params import Architecture, Params
from mnist_cnn.learning.training import predict
from tests.support.browser import Browser, in_chromium
from tests.support.params import changed, write_params
from tests.support.studies import PARAMS
from tests.support.repositories import TOP

MEAN, STD, TESTS = 33.0, 78.0, 1000
LABELS = (np.arange(TESTS) % 10).astype(np.uint8)
HARD = [7, 3]  # test images that all networks, and all but one, get wrong
FLAT = Architecture(conv_channels=(3,), hidden_units=())
DEEP = Architecture(conv_channels=(4, 5, 6), hidden_units=(8,))
GRID: Params = changed(
    PARAMS,
    models={"flat": FLAT, "deep": DEEP},
    kernels={"dot": 1, "large": 5},
)
RUN = "seed0_fold0.safetensors"


def made_images() -> NDArray[np.uint8]:
    """Makes smooth patterns in the middle of the image, of which no two are alike."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (TESTS, 5, 5)) * (rng.random((TESTS, 5, 5)) < 0.5)
    pixels = np.zeros((TESTS, 28, 28), np.uint8)
    pixels[:, 4:24, 4:24] = coarse.repeat(4, axis=1).repeat(4, axis=2)
    return pixels


def write_study(folder: Path) -> None:
    """Writes all that the page is made of: random networks, and what they are said to have said."""
    write_params(folder, GRID)
    names = [network.name for network in GRID.networks()]
    write_json(
        folder / "plots/choice.json", {"name": None, "model": "deep", "kernel": "dot", "dataset": "MNIST"}
    )
    write_json(folder / "metrics/networks.json", {"accuracy": dict.fromkeys(names, 0.9876)})
    write_json(folder / "data/prepared/normalisation.json", {"mean": MEAN, "std": STD})
    write_array(folder / "data/prepared/test_images.npy", made_images())
    write_array(folder / "data/prepared/test_labels.npy", LABELS)
    for place, network in enumerate(GRID.networks()):
        state = build_network(network, torch.Generator().manual_seed(place)).state_dict()
        weights = {name: 3 * np.ascontiguousarray(tensor) for name, tensor in state.items()}
        logits = predict(load_network(network, weights), torch.from_numpy(made_images()), MEAN, STD)
        weights[list(weights)[-1]] -= logits.mean(0).numpy()  # or it would give the same answer to all images
        said = LABELS.copy()
        said[HARD[: 1 if network.name == names[0] else 2]] = 9
        for kind, file, content in (
            ("weights", RUN, weights),
            ("evaluation", "predictions.safetensors", {"test_labels": said}),
        ):
            path = folder / "data" / kind / network.path / file
            path.parent.mkdir(parents=True)
            save_file(content, path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    return folder


@pytest.fixture
def study(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a study of its own, to be spoilt."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- what it is made of


@pytest.mark.parametrize("open_it", [False, True])
def test_page_is_written_and_opened(study: Path, monkeypatch: pytest.MonkeyPatch, open_it: bool) -> None:
    opened: list[str] = []
    monkeypatch.setattr(demo.webbrowser, "open", opened.append)
    demo.main(Path("some/demo.html"), open_it)
    assert (study / "some/demo.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert opened == [(study / "some/demo.html").as_uri()] * open_it


def test_page_needs_a_name(study: Path) -> None:
    for place in (Path(), study):
        with pytest.raises(UserError, match="is a folder: give the page a name with --output"):
            demo.main(place, False)


@pytest.mark.parametrize(
    "file",
    [
        f"data/weights/deep/large/{RUN}",
        "data/evaluation/flat/dot/predictions.safetensors",
        "data/prepared/test_labels.npy",
        "plots/choice.json",
    ],
)
def test_missing_file_is_named(study: Path, file: str) -> None:
    (study / file).unlink()
    with pytest.raises(UserError, match=f"^{file} is missing; run `dvc repro` or `dvc pull`$"):
        demo.main(Path("demo.html"), False)
    assert not (study / "demo.html").exists()


def test_weights_that_do_not_fit_are_named(study: Path) -> None:
    file = study / "data/weights/deep/large" / RUN
    whole = file.read_bytes()
    weights = load_file(file)
    for fault, message in (
        (weights | {"4.weight": weights["4.weight"][:, :, 1:, 1:].copy()}, "4.weight is"),
        ({name: array for name, array in weights.items() if name != "13.bias"}, "13.bias"),
        (weights | {"0.weight": weights["0.weight"] * np.float32("nan")}, "0.weight holds what is no number"),
    ):
        save_file(fault, file)
        with pytest.raises(UserError, match=message):
            demo.main(Path("demo.html"), False)
    for content in (
        b"",
        whole[:-1],
        b"\xff" * 99,
        whole.replace(b"F32", b"???"),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=RUN):
            demo.main(Path("demo.html"), False)


def test_study_of_another_data_set_is_refused(study: Path) -> None:
    write_params(study, changed(GRID, data=GRID.data.model_copy(update={"dataset": "KMNIST"})))
    with pytest.raises(UserError, match=r"is of another study than params\.yaml"):
        demo.main(Path("demo.html"), False)


def test_hard_images_are_those_that_most_get_wrong() -> None:
    said = np.array([[0, 1, 1, 3, 0], [0, 0, 1, 3, 0], [0, 0, 2, 2, 0]], np.uint8)
    images = Images(
        np.arange(5 * 784).astype(np.uint8).reshape(5, 28, 28), np.array([0, 1, 2, 0, 1], np.uint8)
    )
    hard = demo.hard_images(images, said)
    assert [(one["label"], one["said"]) for one in hard] == [
        (0, [3, 3, 2]),
        (1, [0, 0, 0]),
        (1, [1, 0, 0]),
        (2, [1, 1, 2]),
    ]
    assert base64.b64decode(hard[0]["pixels"]) == images.pixels[3].tobytes()


@pytest.mark.usefixtures("study")
def test_policy_lets_this_script_and_style_in_and_nothing_else() -> None:
    text = demo.render_page(demo.gather(GRID))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    (script,), (style,) = (
        re.findall("<script>(.*?)</script>", text, re.S),
        re.findall("<style>(.*?)</style>", text, re.S),
    )
    for rule, part in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules.pop("worker-src") == "blob:"
    assert rules.pop("img-src") == "data:"
    assert set(rules) == {"default-src", "base-uri", "form-action"}
    assert set(rules.values()) == {"'none'"}
    assert not re.search(r"https?://|\beval\b|new Function|innerHTML|\son\w+=|\sstyle=", text)


def test_it_starts_without_torch_and_pandas() -> None:
    code = "import sys, mnist_cnn.app.demo; print({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP / "src", capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


# ---- how it is used


class DemoPage:
    """The page, used as a person does."""

    def __init__(self, browser: Browser, file: Path) -> None:
        self.browser, self.send, self.run = browser, browser.send, browser.run
        browser.open(file, "typeof answer === 'object'")
        self.settle()

    def settle(self) -> None:
        self.browser.wait("answer !== null && !waiting")

    def key(self, key: str, modifiers: int = 0) -> None:
        code = f"Key{key.upper()}" if len(key) == 1 else key
        number = {"Tab": 9, "Enter": 13}.get(key, 0)
        for kind in ("rawKeyDown", "keyUp"):
            event = {"key": key, "code": code, "modifiers": modifiers, "windowsVirtualKeyCode": number}
            self.send("Input.dispatchKeyEvent", type=kind, **event)
        self.settle()

    def places(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Turns shares of the paper into places of the window."""
        self.run("paper.scrollIntoView()")
        box = self.run("(({left, top, width}) => ({left, top, width}))(paper.getBoundingClientRect())")
        return [(box["left"] + x * box["width"], box["top"] + y * box["width"]) for x, y in points]

    def draw(self, points: list[tuple[float, float]], pointer: str = "mouse") -> None:
        for place, (x, y) in enumerate(places := [*self.places(points)]):
            kind = "mouseMoved" if place else "mousePressed"
            rest = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": pointer}
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **rest)
        x, y = places[-1]
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)
        self.settle()

    def touch(self, points: list[tuple[float, float]]) -> None:
        for place, (x, y) in enumerate(self.places(points)):
            kind = "touchMove" if place else "touchStart"
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()


@pytest.fixture(scope="module")
def made(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "demo.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole)
        demo.main(file, False)
    return file


@pytest.fixture
def page(browser: Browser, made: Path) -> DemoPage:
    return DemoPage(browser, made)


BAR = [(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]
INK = "pixels.some(Boolean)"
SHOWN = "cells.map(cell => cell.innerText.split('\\n')[0])"


def shown(page: DemoPage, layer: int, child: str) -> NDArray[np.int64]:
    """Returns what is painted in the tiles of a layer: (tiles, height, width, red green blue alpha)."""
    painted = page.run(
        f"""[...layers[{layer}].tiles.children].map(({{ {child}Child: canvas }}) =>
        [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data])"""
    )
    side = round((len(painted[0]) / 4) ** 0.5)
    return np.array(painted).reshape(len(painted), side, side, 4)


@in_chromium
class TestInBrowser:
    def test_agrees_with_torch(self, page: DemoPage, whole: Path) -> None:
        images = made_images()
        text = base64.b64encode(images.tobytes()).decode()
        answers = page.run(
            f"""(async () => {{
            const images = Uint8Array.from(atob("{text}"), letter => letter.charCodeAt(0)), found = [];
            for (let i = 0; i < images.length; i += 784) {{
              const reply = new Promise(done => worker.addEventListener("message", done, {{ once: true }}));
              worker.postMessage({{ pixels: images.slice(i, i + 784), chosen }});
              found.push((await reply).data.probabilities.map(shares => [...shares]));
            }}
            return found; }})()"""
        )
        here = np.array(answers)
        for place, network in enumerate(GRID.networks()):
            weights = load_file(whole / "data/weights" / network.path / RUN)
            logits = predict(load_network(network, weights), torch.from_numpy(images), MEAN, STD)
            there = logits.softmax(1).numpy()
            assert np.ptp(there.argmax(1)) > 3  # different answers
            assert np.abs(here[:, place] - there).max() < 1e-3
            assert (here[:, place].argmax(1) == there.argmax(1)).all()

    def test_drawing_becomes_what_mnist_looks_like(self, page: DemoPage) -> None:
        """An image of MNIST's making, large and anywhere on the paper, comes back as it was."""
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 12:17] = np.linspace(50, 255, 100).reshape(20, 5)
        mass = image.sum()
        for axis in (0, 1):
            centre = (image.sum(1 - axis) * np.arange(28)).sum() / mass
            image = np.roll(image, round(14 - centre), axis)
        for down, right in ((0, 0), (40, -60)):
            large = np.roll(image.repeat(20, 0).repeat(20, 1), (down, right), (0, 1))
            text = base64.b64encode(large.tobytes()).decode()
            found = page.run(
                f"""(() => {{
                const ink = atob("{text}"), data = new Uint8ClampedArray(4 * ink.length);
                for (let i = 0; i < ink.length; i++) data[4 * i + 3] = ink.charCodeAt(i);
                return [...asMnist({{ data, width: 560 }})]; }})()"""
            )
            assert (np.array(found).reshape(28, 28) == image).all()

    def test_small_drawing_is_not_enlarged(self, page: DemoPage) -> None:
        page.draw([(0.9, 0.9)])
        rows, columns = np.nonzero(np.array(page.run("[...pixels]")).reshape(28, 28))
        assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == 20  # a dot as thick as the pen, shrunk to the box
        dot = "data = new Uint8ClampedArray(4 * 560 ** 2); data[3] = 255; [...asMnist({ data, width: 560 })]"
        found = page.run(f"var {dot}")
        assert found.index(255) == 14 * 28 + 14
        assert sum(found) == 255

    def test_draw_undo_and_clear(self, page: DemoPage) -> None:
        assert not page.run(INK)
        assert page.run("[find('undo').disabled, find('clear').disabled]") == [True, True]
        assert page.run(SHOWN) == [""] * 4
        page.draw(BAR)
        bar = page.run("[...pixels]")
        rows, columns = np.nonzero(np.array(bar).reshape(28, 28))
        assert np.ptp(rows) + 1 == 20
        assert np.ptp(columns) + 1 < 6
        assert all(text.isdigit() for text in page.run(SHOWN))
        page.draw([(0.2, 0.5), (0.8, 0.5)], "pen")
        assert page.run("now().strokes.length") == 2
        for button, strokes in (("undo", 1), ("clear", 0), ("undo", 1), ("undo", 0)):
            page.run(f"find('{button}').click()")
            page.settle()
            assert page.run("now().strokes.length") == strokes
        assert not page.run(INK)
        page.draw(BAR)
        assert page.run("[...pixels]") == bar
        page.run("find('clear').click()")
        page.settle()
        assert not page.run(INK)
        assert page.run(SHOWN) == [""] * 4
        assert page.browser.complaints() == []

    def test_touch_draws_and_does_not_scroll(self, page: DemoPage) -> None:
        page.send(
            "Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=2, mobile=True
        )
        before = page.run("paper.scrollIntoView(); scrollY")
        page.touch([(0.5, 0.8), (0.5, 0.5), (0.5, 0.2)])
        assert page.run("now().strokes.length") == 1
        assert page.run("now().strokes[0].length") >= 3
        assert page.run("scrollY") == before
        assert page.run(INK)

    def test_keyboard_does_everything_but_draw(self, page: DemoPage) -> None:
        for _ in range(3):
            page.key("Tab")  # two languages, and the network that is chosen
        assert page.run("cells.indexOf(document.activeElement)") == page.run("chosen") == 2
        outline = page.run(
            "(style => [style.outlineStyle, style.outlineWidth])(getComputedStyle(document.activeElement))"
        )
        assert outline == ["solid", "3px"]
        for key, place in (
            ("ArrowUp", 0),
            ("ArrowRight", 1),
            ("ArrowDown", 3),
            ("ArrowDown", 3),
            ("ArrowLeft", 2),
        ):
            page.key(key)
            assert page.run("[cells.indexOf(document.activeElement), chosen]") == [place, place]
        assert page.run("cells.map(cell => cell.ariaPressed)") == ["false", "false", "true", "false"]
        page.key("Tab")
        page.key("ArrowRight")
        assert page.run("now().image") == 1
        page.key("z", 2)  # Ctrl
        assert page.run("now().image") is None
        page.key("ArrowLeft")
        assert page.run("now().image") == 0
        page.key("Escape")
        assert page.run("now().image") is None
        assert page.run("document.querySelector('footer').innerText").count("Esc") == 1

    def test_hard_image_is_held_against_the_report(self, page: DemoPage) -> None:
        assert page.run("hardButtons.map(button => button.innerText)") == [
            str(LABELS[HARD[0]]),
            str(LABELS[HARD[1]]),
        ]
        page.run("hardButtons[1].click()")
        page.settle()
        assert page.run("[...pixels]") == made_images()[HARD[1]].ravel().tolist()
        assert "1 in the report." in page.run("find('truth').textContent")
        reports = page.run("cells.map(cell => cell.querySelector('small').textContent)")
        assert reports == [f"report: {digit}" for digit in (LABELS[HARD[1]], 9, 9, 9)]
        wrong = [text != str(LABELS[HARD[1]]) for text in page.run(SHOWN)]
        assert page.run("cells.map(cell => cell.classList.contains('odd'))") == wrong

    def test_chosen_network_shows_its_kernels_and_maps(self, page: DemoPage, whole: Path) -> None:
        page.draw(BAR)
        drawn = torch.tensor(page.run("[...pixels]"), dtype=torch.uint8).reshape(1, 28, 28)
        for place, network in enumerate(GRID.networks()):
            page.run(f"cells[{place}].click()")
            page.settle()
            assert network.model in page.run("find('chosen').textContent")
            weights = load_file(whole / "data/weights" / network.path / RUN)
            model = load_network(network, weights)
            kernels = shown(page, 0, "first")
            strong = kernels[..., 3] > 60
            assert strong.any((1, 2)).all()
            blue = kernels[..., 2] > kernels[..., 0]
            assert (blue == (weights["0.weight"][:, 0] > 0))[strong].all()  # and the others orange
            for layer in range(network.conv_layers):
                with torch.no_grad():
                    maps = model[: 4 * layer + 4](to_inputs(drawn, MEAN, STD))[0].numpy()
                assert np.abs(shown(page, layer, "last")[..., 3] / 255 - maps / maps.max()).max() < 0.005
            assert page.run("layers.filter(layer => !layer.block.hidden).length") == network.conv_layers
            shares = page.run("[...answer.probabilities[chosen]].map(probability)")
            assert page.run("bars.map(bar => bar.nextSibling.textContent)") == shares

    def test_answers_are_read_out_once_they_stand(self, page: DemoPage) -> None:
        assert page.run("[find('announced').role, find('announced').ariaLive]") == ["status", "polite"]
        page.run(
            """window.spoken = []; new MutationObserver(() => spoken.push(find("announced").textContent))
            .observe(find("announced"), { childList: true })"""
        )
        page.draw([(0.5, 0.1 + 0.04 * step) for step in range(20)])
        page.browser.wait("spoken.length > 0")
        assert page.run("spoken") == [page.run("find('verdict').textContent")]
        page.run("hardButtons[0].click()")
        page.browser.wait("spoken.length > 1")
        assert page.run("spoken.at(-1)") == page.run(
            "`${find('verdict').textContent}. ${find('truth').textContent}`"
        )
        names = page.run("cells.map(cell => cell.ariaLabel)")
        assert names[3].startswith("deep, 5×5 (large), ")
        assert all("%, report: " in name for name in names)

    @pytest.mark.parametrize("language", ["en", "ru"])
    @pytest.mark.parametrize("width", [360, 1400])
    def test_page_fits_its_width(self, page: DemoPage, width: int, language: str) -> None:
        page.browser.resize(width)
        page.run(f"document.querySelector('.switch [lang={language}]').click(); hardButtons[0].click()")
        page.settle()
        assert page.run("document.documentElement.lang") == language
        assert page.run("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        outside = """[...document.querySelectorAll("body *")].filter(one => one.getClientRects().length &&
            !one.closest(".unseen") && one.getBoundingClientRect().right > innerWidth)
            .map(one => one.outerHTML)"""
        assert page.run(outside) == []
        assert page.run("document.querySelectorAll('[data-text]:empty').length") == 0
        assert bool(re.search("[а-я]", page.run("find('verdict').textContent"))) == (language == "ru")

    def test_both_languages_say_the_same_things(self, page: DemoPage) -> None:
        assert page.run("Object.keys(TEXT.en)") == page.run("Object.keys(TEXT.ru)")
        assert page.run("[1, 2, 11, 21].map(singular)") == [True, False, False, True]

    def test_dark_and_still_where_that_is_wanted(self, page: DemoPage) -> None:
        look = """[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
            getComputedStyle(paper).filter, getComputedStyle(cells[0]).transitionDuration]"""
        page.draw(BAR)
        found = {}
        for scheme in ("light", "dark"):
            page.browser.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
            *colours, ink, transition = page.run(look)
            found[scheme] = [sum(map(int, re.findall(r"\d+", colour))) for colour in colours], ink
            assert transition == "0s"
        page.browser.emulate()
        assert page.run(look)[-1] != "0s"
        (ground, text), ink = found["light"]
        assert (ground > text, ink) == (True, "none")
        (ground, text), ink = found["dark"]
        assert (ground < text, ink) == (True, "invert(1)")

    def test_page_asks_for_nothing(self, page: DemoPage, made: Path) -> None:
        page.draw(BAR)
        page.run("hardButtons[0].click()")
        page.settle()
        requests = [
            one["params"]["request"]["url"]
            for one in page.browser.events
            if one["method"].endswith("WillBeSent")
        ]
        assert requests[0] == made.as_uri()
        assert {url.partition(":")[0] for url in requests[1:]} == {"blob"}
        assert page.browser.complaints() == []

    def test_policy_refuses_what_is_slipped_in(self, page: DemoPage) -> None:
        page.run(
            """window.refused = []; window.taken = [];
            addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
            const slipped = document.createElement("script");
            slipped.textContent = "taken.push('script')";
            document.body.append(slipped);
            document.body.insertAdjacentHTML("beforeend",
              `<img src="http://127.0.0.1:9/x" onerror="taken.push(1)"><p style="color: red">`);
            fetch("data:,x").then(() => taken.push("fetch"), () => 0); 0"""
        )
        page.browser.wait("refused.length >= 5")
        directives = {"script-src-elem", "script-src-attr", "img-src", "style-src-attr", "connect-src"}
        assert set(page.run("refused")) == directives
        assert page.run("taken") == []

    def test_names_are_text(self, browser: Browser, study: Path) -> None:
        name = "</script><img src=x onerror=\"document.title='taken'\">{{7*7}}&amp;"
        facts = demo.gather(GRID)
        facts |= {"dataset": name, "classes": [name + str(digit) for digit in range(10)]}
        facts["models"], facts["kernels"] = [name, name], [one | {"name": name} for one in facts["kernels"]]
        facts["networks"] = [one | {"model": name} for one in facts["networks"]]
        text = demo.render_page(facts)
        assert "<img" not in text
        (study / "hostile.html").write_text(text, encoding="utf-8")
        page = DemoPage(browser, study / "hostile.html")  # begins with a hard image, as these are no digits
        assert page.run("document.querySelector('tbody th').textContent") == name
        assert name in page.run("find('verdict').textContent")
        assert page.run("document.title").startswith(name)
        assert page.run("document.querySelectorAll('img').length") == 0
        assert page.run("now().image") == 0
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.browser.complaints() == []
