"""What goes around every request: an id, the headers of a page that trusts nobody, a log line, counts."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upprint.serve.problems import ProblemResponse

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_API = "default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    # the two that make the page crossOriginIsolated, which WASM threads need
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGE = "page"
"""Route name of everything that is not the API."""

Observe = Callable[[str, str, int, float], None]
"""Called with route, method, status, seconds."""
_log = logging.getLogger("upprint.serve.access")


@dataclass
class Envelope:
    """ASGI middleware.

    Args:
        app: what it goes around.
        hosts: names that a request may be addressed to, without port; empty allows any. On a loopback
            server this is what keeps a foreign page from reaching it through a name of its own that
            resolves to this machine (DNS rebinding).
        observe: takes the counts.
    """

    app: ASGIApp
    hosts: Collection[str]
    observe: Observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(headers)

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                state["body_ended"] = True
            return message

        async def dressed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableHeaders(scope=message), _route(scope), request_id)
            await send(message)

        async def answer(problem: HTTPStatus, detail: str) -> None:
            await ProblemResponse(problem, detail, request_id)(scope, watched_receive, dressed_send)

        refusal = self._refusal(scope["method"], headers)
        try:
            if refusal is None:
                await self.app(scope, watched_receive, dressed_send)
            else:
                await answer(HTTPStatus.FORBIDDEN, refusal)
        except Exception:  # a defect, logged with its trace and told without it
            _log.exception("request %s failed", request_id)
            if status:
                raise  # the answer has begun; the server closes the connection
            await answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log has the cause")
        finally:
            self._note(scope, status or 499, time.perf_counter() - began)  # 499: the client left first

    def _refusal(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if self.hosts and _name(host) not in self.hosts:
            return (
                f"the request is addressed to {host[:100]!r}, expected one of "
                f"{', '.join(sorted(self.hosts))}; the option --allow-host adds a name"
            )
        origin = headers.get("origin")
        if method not in ("GET", "HEAD", "OPTIONS") and origin and origin.partition("://")[2] != host:
            return f"the request comes from the page of another origin, {origin[:100]!r}"
        return None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route, state = _route(scope), scope["state"]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.observe(route, method, status, seconds)
        client = scope.get("client")
        line = {
            "id": state["request_id"],
            "client": client[0] if client else None,
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
        }
        if "pictures" in state:
            line["pictures"] = state["pictures"]
        _log.info(json.dumps(line))


def _dress(headers: MutableHeaders, route: str, request_id: str) -> None:
    """Add what every answer carries, keeping what it has."""
    for name, value in HEADERS.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", _PAGE if route == PAGE else _API)
    headers.setdefault("Cache-Control", "no-cache" if route in (PAGE, "/models/{file}") else "no-store")
    headers["X-Request-ID"] = request_id


def _route(scope: Scope) -> str:
    """The route as it was declared, never the path, which may name a file."""
    route = getattr(scope.get("route"), "path", None)
    return PAGE if route in (None, "/", "/{path:path}") else str(route)


def _name(host: str) -> str:
    """A Host header without its port."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d+)?", host)
    return match[1].lower() if match else ""


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else uuid.uuid4().hex
