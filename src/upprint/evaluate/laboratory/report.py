"""The laboratory's report: one JSON file from which page and figures are made."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from upprint import __version__
from upprint.evaluate.laboratory.cell import Scored, cells
from upprint.evaluate.laboratory.claims import Claim, claims
from upprint.evaluate.laboratory.config import LaboratoryConfig, family_of
from upprint.evaluate.laboratory.pictures import Listing
from upprint.evaluate.laboratory.statistics import (
    Comparison,
    Matrix,
    Sampled,
    Steadiness,
    compare,
    matrix,
    sample,
    steadiness,
    whole,
)
from upprint.record import build
from upprint.result import DataError

NAME = "laboratory.json"


@dataclass(frozen=True)
class Report:
    """What a run found.

    Args:
        data: which twins, in words.
        date, command, version: when and how.
        config: of the run, `out` left out.
        families: maker -> family, in the order of the columns.
        train_sources, test_sources, left_out: photos that train, that test, that some maker lacks.
        done, wanted: cells that are there and that the config asks for.
        seconds: variant -> mean seconds of training and of testing per cell.
        matrices, comparisons, steadiness, claims: the findings.
    """

    data: str
    date: str
    command: str
    version: str
    config: dict[str, Any]
    families: dict[str, str]
    train_sources: int
    test_sources: int
    left_out: int
    done: int
    wanted: int
    seconds: dict[str, tuple[float, float]]
    matrices: tuple[Matrix, ...]
    comparisons: tuple[Comparison, ...]
    claims: tuple[Claim, ...]
    steadiness: tuple[Steadiness, ...] = ()

    def matrix(self, variant: str, test: str) -> Matrix | None:
        return next((m for m in self.matrices if (m.variant, m.test) == (variant, test)), None)


def report(
    found: Listing,
    scored: Sequence[Scored],
    config: LaboratoryConfig,
    *,
    data: str = "twins",
    command: str = "",
    note: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Matrices, comparisons and claims of the cells that are there.

    Args:
        data: which twins, in words.
        command: what the user called.
        note: told what happens next.
    """
    families = {maker: family_of(maker, config.families) for maker in found.makers}
    rectangles = whole(scored)
    matrices: list[Matrix] = []
    comparisons: list[Comparison] = []
    every: dict[str, dict[str, Sampled]] = {}
    for test in config.tests:
        drawn = every.setdefault(test, {})
        for name, variant in config.variants.items():
            if name in rectangles:
                note(f"{test}: {variant.title}")
                drawn[name] = sample(name, test, rectangles[name], found.makers, found.test, config.draws)
                matrices.append(matrix(drawn[name], variant.title, families))
        if config.main in drawn:
            for name, other in drawn.items():
                comparisons += compare(drawn[config.main], other) if name != config.main else []
    steady = _steadiness(every, config)
    of = {name: [s for s in scored if s.variant == name] for name in config.variants}
    seconds = {
        name: (round(mean(s.train_seconds for s in some), 1), round(mean(s.test_seconds for s in some), 1))
        for name, some in of.items()
        if some
    }
    settings = asdict(config)
    del settings["out"]
    return Report(
        data=data,
        date=datetime.now(UTC).date().isoformat(),
        command=command,
        version=__version__,
        config=json.loads(json.dumps(settings)),
        families=families,
        train_sources=len(found.train),
        test_sources=len(found.test),
        left_out=found.left_out,
        done=len(scored),
        wanted=len(cells(config, found.makers)),
        seconds=seconds,
        matrices=tuple(matrices),
        comparisons=tuple(comparisons),
        claims=tuple(claims(matrices, comparisons, steady, config.main, config.control)),
        steadiness=tuple(steady),
    )


def _steadiness(every: dict[str, dict[str, Sampled]], config: LaboratoryConfig) -> list[Steadiness]:
    """What the config asks about losses, as far as the cells are there."""
    asked = config.steady
    if asked is None or asked.variant not in every[asked.base]:
        return []
    before, main, found = every[asked.base], asked.variant, list[Steadiness]()
    for other in (name for name in asked.than if name in before):
        for test in asked.tests:
            after = every[test]
            found.append(steadiness(test, (before[main], after[main]), (before[other], after[other])))
        if asked.hiding:
            change = "makers trained to hide"
            same = ((before[main],) * 2, (before[other],) * 2)
            found.append(steadiness(change, *same, asked.hiding))
    return found


def write(found: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Report:
    """Read a report.

    Raises:
        DataError: unreadable, or not a report.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not a report of the laboratory ({error})") from error
    return build(Report, raw, str(path), DataError)
