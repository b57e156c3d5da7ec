"""What the folder readers share: names are matched explicitly, all else is reported.

The label of a file comes from the name of its class folder and from nothing else. Alphabetical order,
a third directory or a stray file never becomes a label.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from upprint.data.layouts._dataset import Dataset, plain_name
from upprint.data.protocol import Protocol
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.images import find_images
from upprint.result import DataError

Names = Mapping[str, tuple[str, ...]]
"""Subset as the paper's tables print it -> folder names it goes by, preferred first."""

ClassFolders = Mapping[str, int]
REAL_FAKE: ClassFolders = {"0_real": REAL, "1_fake": GENERATED}
NATURE_AI: ClassFolders = {"nature": REAL, "ai": GENERATED}

SourceKey = Callable[[Path, int], str]
"""(path below the tree's base, label) -> key of the photo a file goes back to."""


def listing(folder: Path) -> tuple[list[str], list[str]]:
    """(directories, files) directly inside, each sorted.

    Raises:
        DataError: no such folder, or one that cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError as error:
        raise DataError(f"{folder}: expected a folder that can be listed ({error.strerror})") from error
    return sorted(n for n, is_dir in found if is_dir), sorted(n for n, is_dir in found if not is_dir)


def directories(folder: Path) -> list[str]:
    return listing(folder)[0]


def some(names: Sequence[str], most: int = 6) -> str:
    """A list for a message, cut after a few."""
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(repr(n) for n in names[:most]) + more if names else "nothing"


def subset_of(folder_name: str, names: Names) -> str | None:
    """The subset that a folder name stands for."""
    wanted = plain_name(folder_name)
    return next((s for s, aliases in names.items() if wanted in map(plain_name, (s, *aliases))), None)


def class_folders(folder: Path, kinds: Sequence[ClassFolders] = (REAL_FAKE,)) -> dict[str, int]:
    """Class folders directly inside, by their exact names; empty if there is none.

    Raises:
        DataError: one class without the other, or two kinds of names side by side.
    """
    present = set(directories(folder))
    found = [kind for kind in kinds if present & kind.keys()]
    if len(found) > 1:
        raise DataError(f"{folder}: class folders of two kinds, {some(sorted(present))}; expected one kind")
    if not found:
        return {}
    if absent := sorted(found[0].keys() - present):
        raise DataError(f"{folder}: class folder {some(absent)} is missing; found {some(sorted(present))}")
    return dict(found[0])


class Tree:
    """Collects the samples below one folder, and why the rest was not read.

    Args:
        base: the folder; source keys are relative to it.
        name: begins every source key, e.g. "forensynths/test".
        kinds: class folder names that count.
    """

    def __init__(self, base: Path, name: str, kinds: Sequence[ClassFolders] = (REAL_FAKE,)) -> None:
        self.base, self.name, self.kinds = base, name, kinds
        self.samples: list[Sample] = []
        self.skipped: list[str] = []

    def skip(self, path: Path, why: str) -> None:
        self.skipped.append(f"{path.relative_to(self.base).as_posix()}: {why}")

    def skip_files(self, folder: Path, files: Sequence[str], why: str = "not in a class folder") -> None:
        if files:
            self.skip(folder, f"{len(files)} file{'s' * (len(files) > 1)} {why}: {some(files)}")

    def dataset(self, protocol: Protocol) -> Dataset:
        return Dataset(self.name, tuple(self.samples), tuple(self.skipped), protocol)

    def sets(
        self,
        core: Names,
        extra: Names | None = None,
        *,
        extras: bool = False,
        preferred: bool = False,
        shared: Collection[str] = (),
    ) -> list[tuple[str, Path]]:
        """Folders of the named sets, in the order of `core`, then of `extra` if `extras` are asked for.

        Args:
            preferred: where two folders stand for one set, take the alias named first instead of raising.
            shared: folders that the caller reads by itself.

        Raises:
            DataError: no known set, or two folders for one.
        """
        folders, files = listing(self.base)
        self.skip_files(self.base, files)
        extra = extra or {}
        wanted = {**core, **extra} if extras else dict(core)
        found: dict[str, list[str]] = {}
        for name in folders:
            if (subset := subset_of(name, wanted)) is not None:
                found.setdefault(subset, []).append(name)
            elif subset_of(name, extra) is not None:
                self.skip(self.base / name, "outside the paper's sets; read only with extras")
            elif name not in shared:
                self.skip(self.base / name, "not a set of this layout")
        if not found:
            raise DataError(
                f"{self.base}: none of the sets of {self.name!r}; expected folders such as "
                f"{some([aliases[0] for aliases in core.values()], 20)}, found {some(folders)}"
            )
        chosen = []
        for subset, aliases in wanted.items():
            if subset not in found:
                if subset in core:
                    self.skipped.append(f"{aliases[0]}: no such folder, {subset} is missing")
                continue
            chosen.append((subset, self.base / self._one(subset, found[subset], aliases, preferred)))
        return chosen

    def take(
        self,
        folder: Path,
        subset: str,
        *,
        generator: str | None = None,
        classes: Collection[str] | None = None,
        source: SourceKey | None = None,
    ) -> None:
        """Read `folder/{class folders}` or `folder/*/{class folders}` as one subset.

        Args:
            generator: what made label 1; the subset's name if None.
            classes: of the folders one level down, read these only.

        Raises:
            DataError: neither shape, an empty class, or a name in `classes` that is not there.
        """
        generator = generator or subset
        if class_folders(folder, self.kinds):
            if classes is not None:
                raise DataError(
                    f"{folder}: holds the classes' pictures itself; expected {some(sorted(classes))}"
                )
            self._pair(folder, subset, generator, source)
            return
        folders, files = listing(folder)
        nested = [name for name in folders if class_folders(folder / name, self.kinds)]
        if not nested:
            shapes = " or ".join(" + ".join(kind) for kind in self.kinds)
            raise DataError(
                f"{folder}: expected {shapes}, here or one folder down; found {some(folders + files)}"
            )
        if classes is not None and (absent := sorted(set(classes) - set(nested))):
            raise DataError(f"{folder}: no class folder {some(absent)}; found {some(nested, 20)}")
        self.skip_files(folder, files)
        for name in folders:
            if name not in nested:
                self.skip(folder / name, "no class folders inside")
        left = [name for name in nested if classes is not None and name not in classes]
        if left:
            self.skip(folder, f"classes not asked for: {some(left, 20)}")
        for name in nested:
            if name not in left:
                self._pair(folder / name, subset, generator, source)

    def add(
        self, folder: Path, label: int, subset: str, generator: str, source: SourceKey | None = None
    ) -> None:
        """Read all pictures below `folder` under one label."""
        found = self._pictures(folder)
        if not found:
            raise DataError(f"{folder}: no pictures in it; expected the pictures of label {label}")
        for path in found:
            relative = Path(os.path.relpath(path, self.base))
            key = source(relative, label) if source is not None else relative.as_posix()
            made_by = generator if label == GENERATED else "real"
            self.samples.append(Sample(path, label, subset, made_by, f"{self.name}/{key}"))

    def _pair(self, folder: Path, subset: str, generator: str, source: SourceKey | None) -> None:
        labels = class_folders(folder, self.kinds)
        folders, files = listing(folder)
        self.skip_files(folder, files)
        for name in folders:
            if name not in labels:
                self.skip(folder / name, f"beside {' and '.join(labels)}, carries no label")
        for name, label in sorted(labels.items(), key=lambda item: item[1]):
            self.add(folder / name, label, subset, generator, source)

    def _pictures(self, folder: Path) -> list[str]:
        """All pictures below a class folder, at any depth; other files are reported."""
        found = list(find_images([folder]))
        seen = set(found)
        files: set[str] = set()
        for parent, _, names in os.walk(folder):
            paths = {name: f"{parent}{os.sep}{name}" for name in sorted(names)}
            strays = [name for name, path in paths.items() if path not in seen]
            self.skip_files(Path(parent), strays, "no pictures by name and first bytes")
            files.update(paths.values())
        for path in found:
            if path not in files:
                self.skip(Path(path), "a directory that cannot be listed")
        return [path for path in found if path in files]

    def _one(self, subset: str, names: list[str], aliases: Iterable[str], preferred: bool) -> str:
        if len(names) == 1:
            return names[0]
        if not preferred:
            raise DataError(f"{self.base}: {some(names)} all stand for {subset}; keep one")
        order = [plain_name(alias) for alias in (*aliases, subset)]
        chosen = min(names, key=lambda name: order.index(plain_name(name)))
        for name in names:
            if name != chosen:
                self.skip(self.base / name, f"another copy of {subset}, read from {chosen!r}")
        return chosen
