"""What the laboratory runs: a frozen config read from TOML, strictly."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from upprint.ops.anchor import Anchor, check_block_anchor
from upprint.perturb import parse
from upprint.record import build, read_toml
from upprint.result import ConfigError
from upprint.train import OptimiserConfig

Input = Literal["npr", "image", "dct", "fft", "azimuthal", "residual"]


@dataclass(frozen=True)
class VariantConfig:
    """One way of looking at the pictures, and which of its cells are trained.

    Args:
        title: as tables name it.
        input: the representation; `dct`, `fft` and `azimuthal` are log magnitudes, `residual` is what a
            re-synthesiser cannot rebuild.
        network: NPR's network, logistic regression on the representation, or "mean", which learns nothing:
            its score is the mean of the representation.
        block, anchor: of the input `npr`.
        phi: of the input `residual`: the re-synthesiser's weights.
        seeds: one network per seed and row.
        rows: patterns of the makers that train a row of their own; every maker is always tested.
        all_but_one: also a row per maker of `rows` that trains on all makers but that one.
        regularisation: C of the logistic regression, smaller is stronger.
    """

    title: str
    input: Input = "npr"
    network: Literal["resnet", "linear", "mean"] = "resnet"
    block: int = 2
    anchor: Anchor = 1
    phi: str = ""
    seeds: tuple[int, ...] = (0,)
    rows: tuple[str, ...] = ("*",)
    all_but_one: bool = False
    regularisation: float = 0.01

    def __post_init__(self) -> None:
        check_block_anchor(self.block, self.anchor)
        if self.network == "linear" and self.input not in ("dct", "fft", "azimuthal"):
            raise ConfigError(
                f"variant {self.title!r}: a logistic regression reads dct, fft or azimuthal, not {self.input}"
            )
        if self.network == "mean" and (self.input != "residual" or len(self.seeds) > 1 or self.all_but_one):
            raise ConfigError(
                f"variant {self.title!r}: the mean is a residual's and is not trained; expected one seed"
            )
        if (self.input == "residual") != bool(self.phi):
            raise ConfigError(
                f"variant {self.title!r}: input {self.input} with phi {self.phi!r}; expected weights of a "
                "re-synthesiser for a residual, and for nothing else"
            )
        if self.network == "resnet" and self.input == "azimuthal":
            raise ConfigError(f"variant {self.title!r}: an azimuthal average is a line; expected linear")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(f"variant {self.title!r}: seeds {self.seeds}: expected distinct numbers from 0")
        if not self.rows or not self.regularisation > 0:
            raise ConfigError(f"variant {self.title!r}: expected some rows and a positive regularisation")


@dataclass(frozen=True)
class SteadyConfig:
    """Whether one variant keeps more of what it has than others when pictures or makers change.

    Args:
        variant: the one that should.
        than: the others.
        base: the test that losses are counted from.
        tests: under which they are counted.
        hiding: maker -> the same maker trained to hide; a network trained on the first is tested on both.
    """

    variant: str
    than: tuple[str, ...]
    base: str
    tests: tuple[str, ...] = ()
    hiding: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LaboratoryConfig:
    """Everything a run of the laboratory depends on, but its twins.

    Args:
        out: folder of the run.
        variants: by name; the order is that of tables.
        tests: name of a test -> perturbation of both classes (see upprint.perturb); "" is as forged.
        main: the variant whose claims are judged.
        control: the variant it must beat to "generalise".
        steady: asks a further question; None for none.
        makers: patterns of the makers that take part.
        families: name -> patterns of makers; a maker that is in none is a family of its own.
        hold_out: source keys or patterns ("flickr/*") that test and never train.
        test_share: share of the other sources that tests.
        sources: at most so many sources take part; null for all.
        crop: side of training and test crops; 48 is divisible by 2, 3 and 8, so that no block of NPR is cut.
        window: of each picture, at most so many central pixels each way are kept in memory.
        steps, batch: of every network; a batch holds pairs.
        augment: perturbation of training windows, drawn once per pair.
        draws: of the bootstrap.
    """

    variants: dict[str, VariantConfig]
    tests: dict[str, str]
    main: str
    control: str
    out: str = "runs/laboratory"
    steady: SteadyConfig | None = None
    makers: tuple[str, ...] = ("*",)
    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hold_out: tuple[str, ...] = ()
    test_share: float = 0.2
    sources: int | None = None
    crop: int = 48
    window: int = 192
    steps: int = 240
    batch: int = 32
    augment: str = ""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    accelerator: str = "cpu"
    threads: int | None = 1
    draws: int = 1000

    def __post_init__(self) -> None:
        for name in (self.main, self.control):
            if name not in self.variants:
                raise ConfigError(f"no variant {name!r}; there are {', '.join(self.variants)}")
        if self.main == self.control:
            raise ConfigError(f"main and control are both {self.main!r}; expected two variants")
        if self.steady is not None:
            asked = {self.steady.variant, *self.steady.than} - set(self.variants)
            asked |= {self.steady.base, *self.steady.tests} - set(self.tests)
            if asked:
                raise ConfigError(f"steady: no variant or test {', '.join(sorted(asked))}")
        for name in self.variants:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ConfigError(f"variant {name!r}: expected letters, digits, - and _: it names a folder")
        if not self.tests:
            raise ConfigError("tests: expected at least one")
        for text in (self.augment, *self.tests.values()):
            parse(text)
        if self.crop < 32 or self.window < 2 * self.crop:
            raise ConfigError(
                f"crop {self.crop}, window {self.window}: expected a crop of at least 32 and a window of at "
                "least two crops"
            )
        if self.steps < 1 or self.batch < 2 or self.batch % 2:
            raise ConfigError(f"{self.steps} steps of {self.batch} pictures: expected some, in pairs")
        if not 0 <= self.test_share < 1:
            raise ConfigError(f"test_share {self.test_share}: expected a share below 1")
        if (self.sources is not None and self.sources < 4) or self.draws < 1:
            raise ConfigError("expected at least 4 sources and one bootstrap draw")


def read_config(path: Path) -> LaboratoryConfig:
    """Read a TOML config; unknown keys are refused.

    Raises:
        ConfigError: unreadable, not TOML, unknown or missing keys, values of the wrong kind.
    """
    return build(LaboratoryConfig, read_toml(path, ConfigError), str(path), ConfigError)


def default_config() -> Path:
    """`configs/laboratory.toml`, in the installed package or the source tree.

    Raises:
        ConfigError: upprint is installed without it.
    """
    here = Path(__file__).resolve()
    places = (here.parents[2] / "configs", here.parents[4] / "configs")
    path = next((p / "laboratory.toml" for p in places if (p / "laboratory.toml").is_file()), None)
    if path is None:
        raise ConfigError("the laboratory's config is not installed; give one with --config (see configs/)")
    return path


def family_of(maker: str, families: dict[str, tuple[str, ...]]) -> str:
    """The one family whose patterns a maker fits, or its own name.

    Raises:
        ConfigError: it fits several.
    """
    found = [name for name, patterns in families.items() if any(fnmatchcase(maker, p) for p in patterns)]
    if len(found) > 1:
        raise ConfigError(f"maker {maker!r} fits the families {', '.join(found)}; expected one")
    return found[0] if found else maker


def chosen(makers: tuple[str, ...], patterns: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The makers that fit a pattern, in the order given.

    Raises:
        ConfigError: a pattern fits none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(maker, pattern) for maker in makers):
            raise ConfigError(f"{what}: {pattern!r} fits no maker; there are {', '.join(makers)}")
    return tuple(maker for maker in makers if any(fnmatchcase(maker, p) for p in patterns))
