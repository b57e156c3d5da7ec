"""What an audit found, as data: strict JSON out and in, and the words for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from upprint.record import build
from upprint.result import DataError

VERSION = 1
_KEY = "upprint_audit"


@dataclass(frozen=True, slots=True)
class Spread:
    """A cue in one class: how many `files` it applies to; of numbers the `quantiles` (smallest, quarter,
    median, three quarters, largest) and counts in equal `bins` over the cue's range; of categories the
    `counts`, most frequent first."""

    files: int
    quantiles: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    counts: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class CueResult:
    """One cue in one scope.

    `kind` says what `value` is, with its 95 % interval: an AUROC (0.5 is nothing; above, generated pictures
    have the higher values) or a V (0 is nothing). `p` is corrected over all that the audit tested. `found`:
    p is below the level and the effect is not negligible. `undefined` says why there is no value. `range`
    holds the ends of the bins.
    """

    cue: str
    title: str
    group: Literal["metadata", "size", "history", "content"]
    of: str
    sentence: str
    real: Spread
    generated: Spread
    found: bool = False
    kind: Literal["auroc", "cramers_v"] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    strength: float | None = None
    undefined: str | None = None
    range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Balanced accuracy of something that guesses the class, 0.5 is chance, with its 95 % interval."""

    name: str
    title: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    undefined: str | None = None

    @property
    def above_chance(self) -> bool:
        return self.low is not None and self.low > 0.5


@dataclass(frozen=True, slots=True)
class Scope:
    """One set of files that was audited: everything, or one subset.

    `cues` are sorted: found ones first, the strongest first. `baselines` are "size", "metadata" and "both",
    by grouped cross-validation; `detector` is what it is compared with, if anything.
    """

    name: str
    real: int
    generated: int
    sources: int
    cues: tuple[CueResult, ...]
    baselines: tuple[Accuracy, ...]
    detector: Accuracy | None
    headline: str

    @property
    def found(self) -> tuple[CueResult, ...]:
        return tuple(cue for cue in self.cues if cue.found)

    @property
    def biases(self) -> tuple[CueResult, ...]:
        """Those found that are not, or not only, generation and content."""
        return tuple(cue for cue in self.found if cue.group != "content")


@dataclass(frozen=True, slots=True)
class Copy:
    """One file of a group of duplicates; `part` is its split, "" where only one was read."""

    path: str
    label: int
    part: str


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Files that show the same picture and cross what should be kept apart.

    `exact`: equal pixels; otherwise perceptual hashes within the report's distance. `crosses` is "label",
    "split" or both; `files` are at most `MOST_FILES`, `more` says how many are left out.
    """

    exact: bool
    crosses: tuple[str, ...]
    files: tuple[Copy, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """An audit. The first scope holds all files; the others one subset each, where there are several.

    `tests` is the number of effects that were tested and corrected for, `distance` that of perceptual
    hashes; `unreadable` lists files with their reasons, `skipped` what the reader of the layout left out.
    """

    name: str
    root: str
    created: str
    version: str
    scopes: tuple[Scope, ...]
    duplicates: tuple[Duplicates, ...]
    duplicate_groups: int
    distance: int
    tests: int
    level: float
    least_strength: float
    unreadable: tuple[str, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def everything(self) -> Scope:
        return self.scopes[0]

    def to_json(self) -> str:
        """Strict JSON, ASCII, every number finite."""
        return json.dumps({_KEY: VERSION, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "report") -> Report:
        """Read what `to_json` wrote.

        Raises:
            DataError: another version, a key or a type that does not belong there.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise DataError(f"{where}: no JSON ({error})") from error
        if not isinstance(raw, dict) or raw.pop(_KEY, None) != VERSION:
            raise DataError(f"{where}: not an audit of this version; expected the key {_KEY!r} = {VERSION}")
        return build(cls, raw, where, DataError)
