"""Texts and examples of the OpenAPI description."""

from __future__ import annotations

from typing import Any

from upprint.result import ScanResult, Verdict
from upprint.runtime import store
from upprint.serve.uploads import FIELD

DESCRIPTION = """\
Pictures are scored in memory and never stored. Scores are logits: higher means more likely generated.
`no trace found` does not mean that a picture is camera-made: the absence of a trace proves nothing.
Problems with a whole request are `application/problem+json` (RFC 9457); a problem with one picture is the
`error` of its row."""

SCAN = f"""\
Send one or many files in the form field `{FIELD}`, or one picture as the body with an `image/*` content
type. There is one row per file, in their order; a file that cannot be scored is a row with its error, and
the status stays 200. URLs are not fetched.

    curl -F {FIELD}=@one.jpg -F {FIELD}=@two.png http://127.0.0.1:8000/v1/scan
    curl -H 'Content-Type: image/jpeg' --data-binary @one.jpg http://127.0.0.1:8000/v1/scan"""

_SCORED = ScanResult(
    path="one.jpg",
    system=store.DEFAULT_SYSTEM,
    logit=3.25,
    probability=0.97,
    verdict=Verdict.GENERATED,
    tiles=9,
    width=1024,
    height=1024,
    format="JPEG",
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
_FAILED = ScanResult(
    path="two.png",
    system=store.DEFAULT_SYSTEM,
    error="CorruptImage: the data end early; expected a whole PNG file; fetch or copy the file again",
)

PROBLEM: dict[str, Any] = {
    "description": "What was found, what is expected, what can be done.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "request_id"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "request_id": {"type": "string"},
                },
            },
            "example": {
                "type": "about:blank",
                "title": "Too Many Requests",
                "status": 429,
                "detail": "the queue is full (18 requests); send it again in 2 s or later",
                "request_id": "4c9184f37cff01bcdc32dc486ec36961",
            },
        }
    },
}

ROWS_EXAMPLE = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/Rows"},
        "example": {"results": [_SCORED.row(), _FAILED.row()]},
    }
}
SCAN_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "One row per picture.", "content": ROWS_EXAMPLE},
    **dict.fromkeys((400, 408, 413, 415, 503), PROBLEM),
    429: PROBLEM | {"headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}},
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
SCAN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "image/*": _BINARY,
            "application/octet-stream": _BINARY,
        },
    }
}
