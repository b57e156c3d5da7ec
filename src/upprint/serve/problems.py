"""Problems with a whole request as `application/problem+json` (RFC 9457): what was found, expected, to do."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

LINGER_SECONDS = 2.0
"""How long an unread body is read and dropped, so that its sender gets to see the answer."""
LINGER_BYTES = 64 * 2**20


class Problem(Exception):
    """Raised anywhere under the application; becomes the response."""

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


class ProblemResponse(Response):
    """The response of a `Problem`; closes the connection where a body was left unread."""

    media_type = "application/problem+json"

    def __init__(
        self, status: HTTPStatus, detail: str, request_id: str, headers: dict[str, str] | None = None
    ) -> None:
        body = {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "request_id": request_id,
        }
        super().__init__(json.dumps(body), int(status), headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["state"].get("body_ended", False) or not _has_body(scope):
            await super().__call__(scope, receive, send)
            return
        # Closing at once would reset the connection of a client that is still sending, and lose the answer.
        self.headers["Connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_body(scope: Scope) -> bool:
    names = {name.lower() for name, _ in scope["headers"]}
    return bool(names & {b"content-length", b"transfer-encoding"})


async def _drain(receive: Receive) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
