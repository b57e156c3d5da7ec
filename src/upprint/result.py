"""The result of looking at one picture, and every error that upprint raises.

UpprintError
├── ImageError                a file that is not a picture we can score (one row of a scan, never a crash)
│   ├── UnreadableFile        missing, a directory, no permission, a device, a symlink loop
│   ├── EmptyFile             zero bytes
│   ├── NotAnImage            no known image format inside, whatever the name says
│   ├── UnsupportedImage      a known format in a form we refuse to guess about
│   ├── CorruptImage          the decoder gave up, or the data end early
│   ├── ImageTooLarge         more pixels than the limit
│   ├── TooSlow               a picture that took longer than the service's time limit
│   └── WorkerLost            the process that read the file died (twice) on it
├── ConfigError               a setting, option or config key that makes no sense
├── CardError                 a system card that cannot be read
├── UnknownSystem             no system of that name
├── WeightsError              weights that do not fit, or whose hash differs
├── DataError                 a data set that is not laid out as its reader expects
├── MetricError               a metric that is undefined for these scores
├── ResumeError               an output that cannot be continued
└── MissingExtra              an optional dependency that this command needs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import import_module
from typing import Any


class UpprintError(Exception):
    """Base of all errors raised on purpose."""


class ImageError(UpprintError):
    """A file that cannot be scored.

    Args:
        path: the file, as given.
        found: what was found.
        expected: what was expected instead.
        remedy: what the user can do.
    """

    def __init__(self, path: str, found: str, expected: str, remedy: str) -> None:
        super().__init__(path, found, expected, remedy)
        self.path, self.found, self.expected, self.remedy = path, found, expected, remedy

    @property
    def reason(self) -> str:
        """The error without the path, as it stands in the `error` column of a scan."""
        return f"{type(self).__name__}: {self.found}; expected {self.expected}; {self.remedy}"

    def __str__(self) -> str:
        return f"{self.path!r}: {self.reason}"


class UnreadableFile(ImageError):
    pass


class EmptyFile(ImageError):
    pass


class NotAnImage(ImageError):
    pass


class UnsupportedImage(ImageError):
    pass


class CorruptImage(ImageError):
    pass


class ImageTooLarge(ImageError):
    pass


class TooSlow(ImageError):
    pass


class WorkerLost(ImageError):
    pass


class ConfigError(UpprintError):
    pass


class CardError(UpprintError):
    pass


class UnknownSystem(UpprintError):
    pass


class WeightsError(UpprintError):
    pass


class DataError(UpprintError):
    pass


class MetricError(UpprintError):
    pass


class ResumeError(UpprintError):
    pass


class MissingExtra(UpprintError):
    """An optional dependency is not installed.

    Args:
        package: what is missing.
        extra: the extra of upprint that brings it.
        purpose: what needed it.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(package, extra, purpose)
        self.package, self.extra, self.purpose = package, extra, purpose

    def __str__(self) -> str:
        return f"{self.purpose} needs {self.package!r}; install it with: pip install 'upprint[{self.extra}]'"


def printable(text: str) -> str:
    """`text` with control characters, direction marks and undecodable bytes written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import an optional module, or raise `MissingExtra` with the line that installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise
        raise MissingExtra(module.partition(".")[0], extra, purpose) from error


class Verdict(StrEnum):
    GENERATED = "generated"
    INCONCLUSIVE = "inconclusive"
    NO_TRACE = "no trace found"
    """Never "real": the absence of a trace proves nothing."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """One row of a scan. What does not apply is None; an errored file has only path, system and error.

    `logit` is the pooled score, higher = more likely generated; `probability` is its calibrated value in
    [0, 1]; `tiles` how many tiles were scored; `format` the format found inside the file; `notes` what the
    decoder did that a reader should know (first frame of an animation, alpha composited, ...).
    """

    path: str
    system: str
    logit: float | None = None
    probability: float | None = None
    verdict: Verdict | None = None
    tiles: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    sha256: str | None = None
    provenance: str | None = None
    notes: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.error is None) == (self.logit is None):
            raise ValueError(f"{self.path!r}: a row has either a logit or an error, not both, not neither")

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return tuple(f.name for f in fields(cls))

    def row(self) -> dict[str, Any]:
        """Plain values in column order."""
        return {name: _plain(getattr(self, name)) for name in self.columns()}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Verdict) else value


Progress = Callable[[int, int | None], None]
"""Called with (done, total or None) as long work goes on."""
