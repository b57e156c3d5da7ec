"""What a benchmark runs: a frozen config read from TOML, strictly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from upprint.data.protocol import named
from upprint.perturb import parse
from upprint.record import build, read_toml
from upprint.result import ConfigError


@dataclass(frozen=True)
class EvaluationConfig:
    """A test: pictures of one data set, or folders of generated pictures against photos.

    Args:
        title: as the page names it.
        root, layout, options: a data set (see `upprint.data.layouts`); the layout is guessed if left out.
        photos: root of photos that all sub-sets share; they are scored once.
        generated: root of generated pictures, one folder per generator; needs `photos`.
        sources: source keys or patterns ("flickr/*") of the photos that test; all if left out.
        sources_per_subset: at most so many sources in each sub-set, the first by a hash; null for all.
        perturbation: of both classes alike (see `upprint.perturb`).
        protocol: how a picture reaches the network (see `upprint.data.protocol`); the data set's own if left
            out.
    """

    title: str
    root: str = ""
    layout: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    photos: str = ""
    generated: str = ""
    sources: tuple[str, ...] = ()
    sources_per_subset: int | None = None
    perturbation: str = ""
    protocol: str = ""

    def __post_init__(self) -> None:
        if bool(self.root) == bool(self.photos):
            raise ConfigError(
                f"test {self.title!r}: expected either root (a data set) or photos, which generated may join"
            )
        if self.root and self.generated:
            raise ConfigError(f"test {self.title!r}: generated needs photos, not root")
        if self.sources_per_subset is not None and self.sources_per_subset < 2:
            raise ConfigError(f"test {self.title!r}: expected at least 2 sources in each sub-set")
        parse(self.perturbation)
        if self.protocol:
            named(self.protocol)


@dataclass(frozen=True)
class SystemConfig:
    """A row: trained here by a recipe, scored with weights that are there, or missing for a stated reason.

    Args:
        recipe: a training config, beside the benchmark's own or at a path of its own.
        train: what differs from recipe and `common`, key by key; a table is replaced whole.
        keep: keys of `common` that do not apply to this system; its recipe's stand.
        weights: a shipped system's name, an .onnx with its card, or .safetensors.
        average: other rows of this benchmark whose branches are averaged (Re-Synthesis, equation 4).
        missing: why there is no figure.
        note: what a reader of the row must know.
    """

    recipe: str = ""
    train: dict[str, Any] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    weights: str = ""
    average: tuple[str, ...] = ()
    missing: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        given = [bool(value) for value in (self.recipe, self.weights, self.average, self.missing)]
        if sum(given) != 1:
            raise ConfigError("a system needs exactly one of recipe, weights, average and missing")
        if (self.train or self.keep) and not self.recipe:
            raise ConfigError("train and keep change a recipe; expected one")


@dataclass(frozen=True)
class BenchmarkConfig:
    """Everything a benchmark depends on, but the pictures.

    Args:
        title, introduction: of the page.
        tests: by name; the order is that of the page.
        systems: by name; the order is that of the tables.
        reference: the system that the others are compared with, picture by picture.
        common: keys of a training config that replace every recipe's, so that all train on the same data.
        without: keys of recipes that are left out, such as stopping rules.
        out: folder of the run: weights, predictions and results.
        side: of the pictures that speed is measured on; 0 leaves speed out.
    """

    title: str
    tests: dict[str, EvaluationConfig]
    systems: dict[str, SystemConfig]
    reference: str
    introduction: str = ""
    common: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    out: str = "runs/benchmark"
    side: int = 256

    def __post_init__(self) -> None:
        for kind, names in (("test", self.tests), ("system", self.systems)):
            for name in names:
                if not name.replace("-", "").replace("_", "").isalnum():
                    raise ConfigError(f"{kind} {name!r}: expected letters, digits, - and _: it names a file")
        if self.reference not in self.systems or self.systems[self.reference].missing:
            raise ConfigError(f"reference {self.reference!r}: expected one of the systems that are measured")
        if not self.tests:
            raise ConfigError("tests: expected at least one")
        for name, system in self.systems.items():
            if unknown := sorted(set(system.average) - set(self.systems)):
                raise ConfigError(f"system {name!r} averages {', '.join(unknown)}, which are no systems here")
        if self.side and self.side < 64:
            raise ConfigError(f"side {self.side}: expected at least 64 pixels, or 0 for no speed")


def read_config(path: Path) -> BenchmarkConfig:
    """Read a TOML config; unknown keys are refused.

    Raises:
        ConfigError: unreadable, not TOML, unknown or missing keys, values of the wrong kind.
    """
    found = build(BenchmarkConfig, read_toml(path, ConfigError), str(path), ConfigError)
    systems = {
        name: replace(one, recipe=str(beside))
        if one.recipe and (beside := path.parent / one.recipe).is_file()
        else one
        for name, one in found.systems.items()
    }
    return replace(found, systems=systems)


def training(config: BenchmarkConfig, name: str, out: Path) -> dict[str, Any]:
    """A system's training config, as its TOML file would read: the recipe with what the benchmark changes.

    Raises:
        ConfigError: the recipe is not there.
    """
    system = config.systems[name]
    recipe = read_toml(Path(system.recipe), ConfigError)
    common = {key: value for key, value in config.common.items() if key not in system.keep}
    changed = {**common, **system.train}
    if {"steps", "epochs"} & changed.keys():
        recipe = {key: value for key, value in recipe.items() if key not in ("steps", "epochs")}
    kept = {key: value for key, value in recipe.items() if key not in config.without}
    return {**kept, **changed, "out": str(out)}
