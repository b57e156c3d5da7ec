"""From the features of one set of files to what every cue says of it, in numbers and in a sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from upprint.audit import effects
from upprint.audit.cues import CUES, Cue, Value
from upprint.audit.effects import Column, Effect
from upprint.audit.features import Features
from upprint.audit.report import CueResult, Spread
from upprint.data.sample import GENERATED, REAL, Sample

LEVEL = 0.05
"""Chance of any false finding in an audit of a clean set."""
LEAST = 0.1
"""Strength below which a proven effect is not called a finding: AUROC 0.55, or V 0.1."""
FEWEST = 5
"""Files of each class that a cue must apply to."""
_BINS, _TOP = 24, 8
_NAMES = {REAL: "camera-made", GENERATED: "generated"}


@dataclass(frozen=True)
class Item:
    """A sample with its features."""

    sample: Sample
    features: Features


def measure(items: Sequence[Item], *, permutations: int, seed: int) -> list[CueResult]:
    """Every cue of one set of readable files, in the order of `CUES`; p-values are not yet corrected.

    Cues that apply to the same files are tested with the same permutations.
    """
    results: dict[str, CueResult] = {}
    together: dict[tuple[int, ...], list[tuple[Cue, list[Value]]]] = defaultdict(list)
    for cue in CUES:
        values = [cue.value(item.features) for item in items]
        used = tuple(index for index, value in enumerate(values) if value is not None)
        results[cue.name] = _describe(cue, items, values)
        if results[cue.name].undefined is None:
            together[used].append((cue, [values[index] for index in used]))
    for used, cues in together.items():
        samples = [items[index].sample for index in used]
        found = effects.effects(
            [s.label for s in samples],
            [s.source for s in samples],
            [_column(cue, values) for cue, values in cues],
            permutations=permutations,
            seed=seed,
        )
        for (cue, _), effect in zip(cues, found, strict=True):
            results[cue.name] = _with_effect(results[cue.name], effect)
    return list(results.values())


def judge(scopes: Sequence[Sequence[CueResult]]) -> list[tuple[CueResult, ...]]:
    """Correct all p-values of an audit together, say what is found, and sort each scope's cues."""
    tested = [(s, c) for s, scope in enumerate(scopes) for c, cue in enumerate(scope) if cue.p is not None]
    corrected = effects.holm([scopes[s][c].p or 0.0 for s, c in tested])
    judged = [list(scope) for scope in scopes]
    for (s, c), p in zip(tested, corrected, strict=True):
        cue = judged[s][c]
        found = p < LEVEL and (cue.strength or 0.0) >= LEAST
        judged[s][c] = replace(cue, p=p, found=found)
    return [tuple(sorted(scope, key=_rank)) for scope in judged]


def _rank(cue: CueResult) -> tuple[bool, bool, float, int]:
    order = next(index for index, known in enumerate(CUES) if known.name == cue.cue)
    return not cue.found, cue.group == "content", -round(cue.strength or 0.0, 6), order


def _column(cue: Cue, values: Sequence[Value]) -> Column:
    if cue.numeric:
        return Column(np.array(values, np.float64))
    folded = effects.fold([str(value) for value in values])
    return Column(effects.codes(folded), tuple(dict.fromkeys(folded)))


def _describe(cue: Cue, items: Sequence[Item], values: Sequence[Value]) -> CueResult:
    """Distributions, and why there is no effect to test where there is none."""
    by_class = {
        label: [
            v for v, item in zip(values, items, strict=True) if v is not None and item.sample.label == label
        ]
        for label in (REAL, GENERATED)
    }
    together = [*by_class[REAL], *by_class[GENERATED]]
    ends = _ends(together) if cue.numeric and together else None
    spreads = {label: _spread(cue, found, ends) for label, found in by_class.items()}
    undefined = _undefined(cue, by_class)
    words = "" if undefined is None else f"{cue.title}: undefined, {undefined}."
    return CueResult(
        cue.name,
        cue.title,
        cue.group,
        cue.of,
        words,
        spreads[REAL],
        spreads[GENERATED],
        undefined=undefined,
        range=ends,
    )


def _undefined(cue: Cue, by_class: dict[int, list[float | str]]) -> str | None:
    for label, found in by_class.items():
        if len(found) < FEWEST:
            count = "no" if not found else f"only {len(found)}"
            kind = "" if cue.of == "all files" else f" among the {cue.of}"
            return f"{count} {_NAMES[label]} picture{'s' * (len(found) != 1)}{kind}"
    together = [*by_class[REAL], *by_class[GENERATED]]
    if len(set(together)) == 1:
        return f"it is the same in all {cue.of.removeprefix('all ')} ({_text(together[0])})"
    if not cue.numeric and len(set(effects.fold([str(value) for value in together]))) == 1:
        return f"no two of the {cue.of.removeprefix('all ')} share it"
    return None


def _ends(values: Sequence[float | str]) -> tuple[float, float]:
    low, high = np.quantile(np.array(values, np.float64), [0.01, 0.99])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _spread(cue: Cue, values: Sequence[float | str], ends: tuple[float, float] | None) -> Spread:
    if not cue.numeric:
        counts = Counter(map(str, values))
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = dict(top[:_TOP])
        if len(top) > _TOP:
            shown[effects.OTHER] = sum(count for _, count in top[_TOP:])
        return Spread(len(values), counts=shown)
    if not values or ends is None:
        return Spread(len(values))
    numbers = np.array(values, np.float64)
    bins, _ = np.histogram(np.clip(numbers, *ends), _BINS, ends)
    quantiles = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
    return Spread(len(values), tuple(map(float, quantiles)), tuple(map(int, bins)))


# --- words -------------------------------------------------------------------------------------------------


def _with_effect(result: CueResult, effect: Effect) -> CueResult:
    sentence = _of_numbers(result, effect) if effect.kind == "auroc" else _of_categories(result)
    return replace(
        result,
        kind=effect.kind,
        value=effect.value,
        low=effect.low,
        high=effect.high,
        p=effect.p,
        strength=effect.strength,
        sentence=sentence,
    )


def _of_numbers(result: CueResult, effect: Effect) -> str:
    real, generated = (spread.quantiles[2] for spread in (result.real, result.generated))
    higher = effect.value >= 0.5
    share = max(effect.value, 1 - effect.value)
    return (
        f"{_capital(result.title)}: typically {_text(real)} in camera-made and {_text(generated)} in "
        f"generated pictures; of a pair the generated one has the {'higher' if higher else 'lower'} value in "
        f"{100 * share:.0f} % of cases."
    )


def _of_categories(result: CueResult) -> str:
    real, generated = (_shares(spread) for spread in (result.real, result.generated))
    by_difference = sorted(
        {*real, *generated} - {effects.OTHER},
        key=lambda name: (-abs(real.get(name, 0.0) - generated.get(name, 0.0)), name),
    )
    parts = [
        f"“{name}” in {100 * real.get(name, 0.0):.0f} % of camera-made and "
        f"{100 * generated.get(name, 0.0):.0f} % of generated pictures"
        for name in by_difference[: 1 if set(by_difference) <= {"yes", "no"} else 2]
    ]
    return f"{_capital(result.title)}: {'; '.join(parts)}."


def _shares(spread: Spread) -> dict[str, float]:
    return {name: count / max(spread.files, 1) for name, count in (spread.counts or {}).items()}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
