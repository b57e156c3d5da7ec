"""A scan's report: counts, one row per file, errors apart, as one HTML file.

Rows are taken as they come. What is shown is bounded: of a large scan the page lists the files with the
highest scores and says how many it leaves out; a table of everything is what `--out` is for.
"""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from PIL import Image

import upprint
from upprint import images
from upprint.card import SystemCard
from upprint.explain import page, scale, words
from upprint.explain.page import safe
from upprint.explain.report import footer, system_section, tag
from upprint.result import ImageError, ScanResult
from upprint.runtime.rows import kind

MOST_ROWS, MOST_ERRORS, MOST_THUMBNAILS = 2000, 1000, 200
_THUMBNAIL = 96
_KINDS = ("generated", "inconclusive", "no trace found", "no verdict", "error")
_MEANS = {
    "generated": "the print of an image generator was found",
    "inconclusive": "traces of it, too weak to decide",
    "no trace found": "no print was found; that does not show that a picture is real",
    "no verdict": "the system is uncalibrated",
    "error": "the file could not be scored",
}


class ScanReport:
    """Collects rows and writes the page.

    Args:
        card: of the system that scores.
        fpr: the false-positive rate that was chosen; None if uncalibrated.
    """

    def __init__(self, card: SystemCard, fpr: str | None) -> None:
        self._card, self._fpr = card, fpr
        self._counts: Counter[str] = Counter()
        self._scored: list[tuple[float, int, ScanResult]] = []
        self._errors: list[ScanResult] = []
        self._order = count(0, -1)

    def add(self, row: ScanResult) -> None:
        """Take one row; memory stays bounded."""
        self._counts[kind(row)] += 1
        if row.logit is None:
            if len(self._errors) < MOST_ERRORS:
                self._errors.append(row)
            return
        entry = (row.logit, next(self._order), row)
        if len(self._scored) < MOST_ROWS:
            heapq.heappush(self._scored, entry)
        else:
            heapq.heappushpop(self._scored, entry)

    def write(self, path: Path, *, created: datetime | None = None) -> Path:
        """Write the page; an existing one is replaced.

        Raises:
            ConfigError: the file cannot be written.
        """
        page.write(path, self.html(created=created))
        return path

    def html(self, *, created: datetime | None = None) -> str:
        """The page as text."""
        when = f"{(created or datetime.now(UTC)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        total = self._counts.total()
        files = f"{total:,} file{'' if total == 1 else 's'}"
        about = f"{when}, upprint {upprint.__version__}, system {self._card.name}"
        head = (
            f'<header><p class="kind">upprint scan report</p><h1>{files}</h1>'
            f'<p class="when">{safe(about)}'
            "</p></header>"
        )
        body = [
            head,
            self._summary(),
            self._table(),
            self._error_table(),
            system_section(self._card, self._fpr),
        ]
        body += [page.section("Limits of the method", page.bullets(words.METHOD_LIMITS)), footer(when)]
        return page.document("upprint scan report", body)

    def _summary(self) -> str:
        boxes = "".join(
            f'<div class="{name.replace(" ", "-")}"><strong>{self._counts[name]:,}</strong> '
            f"<span>{safe(name)}</span></div>"
            for name in _KINDS
            if self._counts[name] or (name != "no verdict" and not self._counts["no verdict"])
        )
        found = [name for name in _KINDS if self._counts[name]]
        means = page.facts((name, safe(_MEANS[name])) for name in found)
        return f'<div class="counts">{boxes}</div>{means}'

    def _table(self) -> str:
        if not self._scored:
            return ""
        rows = [row for _, _, row in sorted(self._scored, reverse=True)]
        left_out = self._counts.total() - self._counts["error"] - len(rows)
        note = "Highest scores first. Probabilities are calibrated; the file's own statements enter no score."
        if left_out:
            note += f" Left out here: {left_out:,} files with lower scores; write all rows with --out."
        pictures = len(rows) <= MOST_THUMBNAILS
        heads = ["", "file"] if pictures else ["file"]
        cells = [([thumbnail(row)] if pictures else []) + _cells(row) for row in rows]
        heads += ["verdict", "probability", "the file says"]
        body = page.table(heads, cells, name="rows pictures" if pictures else "rows plain")
        return page.section("Files", page.paragraph(note, "faint"), f'<div class="scroll">{body}</div>')

    def _error_table(self) -> str:
        if not self._errors:
            return ""
        number = self._counts["error"]
        note = "" if number == len(self._errors) else f"The first {len(self._errors):,} of {number:,}."
        rows = [[page.path(row.path), safe(row.error)] for row in self._errors]
        return page.section(
            "Errors", page.paragraph(note), page.table(("file", "reason"), rows, name="errors")
        )


def _cells(row: ScanResult) -> list[str]:
    chance = f"logit {row.logit:+.3f}" if row.probability is None else scale.percent(row.probability)
    size = f"{row.width} × {row.height}" + ("" if row.notes is None else f"; {row.notes}")
    return [
        f'{page.path(row.path)}<br><span class="faint">{safe(size)}</span>',
        tag(kind(row)),
        f'<span class="number">{safe(chance)}</span>',
        safe(row.provenance or "–"),
    ]


def thumbnail(row: ScanResult) -> str:
    """The picture as it was scored, small; words where the file is gone or has changed since."""
    try:
        decoded = images.decode(row.path)
    except ImageError:
        return "gone"
    if decoded.sha256 != row.sha256:
        return "changed"
    image = Image.fromarray(decoded.pixels)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return page.picture(image, "", kind="JPEG")
