"""The static page and the model files that it loads. Names are fixed when the service starts."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from upprint.card import SystemCard
from upprint.runtime import store
from upprint.runtime.settings import Settings

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
"""Told to the browser whatever the machine's own tables say: with `nosniff` a wrong one stops the page."""

_ABSENT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>upprint</title>
<h1>The page is not installed</h1>
<p>This copy of upprint was built without its page. The API works:</p>
<ul>
<li><code>POST /v1/scan</code> with one or many files in the form field <code>files</code></li>
<li><a href="/v1/systems">/v1/systems</a>: what scans here</li>
<li><a href="/openapi.json">/openapi.json</a>: the API described</li>
</ul>
"""


class Pages:
    """Files under `folder`; without an index.html there, a plain page that says so."""

    def __init__(self, folder: Path = STATIC) -> None:
        for suffix, kind in TYPES.items():
            mimetypes.add_type(kind, suffix)
        self._files = StaticFiles(directory=folder, html=True) if (folder / "index.html").is_file() else None

    @property
    def installed(self) -> bool:
        return self._files is not None

    async def get(self, path: str, scope: Scope) -> Response:
        """Raises HTTPException 404."""
        if self._files is not None:
            response = await self._files.get_response(path or ".", scope)
            if path.endswith(".gz"):  # the tables know it as an encoding only
                response.headers["Content-Type"] = "application/gzip"
            return response
        if path:
            raise HTTPException(404)
        return HTMLResponse(_ABSENT, 404)


def model_files(graph: Path, card: SystemCard) -> dict[str, Path]:
    """What lies under /models/: graph and card of every shipped system, and of the one that is served."""
    systems = {name: store.find(name)[0] for name in store.shipped()} | {card.name: graph}
    cards = {f"{name}.json": path.with_suffix(".json") for name, path in systems.items()}
    return cards | {f"{name}.onnx": path for name, path in systems.items()}


def settings_file(settings: Settings) -> dict[str, Any]:
    """What the page reads as settings.json: the system, the false-positive rate and the tiles served here.

    The page's own engine and its limit of pixels are the browser's, not the server's.
    """
    tiles: int | str = "all" if settings.budget is None else settings.budget
    return {"system": settings.card.name, "fpr": settings.fpr, "tiles": tiles}
