"""The calibrated scale as a drawing: where the score lies between "no trace found" and "generated"."""

from __future__ import annotations

import math

from upprint.card import Calibration
from upprint.explain.page import safe
from upprint.result import Verdict
from upprint.runtime.calibration import probability

_WIDE, _NARROW, _TOP, _BAR = 820, 360, 44, 34
_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_LEAST, _ROOM = 5.0, 1.0
"""The axis reaches from probability 0.7 % to 99.3 % at least, and beyond every edge by `_ROOM` logits."""


def draw(logit: float, calibration: Calibration, fpr: str) -> str:
    """The scale as SVG: evenly spaced in evidence (calibrated logit), labelled with probabilities.

    It comes twice, for wide and for narrow screens; the style shows one of them.
    """
    return "".join(
        _draw(logit, calibration, fpr, width, name) for width, name in ((_WIDE, "wide"), (_NARROW, "narrow"))
    )


def _draw(logit: float, calibration: Calibration, fpr: str, wide: int, name: str) -> str:

    def evidence(value: float) -> float:
        return (value - calibration.bias) / calibration.temperature

    threshold = evidence(calibration.thresholds[fpr])
    lower = min(evidence(calibration.inconclusive), threshold)
    low, high = min(-_LEAST, lower - _ROOM), max(_LEAST, threshold + _ROOM)
    here = min(max(evidence(logit), low), high)

    def x(value: float) -> float:
        return round((value - low) / (high - low) * wide, 1)

    parts = []
    zones = ((Verdict.NO_TRACE, low, lower), (Verdict.INCONCLUSIVE, lower, threshold))
    for verdict, start, end in (*zones, (Verdict.GENERATED, threshold, high)):
        width = x(end) - x(start)
        zone = "zone-no-trace" if verdict is Verdict.NO_TRACE else f"zone-{verdict}"
        parts.append(f'<rect class="{zone}" x="{x(start)}" y="{_TOP}" width="{width:.1f}" height="{_BAR}"/>')
        if width > 8.0 * len(verdict):
            middle = x(start) + width / 2
            parts.append(_text(middle, _TOP + _BAR / 2 + 5, str(verdict), "zone"))
    parts += [_line(edge, _TOP - 4, _TOP + _BAR + 4) for edge in sorted({x(lower), x(threshold)})]
    for tick in _TICKS:
        at = x(math.log(tick / (1 - tick)))
        if 18 <= at <= wide - 18:
            parts.append(_line(at, _TOP + _BAR, _TOP + _BAR + 6))
            parts.append(_text(at, _TOP + _BAR + 21, f"{100 * tick:g} %"))
    at, tip = x(here), _TOP - 2
    parts.append(f'<path class="mark" d="M{at} {tip} l-8 -13 h16 z"/>')
    chance = percent(probability(logit, calibration))
    parts.append(_text(min(max(at, 34), wide - 34), tip - 20, chance, "here"))
    label = f"Calibrated probability {chance} on a scale from no trace found to generated"
    box = f'viewBox="0 0 {wide} {_TOP + _BAR + 28}" role="img" aria-label="{safe(label)}"'
    return f'<svg class="scale {name}" {box}>{"".join(parts)}</svg>'


def percent(chance: float) -> str:
    """A probability that never looks certain."""
    if chance < 0.001:
        return "below 0.1 %"
    if chance > 0.999:
        return "above 99.9 %"
    return f"{100 * chance:.1f} %"


def _line(x: float, top: int, bottom: int) -> str:
    return f'<line class="edge" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'


def _text(x: float, y: float, words: str, name: str = "") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{safe(words)}</text>'
