"""One self-contained HTML page: no script, nothing loaded, readable on screen and on A4 paper.

The policy in its head forbids everything but its own style and embedded pictures, so that even a mistake in
escaping could not run or fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

from upprint.result import ConfigError, printable

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def safe(text: object) -> str:
    """Any text as HTML text or attribute value; control characters and direction marks as escapes."""
    return escape(printable(str(text)), quote=True)


def path(text: str) -> str:
    """A path that may break behind its slashes, as HTML."""
    return f"<code>{safe(text).replace('/', '/<wbr>')}</code>"


def document(title: str, body: Iterable[str], style: str = "") -> str:
    """The whole page.

    Args:
        title: plain text.
        body: HTML.
        style: CSS after the common one.
    """
    style = STYLE + style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{safe(title)}</title>",
        f"<style>{style}</style>",
    ]
    lines = ["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", *body, "</body>"]
    return "\n".join([*lines, "</html>", ""])


def write(target: Path, html: str) -> None:
    """Write the page, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(html, encoding="utf-8", newline="\n")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise ConfigError(
            f"{str(target)!r}: the report cannot be written ({reason}); choose another --report"
        ) from error


def check_target(target: Path, pictures: Iterable[Path]) -> None:
    """Refuse, before any work, a report that could not be written or would replace a picture.

    Raises:
        ConfigError: see above.
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{str(target)!r}: a report is an HTML page; give a name that ends in .html")
    if not target.parent.is_dir():
        raise ConfigError(f"{str(target)!r}: the folder {str(target.parent)!r} does not exist; make it first")
    taken = {os.path.realpath(picture) for picture in pictures}  # unlike Path.resolve, bears loops of links
    if target.is_dir() or os.path.realpath(target) in taken:
        raise ConfigError(f"{str(target)!r} is a folder or one of the pictures; choose another --report")


def picture(image: Image.Image, text: str, *, kind: str = "PNG") -> str:
    """An embedded picture with its alternative text."""
    buffer = BytesIO()
    image.save(buffer, kind, **({"quality": 75} if kind == "JPEG" else {}))
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img src="data:image/{kind.lower()};base64,{data}" {size} alt="{safe(text)}">'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, name: str = "") -> str:
    """A table; `rows` hold HTML, `heads` plain text."""
    head = "".join(f'<th scope="col">{safe(text)}</th>' for text in heads)
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<table class="{safe(name)}"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names (plain text) with their values (HTML)."""
    lines = "".join(f"<div><dt>{safe(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{lines}</dl>'


def bullets(items: Iterable[str]) -> str:
    """A list of plain texts."""
    return "<ul>" + "".join(f"<li>{safe(item)}</li>" for item in items) + "</ul>"


def section(title: str, *parts: str) -> str:
    """A headed section; `parts` are HTML."""
    return f"<section><h2>{safe(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, name: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{safe(name)}">{safe(text)}</p>' if name else f"<p>{safe(text)}</p>"
