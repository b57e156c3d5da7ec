"""Directories of a TIFF structure (TIFF 6.0, section 2), as TIFF files and EXIF blocks hold them."""

from __future__ import annotations

import struct

from upprint.provenance.parts import LARGEST_PART

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


class Block:
    """A TIFF structure.

    Raises:
        ValueError: no TIFF header.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] not in _ORDERS or len(data) < 8:
            raise ValueError("no TIFF header")
        self._data, self.order = data, _ORDERS[data[:4]]
        (self.first,) = struct.unpack_from(f"{self.order}I", data, 4)

    def directory(self, offset: int) -> dict[int, bytes]:
        """Values by tag, as bytes; a value that lies outside the structure is left out.

        Raises:
            ValueError: the directory itself lies outside.
        """
        data, order = self._data, self.order
        found: dict[int, bytes] = {}
        try:
            (count,) = struct.unpack_from(f"{order}H", data, offset)
            entries = list(struct.iter_unpack(f"{order}HHI4s", data[offset + 2 : offset + 2 + 12 * count]))
        except struct.error:
            raise ValueError("a directory lies outside") from None
        if len(entries) != count:
            raise ValueError("a directory is cut")
        for tag, kind, number, inline in entries:
            size = _SIZES.get(kind, 0) * number
            if size <= 4:
                value = inline[:size]
            else:
                (start,) = struct.unpack(f"{order}I", inline)
                value = data[start : start + size] if size <= LARGEST_PART else b""
            if len(value) == size and size > 0:
                found.setdefault(tag, value)
        return found

    def offset(self, value: bytes | None) -> int | None:
        """A LONG that points to another directory."""
        if value is None or len(value) != 4:
            return None
        (offset,) = struct.unpack(f"{self.order}I", value)
        return int(offset)


def words(value: bytes | None) -> str:
    """An ASCII value as text; UTF-8 where it is that, else Latin-1."""
    if value is None:
        return ""
    text = value.split(b"\0")[0]
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()
