"""Shards and parts in the output folder, and what a resumed scan still has to do.

    <out>/_scan.json                    settings; a scan is continued with the same ones only
    <out>/_system/system.onnx, .json    the weights that judged, and their card
    <out>/_plan/shard-NNNNNNNN.parquet  the pictures of a shard, with their version
    <out>/part-NNNNNNNN.parquet         its rows, in the same order: the columns of a local scan
    <out>/_summary.json                 counts; there when the scan is complete

Readers of Parquet folders skip names that begin with an underscore, so `<out>` is a table as it stands.

When a scan is resumed, its inputs are listed again. A picture is done when its path is in the plan with the
same version (size and time as listed; a version that is not known counts as the same): its shard has a
part, or will have one. Anything else is new work: new paths; paths whose version changed, whose row is kept
if their SHA-256 is still the same; and rows of `WorkerLost`, which say nothing about the picture. These go
to new shards and leave the old ones, so a path has one row. A picture that is gone keeps its row, as in a
local scan.

The driver keeps some 200 bytes per path in memory while it plans.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import chain, islice
from typing import Any

from upprint.cluster import tables
from upprint.cluster.ahead import ahead
from upprint.cluster.inputs import Picture
from upprint.cluster.places import Folder
from upprint.result import ConfigError, ResumeError, ScanResult, WorkerLost
from upprint.runtime.rows import kind, to_line
from upprint.runtime.settings import Settings
from upprint.runtime.store import read_verified

LAYOUT = 1
HEADER, SUMMARY, PLAN, SYSTEM = "_scan.json", "_summary.json", "_plan", "_system"
GRAPH, CARD = f"{SYSTEM}/system.onnx", f"{SYSTEM}/system.json"
SHARD_SIZE = 1_000
"""Pictures per shard of a large scan: half a minute of work, a part file of about 100 kB."""
SHARDS_PER_WORKER = 8
"""A smaller scan is cut finer, so that its workers end together."""
THREADS = 16
"""Small files read or written at a time."""
THIS_RUN = 0
"""Stands for the shard of a picture that was planned in this run; shards count from 1."""

_REMEDY = "repeat the scan with the same settings, or start anew with --overwrite"


def shard_name(number: int) -> str:
    return f"{PLAN}/shard-{number:08d}.parquet"


def part_name(number: int) -> str:
    return f"part-{number:08d}.parquet"


class Plan:
    """The plan in `folder`.

    Args:
        folder: of the output.
        settings: of the scan.
        resume: continue what is there; start where there is nothing.
        overwrite: delete the files of an earlier scan first, and only those.

    Raises:
        ConfigError: the folder cannot be used.
        ResumeError: the folder holds something and neither option was given, or it does not fit.
        WeightsError: the graph cannot be read or does not fit its card.
    """

    def __init__(
        self, folder: Folder, settings: Settings, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        if resume and overwrite:
            raise ConfigError("--resume continues and --overwrite starts anew: give one of them")
        self.folder = folder
        self.tally: Counter[str] = Counter()
        """Rows that are there, by `rows.kind`."""
        self.pictures = 0
        """Pictures planned, done ones among them."""
        graph = read_verified(settings.graph, settings.card)
        header = {"upprint_cluster": LAYOUT, **settings.header()}
        present = set(folder.names())
        if present and not (resume or overwrite):
            raise ResumeError(
                f"{folder.label!r} is not empty; continue a scan with --resume, start anew with --overwrite, "
                "or choose another --out"
            )
        if overwrite:
            self._delete_all()
        elif HEADER in present:
            self._check_header(header)
        elif any(name.startswith("part-") for name in present):
            raise ResumeError(
                f"{folder.label!r}: holds parts but no {HEADER}, so their settings are unknown; "
                "move them away or choose another --out"
            )
        folder.make(PLAN, SYSTEM)
        folder.write(GRAPH, graph)
        folder.write(CARD, settings.card.to_json().encode("utf-8"))
        folder.write(HEADER, (json.dumps(header, indent=1) + "\n").encode("ascii"))
        self._known: dict[bytes, int] = {}
        self._shards = self._numbers("shard-", PLAN)
        self._parts = self._numbers("part-")
        self._lost: set[bytes] = set()
        self._load()

    def extend(self, pictures: Iterable[Picture], *, workers: int, shard_size: int | None = None) -> None:
        """Plan those of `pictures` that are not done yet, each once.

        Args:
            workers: how many there will be; decides the size of shards of a scan with few pictures.
            shard_size: pictures per shard; None chooses.
        """
        changed: dict[int, dict[bytes, Picture]] = defaultdict(dict)
        fresh = self._fresh(pictures, changed)
        finest = SHARD_SIZE * SHARDS_PER_WORKER * workers
        head = list(islice(fresh, 0 if shard_size else finest))
        few = len(head) < finest
        size = shard_size or (math.ceil(len(head) / (SHARDS_PER_WORKER * workers)) if few else SHARD_SIZE)
        self._add(chain(head, fresh), max(size, 1))
        self._add(chain.from_iterable(map(self._with_previous, changed, changed.values())), max(size, 1))
        for shard, found in changed.items():
            self._drop(shard, found.keys())

    def todo(self) -> list[int]:
        """Shards without a part."""
        return sorted(self._shards - self._parts)

    def finish(self, tally: Counter[str]) -> None:
        """Say that the scan is complete."""
        summary = {
            "pictures": tally.total(),
            "kinds": dict(sorted((+tally).items())),
            "parts": len(self._shards),
        }
        self.folder.write(SUMMARY, (json.dumps(summary, indent=1) + "\n").encode("ascii"))

    # --- what is there ---

    def _check_header(self, expected: dict[str, Any]) -> None:
        try:
            found = json.loads(self.folder.read(HEADER))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise ResumeError(f"{self.folder.label!r}: {HEADER} is not the header of a scan; {_REMEDY}")
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                raise ResumeError(
                    f"{self.folder.label!r}: that scan ran with {name} = {found.get(name)!r}, "
                    f"this one has {expected.get(name)!r}; {_REMEDY}"
                )

    def _delete_all(self) -> None:
        """Parts first: while the header stands, the folder says what its parts are."""
        for number in self._numbers("part-"):
            self.folder.delete(part_name(number))
        for number in self._numbers("shard-", PLAN):
            self.folder.delete(shard_name(number))
        for name in {HEADER, SUMMARY} & set(self.folder.names()):
            self.folder.delete(name)

    def _numbers(self, prefix: str, below: str = "") -> set[int]:
        found = set()
        for name in self.folder.names(below):
            number = name.removeprefix(prefix).removesuffix(".parquet")
            if name == f"{prefix}{number}.parquet" and number.isdecimal():
                found.add(int(number))
        return found

    def _load(self) -> None:
        if SUMMARY in set(self.folder.names()):
            self.folder.delete(SUMMARY)
        twice: dict[int, set[bytes]] = defaultdict(set)
        with ThreadPoolExecutor(THREADS) as threads:
            shards = sorted(self._shards)
            for shard, pictures in zip(shards, ahead(threads, self._shard, shards, THREADS), strict=True):
                for picture in pictures:
                    key = _key(picture.path)
                    if key in self._known:  # a run ended between writing a new shard and shrinking an old one
                        twice[_shard_of(self._known[key])].add(key)
                    self._known[key] = _pack(picture.version, shard)
            for shard, keys in twice.items():
                self._drop(shard, keys)
            tally: Counter[str] = Counter()
            for pairs in ahead(threads, self._done, sorted(self._parts & self._shards), THREADS):
                tally.update(kind(row) for _, row in pairs)
                self._lost |= {
                    _key(picture.path)
                    for picture, row in pairs
                    if (row.error or "").startswith(WorkerLost.__name__)
                }
        self.tally, self.pictures = tally, len(self._known)

    def _done(self, number: int) -> list[tuple[Picture, ScanResult]]:
        """The pictures of a shard with their rows."""
        pictures, rows = self._shard(number), self._part(number)
        if len(pictures) != len(rows):
            words = f"{len(rows)} rows for {len(pictures)} pictures"
            raise self._unreadable(part_name(number), ValueError(words))
        return list(zip(pictures, rows, strict=True))

    def _shard(self, number: int) -> list[Picture]:
        try:
            return tables.pictures_from_bytes(self.folder.read(shard_name(number)))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise self._unreadable(shard_name(number), error) from error

    def _part(self, number: int) -> list[ScanResult]:
        try:
            return tables.rows_from_bytes(self.folder.read(part_name(number)))
        except (OSError, ValueError, TypeError) as error:
            raise self._unreadable(part_name(number), error) from error

    def _unreadable(self, name: str, error: Exception) -> ResumeError:
        return ResumeError(
            f"{self.folder.label!r}: {name} cannot be read ({error}); if it is damaged, delete the "
            "part to have its shard scored again, or start anew with --overwrite"
        )

    # --- what is new ---

    def _fresh(
        self, pictures: Iterable[Picture], changed: dict[int, dict[bytes, Picture]]
    ) -> Iterator[Picture]:
        """New pictures; those to be done again are put into `changed`, by the shard that has them."""
        for picture in pictures:
            key = _key(picture.path)
            known, found = self._known.get(key), _pack(picture.version, THIS_RUN)
            if known is None:
                self._known[key] = found
                self.pictures += 1
                yield picture
            elif key in self._lost or not _same(known, found):
                self._lost.discard(key)
                self._known[key] = found
                changed[_shard_of(known)][key] = picture

    def _add(self, pictures: Iterable[Picture], size: int) -> None:
        rest, first = iter(pictures), max(self._shards, default=0) + 1
        groups = iter(lambda: list(islice(rest, size)), [])
        with ThreadPoolExecutor(THREADS) as threads:
            self._shards |= set(ahead(threads, self._write_shard, enumerate(groups, first), THREADS))

    def _write_shard(self, numbered: tuple[int, list[Picture]]) -> int:
        number, group = numbered
        self._write(shard_name(number), tables.pictures_to_bytes(group))
        return number

    def _with_previous(self, shard: int, found: dict[bytes, Picture]) -> Iterator[Picture]:
        """Changed pictures with the rows that they had, where these can still hold."""
        done = self._done(shard) if shard in self._parts else []
        rows = {_key(old.path): to_line(row) for old, row in done if row.sha256}
        for key, picture in found.items():
            yield Picture(picture.path, picture.version, rows.get(key))

    def _drop(self, shard: int, keys: Collection[bytes]) -> None:
        """Take pictures out of a shard: the part first; after a kill in between, the plan still has them."""
        pictures = self._shard(shard)
        left = [picture for picture in pictures if _key(picture.path) not in keys]
        if shard in self._parts:
            rows = self._part(shard)
            if len(rows) == len(pictures):
                gone = [_key(picture.path) in keys for picture in pictures]
                self.tally.subtract(kind(row) for row, goes in zip(rows, gone, strict=True) if goes)
                stays = [row for row, goes in zip(rows, gone, strict=True) if not goes]
                self._write(part_name(shard), tables.rows_to_bytes(stays))
            elif len(rows) != len(left):
                words = f"{len(rows)} rows for {len(pictures)} pictures"
                raise self._unreadable(part_name(shard), ValueError(words))
        self._write(shard_name(shard), tables.pictures_to_bytes(left))

    def _write(self, name: str, data: bytes) -> None:
        try:
            self.folder.write(name, data)
        except OSError as error:
            raise ResumeError(
                f"{self.folder.label!r}: {name} cannot be written ({error}); make room and "
                "continue with --resume"
            ) from error


def _key(path: str) -> bytes:
    return blake2b(os.fsencode(path), digest_size=16).digest()


def _pack(version: str, shard: int) -> int:
    """A digest of the version (0: not known) above the shard's 32 bits."""
    digest = int.from_bytes(blake2b(version.encode("utf-8"), digest_size=8).digest(), "big") if version else 0
    return digest << 32 | shard


def _shard_of(packed: int) -> int:
    return packed & 0xFFFFFFFF


def _same(known: int, found: int) -> bool:
    versions = known >> 32, found >> 32
    return versions[0] == versions[1] or 0 in versions or _shard_of(known) == THIS_RUN
