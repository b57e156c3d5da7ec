"""How a JPEG was compressed: its quantisation tables against those of the IJG library, and its subsampling.

The reference tables are Annex K's (ISO/IEC 10918-1, tables K.1 and K.2); the library scales them by
5000 / quality below 50 and 200 - 2 * quality from there on, in percent, rounded, at least 1.
"""

from __future__ import annotations

from functools import cache

from upprint.provenance.claim import MEASURED, Claim
from upprint.provenance.parts import Parts

Table = tuple[int, ...]

_LUMA = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40,
    58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103,
    104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip
_CHROMA = (17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, *(99,) * 50)
"""In zigzag order, as they stand in a file."""


def read(parts: Parts) -> list[Claim]:
    """One claim on tables, subsampling and process, and one where Adobe's export left its quality."""
    used = [parts.tables[table] for _, _, table in parts.components if table in parts.tables]
    if not used:
        return []
    told = f"{quality(used[0], used[1] if len(used) > 1 else None)}, {subsampling(parts)}, {parts.process}"
    claims = [Claim("compression", "JPEG tables", told, None, MEASURED)]
    if parts.save_for_web is not None:
        words = f"Adobe Save for Web, quality {parts.save_for_web}"
        claims.append(Claim("software", "JPEG segment APP12", words, "edited"))
    return claims


def quality(luma: Table, chroma: Table | None) -> str:
    """The IJG quality in words, or that the tables are others and about how strong they are."""
    first = _qualities(0).get(luma)
    second = None if chroma is None else _qualities(1).get(chroma, _qualities(0).get(chroma))
    if first is not None and (chroma is None or second == first or chroma == luma):
        return f"IJG quality {first}"
    if first is not None and second is not None:
        return f"IJG quality {first}, colour {second}"
    return f"custom tables, about as coarse as IJG quality {nearest(luma)}"


def nearest(luma: Table) -> int:
    """The quality whose table has the nearest sum."""
    total = sum(luma)
    return min(_qualities(0).items(), key=lambda item: abs(sum(item[0]) - total))[1]


def standard_luma() -> Table:
    """Annex K's luma table, 64 values in zigzag order."""
    return _LUMA


def subsampling(parts: Parts) -> str:
    """4:4:4 and so on, in the usual notation, where it has one."""
    factors = [(across, down) for across, down, _ in parts.components]
    if len(factors) == 1:
        return "grey"
    if len(factors) == 4:
        return "four components"
    usual = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}
    if len(factors) == 3 and set(factors[1:]) == {(1, 1)} and factors[0] in usual:
        return usual[factors[0]]
    return "subsampling " + ",".join(f"{across}x{down}" for across, down in factors)


@cache
def _qualities(which: int) -> dict[Table, int]:
    """Quality by table; of equal tables the highest counts. Both of the library's ranges are there."""
    base = (_LUMA, _CHROMA)[which]
    found: dict[Table, int] = {}
    for number in range(1, 101):
        percent = 5000 // number if number < 50 else 200 - 2 * number
        scaled = [max(1, (value * percent + 50) // 100) for value in base]
        for most in (32767, 255):
            found[tuple(min(value, most) for value in scaled)] = number
    return found
