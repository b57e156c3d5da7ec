"""Pictures out of a request's body, read as they arrive, into memory only.

Frameworks spool large uploads to temporary files; here no picture may reach a disk, so the multipart parser
is fed by hand. The limits hold for what arrives, whatever the headers say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.types import Message

from upprint.serve.limits import Limits
from upprint.serve.problems import Problem

FIELD = "files"
EXPECTED = (
    f"multipart/form-data with one or many files in the field {FIELD!r}, "
    "or one picture as the body with an image/* content type"
)
Receive = Callable[[], Awaitable[Message]]


class Disconnected(Exception):
    """The client left before its body was complete; nobody waits for an answer."""


@dataclass
class Upload:
    """One file as it was sent. `name` is what the client calls it, for its row only."""

    name: str
    data: bytearray = field(default_factory=bytearray)


def check_headers(headers: Headers, limits: Limits) -> bytes | None:
    """The boundary of a multipart body, None for a picture; before a byte of it is read.

    Raises:
        Problem: 400, 413 or 415.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body has Content-Encoding {headers['content-encoding']!r}; send it as it is",
        )
    kind, options = parse_options_header(headers.get("content-type"))
    boundary = options.get(b"boundary")
    multipart = kind == b"multipart/form-data"
    if multipart and not (boundary and len(boundary) <= 70):  # RFC 2046, 5.1.1
        raise Problem(HTTPStatus.BAD_REQUEST, "multipart/form-data without a boundary of 1 to 70 characters")
    if not (multipart or kind.startswith(b"image/") or kind == b"application/octet-stream"):
        found = repr(kind.decode("latin-1")) if kind else "no content type"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"found {found}, expected {EXPECTED}")
    length = headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > limits.body:
        raise _too_large(limits)
    return boundary if multipart else None


async def read(receive: Receive, boundary: bytes | None, limits: Limits) -> list[Upload]:
    """All pictures of a body, in their order.

    Args:
        receive: the request's ASGI channel.
        boundary: of the multipart body; None for a body that is one picture.

    Raises:
        Problem: 400, 408 or 413.
        Disconnected: the client left.
    """
    form = None if boundary is None else _Form(boundary, limits)
    whole, size, more = Upload("body"), 0, True
    try:
        async with asyncio.timeout(limits.receive):
            while more:
                async with asyncio.timeout(limits.idle):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunk: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(chunk)
                if size > limits.body:
                    raise _too_large(limits)
                if form is None:
                    whole.data += chunk
                elif chunk:
                    form.feed(chunk)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the body was not complete in time: expected all of it within {limits.receive:g} s and "
            f"no pause of {limits.idle:g} s; send fewer or smaller files",
        ) from None
    if form is not None:
        return form.finish()
    if not whole.data:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is empty, expected {EXPECTED}")
    return [whole]


class _Form:
    """A multipart body: every part must be a file in the field `files`."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        self._limits = limits
        self._uploads: list[Upload] = []
        self._complete = False
        self._header = bytearray(), bytearray()
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": lambda data, start, end: self._uploads[-1].data.extend(
                    memoryview(data)[start:end]
                ),
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"the multipart body is malformed ({error})") from error

    def finish(self) -> list[Upload]:
        if not self._complete:
            raise Problem(HTTPStatus.BAD_REQUEST, "the multipart body ends before its closing boundary")
        if not self._uploads:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"the form is empty, expected one or many files in {FIELD!r}"
            )
        return self._uploads

    def _part(self) -> None:
        if len(self._uploads) == self._limits.files:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"more than {self._limits.files} files, expected at most that many; split the request",
            )
        self._disposition = b""

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).strip().lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"the form has a field {name[:100]!r}, expected only {FIELD!r}"
            )
        filename = options.get(b"filename", b"").decode("utf-8", "replace")
        self._uploads.append(Upload(filename or f"{FIELD}[{len(self._uploads)}]"))

    def _end(self) -> None:
        self._complete = True


def _too_large(limits: Limits) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has more than {limits.body:,} bytes, expected at most that; send fewer or smaller files",
    )
