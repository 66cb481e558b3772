"""Drives a headless Chromium over the DevTools protocol; skips where there is none."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
KEYS = {" ": ("Space", 32), "ArrowRight": ("ArrowRight", 39), "ArrowLeft": ("ArrowLeft", 37),
        "Home": ("Home", 36), "End": ("End", 35), "Enter": ("Enter", 13), "Tab": ("Tab", 9),
        "Escape": ("Escape", 27)}  # fmt: skip
TYPED = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")


def number(text):
    """Read a number as pages write it: −1.2×10⁻¹⁶."""
    return float(text.translate(TYPED).replace("×10", "e"))


class Browser:
    """One Chromium with one page."""

    def __init__(self):
        websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            pytest.skip(f"no Chromium here: none of {', '.join(PROGRAMS)} is installed")
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.numbers, self.events = itertools.count(1), []
        port, path = self._address()
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=60)
        targets = self.call("Target.getTargets")["targetInfos"]
        (page,) = [target for target in targets if target["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _address(self):
        file = Path(self.folder.name, "DevToolsActivePort")
        for _ in range(600):
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return lines
            time.sleep(0.05)
        raise RuntimeError("Chromium did not start")

    def call(self, method, **parameters):
        """Send a command and return what it returns; events that come meanwhile are kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def wait(self, condition):
        """Wait until something holds in the page, through a change of pages."""
        for _ in range(200):
            with contextlib.suppress(AssertionError):  # No page, while one follows another.
                if self.js(condition):
                    return
            time.sleep(0.05)
        raise AssertionError(f"never came to hold: {condition}")

    def open(self, path, width=1280, height=800, dark=False, reduced=False, hash=""):
        """Load a file in a window of some size, and wait until it has run."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=Path(path).absolute().as_uri() + hash)
        for _ in range(400):
            if self.js("document.readyState === 'complete' && location.protocol === 'file:'"):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{path} did not load")

    def js(self, expression):
        """Evaluate an expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, *keys):
        for key in keys:
            code, number = KEYS.get(key, (key, ord(key[0])))
            event = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            event |= {"text": "\r" if key == "Enter" else key} if key in (" ", "Enter") else {}
            event |= {"text": key} if len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", **event)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code)

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector):
        x, y = self.centre(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def centre(self, selector):
        return self.js(
            f"(r => [r.left + r.width / 2, r.top + r.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )

    @property
    def complaints(self):
        """What the page has written to the console, thrown, been refused, or fetched."""
        self.js("1")  # Whatever has happened so far has been told then.
        bad = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        found = [event for event in self.events if event.get("method") in bad]
        for event in self.events:
            if event.get("method") == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                page = event["params"]["type"] == "Document" and url.startswith(("file:", "about:"))
                if not page and not url.startswith("data:"):
                    found.append(event)
        return found

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()
