"""IPTC-IIM (Information Interchange Model 4.2): originating program and credit."""

from __future__ import annotations

from upprint.provenance import names
from upprint.provenance.claim import Claim, clean
from upprint.provenance.ifd import words

_PROGRAM, _VERSION, _CREDIT = (2, 65), (2, 70), (2, 110)
_SETS = 4096


def read(data: bytes) -> list[Claim]:
    """Claims of IPTC-IIM data sets.

    Raises:
        ValueError: a data set is broken.
    """
    found = _sets(data)
    claims = []
    program = words(found.get(_PROGRAM))
    if program:
        says = names.software(program)
        kind = "generator" if says == "generated" else "software"
        told = f"{program} {words(found.get(_VERSION))}"
        claims.append(Claim(kind, "IPTC program", clean(told), says))
    credit = words(found.get(_CREDIT))
    if names.credit(credit):
        claims.append(Claim("credit", "IPTC credit", clean(credit), names.credit(credit)))
    return claims


def _sets(data: bytes) -> dict[tuple[int, int], bytes]:
    found: dict[tuple[int, int], bytes] = {}
    at = 0
    for _ in range(_SETS):
        if not data[at:].strip(b"\0"):
            break
        if data[at] != 0x1C or at + 5 > len(data):
            raise ValueError(f"no data set at byte {at}")
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if size >= 0x8000 or at + 5 + size > len(data):
            raise ValueError(f"the data set at byte {at} runs out")
        found.setdefault((data[at + 1], data[at + 2]), data[at + 5 : at + 5 + size])
        at += 5 + size
    return found
