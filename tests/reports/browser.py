"""A real Chromium that nobody sees, spoken to over a pipe in its own protocol: no driver, no port, no network."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *(
        "--disable-default-apps",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--remote-debugging-pipe",
    ),
)
_PATIENCE_S = 60.0


def chromium() -> str:
    """The browser's path; the test is skipped where there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: `apt-get install chromium` brings one")
    return found


class Tab:
    """One page. said: what went to the console or was thrown; asked: every address that was asked for."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.said: list[str] = []
        self.asked: list[str] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order and return its answer."""
        return self._browser.send(method, params, self._session)

    def open(
        self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False, touch: bool = False
    ) -> None:
        """Show a file in a window of this size, and wait until its script has run."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.paint(dark=dark)
        self.send("Page.navigate", url=path.absolute().as_uri())
        self.wait("document.documentElement.dataset.ready === 'yes'")

    def paint(self, *, dark: bool) -> None:
        """Prefer dark or light colours."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def run(self, script: str) -> Any:
        """Return the value of an expression, of a promise what it gives."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Return the first value of an expression that is true; the page is asked again after each frame."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            value = self.run(f"new Promise((go) => requestAnimationFrame(() => go({script})))")
            if value:
                return value
        raise AssertionError(f"never true: {script}; the page said {self.said}")

    def show(self, name: str) -> None:
        """Scroll an element into the window and wait for its chart, where it is one."""
        self.run(f"document.getElementById('{name}').scrollIntoView({{behavior: 'instant', block: 'center'}})")
        if name.startswith("chart"):
            self.wait(f"document.getElementById('{name}').dataset.drawn === 'yes'")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        codes = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36}
        told = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0])), "text": text}
        self.send("Input.dispatchKeyEvent", type="keyDown", **told)
        self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move the mouse (`Moved`), press it (`Pressed`) or let it go (`Released`)."""
        button = {"button": "left", "clickCount": 1, "buttons": int(kind != "Released")} if kind != "Moved" else {}
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **button)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write a screenshot of the page, or of the window."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


class Browser:
    """The process and the two ends of its pipe."""

    def __init__(self, folder: Path) -> None:
        (inward, self._out), (self._in, outward) = os.pipe(), os.pipe()
        command = [chromium(), *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        # The browser reads what stands at 3 and writes to 4.
        shell = f'exec "$@" 3<&{inward} 4>&{outward}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command],
            pass_fds=(inward, outward),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(inward)
        os.close(outward)
        self._number = 0
        self._rest = b""
        self._tabs: dict[str, Tab] = {}

    def tab(self) -> Tab:
        """Return a new empty page."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._tabs[session] = Tab(self, session)
        return self._tabs[session]

    def send(self, method: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Give an order and return its answer; what comes meanwhile is told to the pages."""
        self._number += 1
        order: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            order["sessionId"] = session
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._tell(message)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], _PATIENCE_S)
            assert ready, "the browser does not answer"
            more = os.read(self._in, 1 << 20)
            assert more, "the browser is gone"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def _tell(self, message: dict[str, Any]) -> None:
        tab = self._tabs.get(message.get("sessionId", ""))
        if tab is None:
            return
        told = message.get("params", {})
        if message["method"] == "Runtime.consoleAPICalled":
            tab.said.append(f"{told['type']}: {[one.get('value', one.get('description')) for one in told['args']]}")
        elif message["method"] == "Runtime.exceptionThrown":
            tab.said.append(str(told["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded":
            tab.said.append(f"{told['entry']['level']}: {told['entry']['text']}")
        elif message["method"] == "Network.requestWillBeSent":
            tab.asked.append(told["request"]["url"])

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError, AssertionError):
            self.send("Browser.close", {})
        os.close(self._out)
        os.close(self._in)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Give a browser with a profile of its own."""
    browser = Browser(folder)
    try:
        yield browser
    finally:
        browser.close()
