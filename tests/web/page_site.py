"""The built page on a local port, as a plain static server would offer it, and a browser to open it in."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

STATIC = Path(__file__).parents[2] / "src" / "upprint" / "serve" / "static"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012 (as the base class has it)
        "": "application/octet-stream",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".md": "text/plain; charset=utf-8",
    }

    def __init__(
        self,
        *arguments: Any,
        models: Path,
        settings: bytes,
        headers: dict[str, str],
        log: list[tuple[str, str]],
        **rest: Any,
    ) -> None:
        self.models, self.settings, self.extra, self.log = models, settings, headers, log
        super().__init__(*arguments, directory=str(STATIC), **rest)

    def parse_request(self) -> bool:
        """Note every request; as a proxy, serve the site's own addresses and refuse all others."""
        if not super().parse_request():
            return False
        self.log.append((self.command, self.path))
        address = urlsplit(self.path)
        if address.scheme and address.netloc == self.headers["Host"] and address.hostname == "127.0.0.1":
            self.path = address.path
        elif not self.path.startswith("/"):
            self.send_error(403)
            return False
        return True

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/settings.json":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.settings)))
        self.end_headers()
        self.wfile.write(self.settings)

    def translate_path(self, path: str) -> str:
        if path.startswith("/models/"):
            return str(self.models / Path(path.partition("?")[0]).name)
        return super().translate_path(path)

    def end_headers(self) -> None:
        for name, value in self.extra.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def served(
    models: Path,
    headers: dict[str, str] | None = None,
    log: list[tuple[str, str]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """The page's address.

    `models` holds graph and card of the system that `settings` name, by default the only one there; `log`
    takes method and target of requests.
    """
    extra, noted = ISOLATED if headers is None else headers, [] if log is None else log
    if settings is None:
        (only,) = models.glob("*.onnx")
        settings = {"system": only.stem}
    handler = partial(
        _Handler, models=models, settings=json.dumps(settings).encode(), headers=extra, log=noted
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chromium(*, width: int = 1280, height: int = 1000, arguments: Sequence[str] = ()) -> Any:
    """A headless Chromium; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="the browser tests need selenium")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("the browser tests need chromium and chromedriver on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    for flag in [*flags, *arguments]:
        options.add_argument(flag)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_page_load_timeout(120)
    browser.set_script_timeout(120)
    emulate(browser, width, height)
    return browser


def emulate(browser: Any, width: int, height: int, *, dark: bool = False, mobile: bool = False) -> None:
    """Give the page a window of this size, in light or dark."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile},
    )
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait(browser: Any, selector: str, seconds: float = 120) -> Any:
    """The first element that matches, once there is one."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, poll_frequency=0.05).until(
        lambda driver: driver.execute_script("return document.querySelector(arguments[0])", selector)
    )


def open_page(browser: Any, address: str) -> Any:
    browser.get(address)
    wait(browser, "body[data-ready], .failed")
    return browser


def choose(browser: Any, *paths: Path) -> None:
    """Choose files as with the button, after forgetting the last result."""
    browser.execute_script(
        "const r = document.querySelector('#result'); r.replaceChildren(); delete r.dataset.complete"
    )
    browser.find_element("id", "file").send_keys("\n".join(map(str, paths)))


def look_at(browser: Any, path: Path) -> dict[str, str]:
    """Choose one picture and wait for all but its stability; its facts by name, or its error's name under
    "error"."""
    choose(browser, path)
    wait(browser, "#result[data-complete], #result .verdict.failed")
    return dict(
        browser.execute_script(
            """
            const all = document.querySelectorAll('[data-fact]');
            const facts = Array.from(all, e => [e.dataset.fact, e.textContent]);
            const {error, verdict} = document.querySelector('#result .verdict').dataset;
            return [...facts, ['error', error ?? ''], ['verdict', verdict ?? '']];
            """
        )
    )
