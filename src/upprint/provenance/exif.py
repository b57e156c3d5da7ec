"""EXIF (CIPA DC-008): camera, software, date, and the comments that generators' front ends write."""

from __future__ import annotations

from upprint.provenance import generators, names
from upprint.provenance.claim import Claim, Says, clean
from upprint.provenance.ifd import Block, words

_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _DATE, _EXIF_IFD, _GPS = 270, 271, 272, 305, 306, 34665, 34853
_TAKEN, _COMMENT, _LENS = 36867, 37510, 42036


def read(data: bytes, source: str = "EXIF") -> list[Claim]:
    """Claims of an EXIF block, or of the first directory of a TIFF.

    Raises:
        ValueError: it has no header or no directory.
    """
    block = Block(data)
    tags = block.directory(block.first)
    inner: dict[int, bytes] = {}
    offset = block.offset(tags.get(_EXIF_IFD))
    if offset is not None:
        inner = block.directory(offset)
    make, model, software = (words(tags.get(tag)) for tag in (_MAKE, _MODEL, _SOFTWARE))
    claims = [
        *generators.from_comment(_comment(inner.get(_COMMENT), block.order), f"{source} comment"),
        *generators.from_comment(words(tags.get(_DESCRIPTION)), f"{source} description"),
        *generators.from_tag(make, f"{source} make"),
        *generators.from_tag(model, f"{source} model"),
    ]
    by_tag = any(claim.source.endswith(("make", "model")) for claim in claims)
    if (make or model) and not by_tag:
        claims.append(_camera(make, model, words(inner.get(_LENS)), source))
    if software:
        says = names.software(software)
        kind = "generator" if says == "generated" else "software"
        claims.append(Claim(kind, f"{source} software", clean(software), says))
    date = words(inner.get(_TAKEN)) or words(tags.get(_DATE))
    if any(c.isdigit() and c != "0" for c in date):
        told = "taken" if words(inner.get(_TAKEN)) else "last changed"
        claims.append(Claim("date", source, clean(f"{told} {date}")))
    if _GPS in tags:
        claims.append(Claim("position", source, "a GPS position is there (not shown)"))
    return claims


def _camera(make: str, model: str, lens: str, source: str) -> Claim:
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    if names.software(make) == "generated":
        return Claim("generator", f"{source} make", clean(name), "generated")
    with_lens = f", lens {lens}" if lens else ""
    says: Says | None = "camera" if make and model else None
    return Claim("camera", source, clean(name + with_lens), says)


def _comment(value: bytes | None, order: str) -> str:
    """UserComment: eight bytes name its character code (Exif 2.3, section 4.6.5)."""
    if value is None:
        return ""
    code, text = value[:8], value[8:]
    if code.rstrip(b"\0") != b"UNICODE":
        return text.decode("utf-8", "replace").strip("\0 ")
    # The order should be the block's, but the best-known writer always takes the big one: zeros tell.
    high, low = text[0::2].count(0), text[1::2].count(0)
    big = high > low if high != low else order == ">"
    return text.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\0 ")
