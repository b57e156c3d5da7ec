"""Who may call the API: everybody, or those who hold the key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import Depends
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from upprint.serve.problems import Problem

Check = Callable[..., Awaitable[None]]

_bearer = HTTPBearer(auto_error=False, description="The key of the service, where it has one.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in a header of its own.")


def checker(key: str | None) -> Check:
    """A dependency that raises a 401 `Problem` without the key; without a key set, it lets all pass."""
    if key is None:
        return _everybody
    expected = _digest(key)

    async def check(
        bearer: HTTPAuthorizationCredentials | None = Depends(_bearer),
        header: str | None = Depends(_header),
    ) -> None:
        given = bearer.credentials if bearer else header
        # digests have one length, so that the comparison's time says nothing about the key
        if given is None or not hmac.compare_digest(_digest(given), expected):
            found = "no API key" if given is None else "an API key that is not this service's"
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                f"found {found}, expected it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
                {"WWW-Authenticate": "Bearer"},
            )

    return check


async def _everybody() -> None:
    return None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
