"""Chromium for tests: one page without a network, driven through the DevTools protocol."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websocket import create_connection

from tests.support.processes import wait_until

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-port=0"),
    "--proxy-server=127.0.0.1:9",  # nothing listens there
]
PATIENCE = 60  # seconds


def in_chromium(test: Any) -> Any:
    """Marks a test that needs Chromium."""
    missing = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
    return pytest.mark.slow(missing(test))


class Browser:
    """Chromium with one page."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.DEVNULL
        )
        self.count, self.events = 0, list[dict[str, Any]]()

    def connect(self, folder: Path) -> None:
        """Waits until Chromium has started."""
        port = folder / "DevToolsActivePort"
        assert wait_until(lambda: port.exists() and "\n" in port.read_text(), PATIENCE)
        url = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
        with urlopen(url, timeout=PATIENCE) as answer:
            (page,) = [one for one in json.load(answer) if one["type"] == "page"]
        self.socket = create_connection(page["webSocketDebuggerUrl"], timeout=PATIENCE, suppress_origin=True)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Returns the answer to a command of the DevTools protocol."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while (message := json.loads(self.socket.recv())).get("id") != self.count:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def run(self, script: str) -> Any:
        """Returns the value of a script."""
        done = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition: str) -> None:
        """Waits until a condition in JavaScript is true."""
        assert wait_until(lambda: self.run(condition), PATIENCE), condition

    def open(self, page: Path, ready: str, **wanted: str) -> None:
        """Opens a page at 1400 pixels, and waits until it is ready: a condition in JavaScript."""
        self.resize(1400)
        self.emulate(**wanted)
        self.send("Page.navigate", url="about:blank")
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        self.wait(f"document.readyState === 'complete' && {ready}")

    def resize(self, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def emulate(self, **wanted: str) -> None:
        """Sets preferences of the user, such as `prefers_color_scheme="dark"`."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in wanted.items()]
        self.send("Emulation.setEmulatedMedia", features=features)

    def messages(self) -> list[str]:
        """Returns what was logged: errors of the script, and what the policy refused."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [str(event["params"]) for event in self.events if event["method"] in kinds]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium for the tests of a file."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    folder = tmp_path_factory.mktemp("profile")
    browser = Browser(folder)
    try:
        browser.connect(folder)
        yield browser
    finally:
        browser.process.terminate()
        browser.process.wait(PATIENCE)
