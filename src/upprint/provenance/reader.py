"""From a file's bytes to everything that it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from upprint._decoders import sniff
from upprint.provenance import (
    bmff,
    c2pa,
    exif,
    generators,
    gif,
    iptc,
    jpeg,
    png,
    quantisation,
    tiff,
    webp,
    xmp,
)
from upprint.provenance.claim import Claim, Provenance, unreadable
from upprint.provenance.parts import BadContainer, Parts

WALKERS: dict[str, Callable[[bytes], Parts]] = {
    "JPEG": jpeg.walk,
    "PNG": png.walk,
    "WebP": webp.walk,
    "GIF": gif.walk,
    "TIFF": tiff.walk,
    "AVIF": bmff.walk,
    "HEIF": bmff.walk,
}
"""By format; each raises `BadContainer`."""


def read(data: bytes, *, path: str = "<bytes>", trust_anchors: str | None = None) -> Provenance:
    """Read what a file says of itself; damage is a claim of kind "unreadable", never an exception.

    Args:
        data: the whole file.
        path: where it was, for the record.
        trust_anchors: PEM certificates of signers' authorities to trust in C2PA manifests; without them a
            valid signature says who signed, not whether that signer deserves trust.
    """
    kind = sniff(data)
    if kind not in WALKERS:
        return Provenance(path, kind, ())
    try:
        parts = WALKERS[kind](data)
    except BadContainer as error:
        return Provenance(path, kind, (unreadable(kind, f"{error}; nothing in it is believed"),))
    claims = c2pa.read(data, kind, trust_anchors) if parts.c2pa else []
    for found in _read_parts(parts):
        claims += found
    return Provenance(path, kind, tuple(dict.fromkeys(claims)))


def _read_parts(parts: Parts) -> Iterator[list[Claim]]:
    yield generators.from_texts(parts.texts)
    for part, source, reader in (
        (parts.xmp, "XMP", xmp.read),
        (parts.exif, "EXIF", exif.read),
        (parts.iptc, "IPTC", iptc.read),
    ):
        if part is None:
            continue
        try:
            yield reader(part)
        except ValueError as error:
            yield [unreadable(source, str(error))]
    yield quantisation.read(parts)
    yield [unreadable(part, reason) for part, reason in parts.broken]
