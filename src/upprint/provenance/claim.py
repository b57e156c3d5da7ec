"""One thing that a file says of itself, and all of them together."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Says = Literal["generated", "camera", "edited"]

UNSIGNED = "unsigned: anyone can write it"
MEASURED = "measured: follows from the file itself"
UNREAD = "nothing can be said of what was not read"

_ORDER = ("generated", "edited", "camera", None)
_LONGEST, _LONGEST_SUMMARY = 300, 600


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement found in a file.

    `kind` is what it is about ("c2pa", "digital source type", "generator", "camera", "software", "credit",
    "date", "compression", "unreadable", ...); `source` where it stands ("EXIF", "PNG text 'parameters'");
    `text` the statement, printable and of bounded length; `says` what it would mean for the picture's
    origin if it were true; `trust` why it should or should not be believed, its first word or words up to a
    colon being the short form.
    """

    kind: str
    source: str
    text: str
    says: Says | None = None
    trust: str = UNSIGNED

    def short(self) -> str:
        """The claim in a few words."""
        if self.kind == "unreadable":
            return self.text
        says = "" if self.says is None else f"{self.says}: "
        trust = "" if self.trust == UNSIGNED else f", {self.trust.partition(':')[0]}"
        return f"{says}{clean(self.text, 120)} ({self.source}{trust})"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that the file at `path` says of itself; `format` is its container, None if unknown."""

    path: str
    format: str | None
    claims: tuple[Claim, ...]

    def summary(self) -> str | None:
        """One line for the `provenance` column of a scan; None when the file says nothing.

        What stands there without a word on its signature is unsigned: anyone can have written it. How a
        JPEG was compressed is left out: every JPEG shows that.
        """
        told = [claim for claim in self.claims if claim.kind != "compression"]
        told.sort(key=lambda c: (c.kind == "unreadable", c.kind != "c2pa", _ORDER.index(c.says)))
        return clean("; ".join(claim.short() for claim in told), _LONGEST_SUMMARY) or None

    def to_json(self) -> str:
        """The claims as JSON text, pure ASCII."""
        return json.dumps(asdict(self), indent=2) + "\n"


def unreadable(source: str, reason: str) -> Claim:
    """What is there but could not be read."""
    return Claim("unreadable", source, clean(f"unreadable {source}: {reason}"), None, UNREAD)


def clean(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, control characters and direction marks as spaces, cut to `longest` characters."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
