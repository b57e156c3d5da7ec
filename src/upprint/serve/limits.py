"""What the service accepts, and how sizes, addresses and the API key are read."""

from __future__ import annotations

import ipaddress
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from upprint.result import ConfigError

_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
LARGEST_BODY = 1 << 30
"""What `images` reads of one file at most; a larger body could never be scored."""
KEY_CHARACTERS = 16


@dataclass(frozen=True)
class Limits:
    """Bounds of one request and of all together."""

    body: int = 32 * 10**6
    """Bytes of a request's body, whatever it holds."""
    files: int = 100
    """Pictures in one request."""
    pixels: int = 100_000_000
    """Width times height of a picture."""
    seconds: float = 30.0
    """Time that a worker may spend on one picture before it is replaced."""
    waiting: int = 16
    """Requests admitted beyond one per worker. Bodies in memory: at most (workers + waiting) x body."""
    receive: float = 120.0
    """Seconds for the whole body to arrive."""
    idle: float = 15.0
    """Seconds without a byte of the body."""

    def __post_init__(self) -> None:
        for name in ("body", "files", "pixels", "seconds", "receive", "idle"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"limit {name} is {getattr(self, name)}, expected a number above 0")
        if self.body > LARGEST_BODY:
            raise ConfigError(f"limit body is {self.body:,} bytes, expected at most {LARGEST_BODY:,}")
        if self.waiting < 0:
            raise ConfigError(f"limit waiting is {self.waiting}, expected 0 or more")


def parse_size(text: str) -> int:
    """Bytes from "32MB" (millions), "32MiB" (2^20) or a plain number.

    Raises:
        ConfigError: another form, or less than a byte.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text, re.ASCII)
    unit = _UNITS.get(match[2].upper()) if match else None
    size = 0 if match is None or unit is None else int(float(match[1]) * unit)
    if size < 1:
        raise ConfigError(f"size {text!r}: expected a number of bytes, e.g. 500KB, 32MB, 1GiB")
    return size


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_key(path: Path) -> tuple[str, str | None]:
    """The API key in `path`, one line of printable ASCII, and a warning when others can read the file.

    Raises:
        ConfigError: the file cannot be read, or holds no such key.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the API key cannot be read as ASCII text ({error})") from error
    key = text.strip()
    if not re.fullmatch(rf"[!-~]{{{KEY_CHARACTERS},}}", key):
        raise ConfigError(
            f"{path}: expected one line with an API key of at least {KEY_CHARACTERS} characters without "
            "spaces; make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    loose = stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO)
    warning = f"{path} can be read by other users; tighten it with: chmod 600 {path}" if loose else None
    return key, warning
