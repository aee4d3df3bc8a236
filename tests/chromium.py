"""A Chromium without a window, driven over its debugging pipe: it opens pages, types, tells what happens."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 30.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which does not run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
# The browser reads commands from descriptor 3 and writes to descriptor 4.
LAUNCH = """
import fcntl, os, sys
high = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for there, here in enumerate(high, 3):
    os.dup2(here, there)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """A running browser; skips the test where there is none."""

    def __init__(self) -> None:
        program = find()
        if program is None or os.name != "posix":
            pytest.skip("there is no Chromium")
        self._folder = tempfile.mkdtemp(prefix="ssewire-chromium-")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), program, *OPTIONS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={self._folder}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": self._folder},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._rest = bytearray()
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End it."""
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._events.append(message)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], SECONDS)
            assert ready, "the browser does not answer"
            data = os.read(self._in, 65_536)
            assert data, "the browser has ended"
            self._rest += data
        message, _, rest = bytes(self._rest).partition(b"\0")
        self._rest[:] = rest
        found: dict[str, Any] = json.loads(message)
        return found

    def take_events(self, session: str) -> list[dict[str, Any]]:
        """What a session has told since the last time."""
        mine = [each for each in self._events if each.get("sessionId") == session]
        self._events = [each for each in self._events if each.get("sessionId") != session]
        return mine

    def open(self, url: str, **options: Any) -> Tab:
        """Open a page."""
        return Tab(self, url, **options)


class Tab:
    """One page: a context manager.

    Args:
        browser: Where it is opened.
        url: What is opened.
        dark: Whether the page is told that the user likes it dark.
        size: Width and height in pixels.
    """

    def __init__(
        self, browser: Chromium, url: str, *, dark: bool = False, size: tuple[int, int] = (1280, 900)
    ) -> None:
        self._browser = browser
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session: str = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )
        self.url = url
        self.complaints: list[str] = []
        """Errors and warnings on the console, exceptions, dialogs."""
        self.requests: list[str] = []
        """The addresses of everything that was asked for, but the page."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command about this page."""
        return self._browser.call(method, self._session, **parameters)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        # Not in a `return`: a page's own policy forbids to evaluate, but not the debugger.
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + SECONDS
        while not self.run(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press a key: a character, or the name of another key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        """Type a text."""
        self.call("Input.insertText", text=text)

    def look(self) -> Self:
        """Gather what the page complained about and asked for."""
        for event in self._browser.take_events(self._session):
            told = event["params"]
            match event["method"]:
                case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                    self.complaints.append(str(told["args"]))
                case "Runtime.exceptionThrown":
                    self.complaints.append(str(told["exceptionDetails"]))
                case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                    self.complaints.append(told["entry"]["text"])
                case "Page.javascriptDialogOpening":
                    self.complaints.append(f"dialog: {told['message']}")
                case "Network.requestWillBeSent" if told["request"]["url"] != self.url.partition("#")[0]:
                    self.requests.append(told["request"]["url"])
        return self

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write a picture of it as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
