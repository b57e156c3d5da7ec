"""What a benchmark found: claims with their bars, arms with their rounds, checks, notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from support.arms import Answer, Launcher
from support.model import Model


@dataclass(frozen=True)
class Context:
    """What a benchmark is given."""

    model: Model
    folder: Path
    """Empty, for its files; removed afterwards."""
    launcher: Launcher
    quick: bool
    pictures: Path | None = None
    """The user's own pictures, for `verdicts`."""

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True)
class Claim:
    """One figure against its bar; `values` holds one entry per round."""

    text: str
    bar: float
    values: tuple[float, ...]
    sense: Literal["at least", "at most"] = "at least"
    unit: str = "×"

    def as_json(self) -> dict[str, Any]:
        middle = _short(median(self.values))  # what is printed is what is judged
        reached = middle >= self.bar if self.sense == "at least" else middle <= self.bar
        return {
            "text": self.text,
            "sense": self.sense,
            "bar": self.bar,
            "unit": self.unit,
            "median": middle,
            "min": _short(min(self.values)),
            "max": _short(max(self.values)),
            "rounds": len(self.values),
            "reached": reached,
        }


@dataclass
class Result:
    """Everything that is written to `<name>.json` but the machine, the date and the command."""

    settings: dict[str, Any]
    claims: list[Claim] = field(default_factory=list)
    arms: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings,
            "claims": [claim.as_json() for claim in self.claims],
            "arms": rounded(self.arms),
            "checks": rounded(self.checks),
            "notes": self.notes,
        }


Benchmark = Callable[[Context], Result]


def rate(answer: Answer) -> float:
    """Pictures per second."""
    return float(answer["pictures"] / answer["seconds"])


def cpu_rate(answer: Answer) -> float:
    """Pictures per second of processor time."""
    return float(answer["pictures"] / max(answer["cpu_seconds"], 1e-6))


def ratios(
    over: Sequence[Answer], under: Sequence[Answer], figure: Callable[[Answer], float] = rate
) -> tuple[float, ...]:
    """figure(over) / figure(under), round by round."""
    return tuple(figure(a) / figure(b) for a, b in zip(over, under, strict=True))


def rates(rounds: Mapping[str, Sequence[Answer]], what: Mapping[str, str]) -> dict[str, Any]:
    """The arms of a throughput comparison, as they are written."""
    return {
        name: {
            "what": what[name],
            "pictures_per_second": [rate(answer) for answer in answers],
            "pictures_per_cpu_second": [cpu_rate(answer) for answer in answers],
        }
        for name, answers in rounds.items()
    }


def faults(rounds: Mapping[str, Sequence[Answer]]) -> dict[str, float]:
    """Page faults per picture in the last round, by arm."""
    return {name: answers[-1]["page_faults"] / answers[-1]["pictures"] for name, answers in rounds.items()}


def agreement(answers: Mapping[str, Answer], reference: str) -> dict[str, Any]:
    """Largest and mean difference of logits from `reference`, and how many verdicts differ, by arm.

    Verdicts are compared where both arms state them; an arm without one is judged at logit 0.
    """
    expected = answers[reference]
    found: dict[str, Any] = {}
    for name, answer in answers.items():
        if name == reference:
            continue
        pairs = list(zip(answer["logits"], expected["logits"], strict=True))
        apart = [abs(a - b) for a, b in pairs]
        found[name] = {
            "pictures": len(apart),
            "largest_logit_difference": max(apart),
            "mean_logit_difference": sum(apart) / len(apart),
            "sign_flips": sum((a > 0) != (b > 0) for a, b in pairs),
        }
        if answer.get("verdicts") and expected.get("verdicts"):
            both = zip(answer["verdicts"], expected["verdicts"], strict=True)
            found[name]["verdict_flips"] = sum(a != b for a, b in both)
    return {"logits_against": reference, "arms": found}


def rounded(value: Any) -> Any:
    """Floats to four significant digits, all the way down."""
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def write(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
