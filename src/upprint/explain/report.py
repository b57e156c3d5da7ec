"""A picture's report: one HTML file that can be archived and printed.

It holds everything that was found and what is needed to judge it and to find it again: verdict, maps,
stability, what the file says of itself, hashes, the system's card, limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import upprint
from upprint.card import Number, SystemCard
from upprint.explain import page, report_maps, scale, words
from upprint.explain.cam import CamMap
from upprint.explain.page import safe
from upprint.explain.stability import Stability
from upprint.ops.anchor import Anchor
from upprint.provenance import Provenance
from upprint.result import ScanResult
from upprint.runtime.rows import kind

Pixels = NDArray[np.uint8]

_NUMBERS = 12


@dataclass(frozen=True)
class Subject:
    """One picture and everything that was found about it.

    `pixels` is uint8 RGB (H, W, 3), `size` the file's length in bytes.
    """

    result: ScanResult
    pixels: Pixels
    cam: CamMap
    provenance: Provenance
    stability: Stability
    size: int


def write(
    path: Path,
    subjects: Sequence[Subject],
    card: SystemCard,
    fpr: str | None,
    *,
    block: int = 2,
    anchor: Anchor = 1,
    created: datetime | None = None,
) -> Path:
    """Write the report of one picture or several that the same system scored.

    Args:
        path: the HTML file; an existing one is replaced.
        subjects: at least one.
        card: of the system that scored them.
        fpr: the false-positive rate that was chosen, as the card writes it; None if uncalibrated.
        block: l of the NPR map.
        anchor: j of the NPR map.
        created: time of the report, with its zone; None takes the present.

    Raises:
        ConfigError: the file cannot be written.
    """
    page.write(path, html(subjects, card, fpr, block=block, anchor=anchor, created=created))
    return path


def html(
    subjects: Sequence[Subject],
    card: SystemCard,
    fpr: str | None,
    *,
    block: int = 2,
    anchor: Anchor = 1,
    created: datetime | None = None,
) -> str:
    """The report as text; arguments as for `write`."""
    when = f"{(created or datetime.now(UTC)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    names = ", ".join(Path(subject.result.path).name for subject in subjects)
    body = [
        _article(
            subject,
            card,
            fpr,
            when,
            report_maps.draw(
                subject.pixels, subject.cam, block, anchor, number, words.map_test(card, subject.cam.name)
            ),
        )
        for number, subject in enumerate(subjects, start=1)
    ]
    body += [
        system_section(card, fpr),
        page.section("Limits of the method", page.bullets(words.METHOD_LIMITS)),
    ]
    body.append(footer(when))
    return page.document(f"{names} – upprint report", body)


def footer(when: str) -> str:
    """Who made the page, and when."""
    made = f"Made with upprint {upprint.__version__} on {when}. This page loads nothing and runs no script."
    return f"<footer>{safe(made)}</footer>"


def _article(subject: Subject, card: SystemCard, fpr: str | None, when: str, maps: str) -> str:
    name = Path(subject.result.path).name
    head = (
        '<header><p class="kind">upprint report</p>'
        f'<h1>{safe(name)}</h1><p class="when">{safe(when)}, upprint {safe(upprint.__version__)}, '
        f"system {safe(card.name)}</p></header>"
    )
    return "".join(
        [
            "<article>",
            head,
            _verdict(subject, card, fpr),
            page.section("Where the evidence lies", maps),
            page.section("Does the verdict hold?", _stability(subject.stability)),
            page.section("What the file says of itself", _provenance(subject.provenance)),
            page.section("The file", _file(subject)),
            "</article>",
        ]
    )


# --- verdict -----------------------------------------------------------------------------------------------


def _verdict(subject: Subject, card: SystemCard, fpr: str | None) -> str:
    result, copies = subject.result, subject.stability.variants
    assert result.logit is not None  # errors never come this far
    told = words.meaning(result.verdict, card.calibration, fpr)
    parts = [f'<p class="word">{safe(kind(result))}</p>', page.paragraph(told.headline, "headline")]
    if card.calibration is not None and fpr is not None and result.probability is not None:
        parts.append(scale.draw(result.logit, card.calibration, fpr))
        parts.append(page.paragraph(_figures(result, card, fpr), "faint"))
    else:
        parts.append(page.paragraph(f"Score (logit): {result.logit:+.3f}", "faint"))
    parts.append(
        f'<div class="two"><div><h3>What this means</h3>{page.paragraph(told.means)}</div>'
        f"<div><h3>What it does not mean</h3>{page.paragraph(told.means_not)}</div></div>"
    )
    if result.verdict is not None:
        held = sum(copy.verdict == result.verdict for copy in copies)
        parts.append(
            page.paragraph(
                f"Saved again or reduced: the verdict holds in {held} of {len(copies)} copies.", "held"
            )
        )
    return f'<div class="verdict {tone(result)}">{"".join(parts)}</div>'


def _figures(result: ScanResult, card: SystemCard, fpr: str) -> str:
    assert card.calibration is not None
    assert result.probability is not None
    threshold = card.calibration.thresholds[fpr]
    tiles = "1 tile" if result.tiles == 1 else f"{result.tiles} tiles"
    return (
        f"Calibrated probability {scale.percent(result.probability)}, score (logit) {result.logit:+.3f} "
        f"over {tiles} of the picture. Generated from {threshold:+.3f} (false-positive rate {fpr}), "
        f"inconclusive from {min(card.calibration.inconclusive, threshold):+.3f}. The scale is even "
        "in evidence, not in probability."
    )


def tone(result: ScanResult) -> str:
    """The style's name for a row's kind."""
    return kind(result).replace(" ", "-")


def tag(result_kind: str) -> str:
    """A verdict as coloured text."""
    return f'<span class="tag {safe(result_kind.replace(" ", "-"))}">{safe(result_kind)}</span>'


# --- stability, provenance, file ---------------------------------------------------------------------------


def _stability(stability: Stability) -> str:
    def row(what: str, verdict: object, chance: float | None, logit: float) -> list[str]:
        shown = "–" if chance is None else scale.percent(chance)
        return [what, tag(str(verdict or "no verdict")), _number(shown), _number(f"{logit:+.3f}")]

    rows = [row("as it is", stability.verdict, stability.probability, stability.logit)]
    for variant in stability.variants:
        what = f"{safe(variant.words)} <code>{safe(variant.text)}</code>"
        rows.append(row(what, variant.verdict, variant.probability, variant.logit))
    return page.paragraph(words.stability(stability.holds)) + page.table(
        ("the picture", "verdict", "probability", "logit"), rows, name="stability"
    )


def _number(text: str) -> str:
    return f'<span class="number">{safe(text)}</span>'


def _provenance(found: Provenance) -> str:
    if not found.claims:
        return page.paragraph(
            "Nothing: no manifest, no camera data, no generator's text. Most sites remove them."
        )
    says = {
        "generated": '<span class="tag generated">generated</span>',
        "camera": '<span class="tag no-trace-found">camera</span>',
        "edited": '<span class="tag inconclusive">edited</span>',
        None: "–",
    }
    rows = [[safe(c.source), safe(c.text), says[c.says], safe(c.trust)] for c in found.claims]
    intro = "Read from the places where the file's format keeps such statements. None of it enters the score."
    return page.paragraph(intro) + page.table(
        ("where", "statement", "would mean", "trust"), rows, name="provenance"
    )


def _file(subject: Subject) -> str:
    result = subject.result
    pairs = [
        ("path", page.path(result.path)),
        ("format", safe(result.format)),
        ("size", safe(f"{result.width} × {result.height} pixels, {subject.size:,} bytes")),
        ("SHA-256", f'<span class="hash">{safe(result.sha256)}</span>'),
    ]
    if result.notes:
        pairs.append(("decoder's notes", safe(result.notes)))
    return page.facts(pairs)


# --- system ------------------------------------------------------------------------------------------------


def system_section(card: SystemCard, fpr: str | None) -> str:
    """The card: what the system is, what it was trained on, its numbers and limits."""
    pairs = [("system", f"{safe(card.title)} <code>{safe(card.name)}</code>"), ("idea", safe(card.idea))]
    pairs.append(
        ("paper", safe(f"{card.paper} ({card.year})" if str(card.year) not in card.paper else card.paper))
    )
    rule = card.input
    pairs.append(
        ("input", safe(f"tiles of {rule.tile} × {rule.tile} pixels at native size, {rule.pooling} of scores"))
    )
    if card.weights is not None:
        pairs.append(("trained on", safe(card.weights.trained_on)))
        pairs.append(("model's SHA-256", f'<span class="hash">{safe(card.weights.onnx_sha256)}</span>'))
        pairs.append(("licence", safe(f"{card.code_licence} (code), {card.weights.licence} (weights)")))
    if card.calibration is not None:
        pairs.append(
            (
                "calibrated on",
                safe(f"{card.calibration.photos:,} camera-made pictures: {card.calibration.data}"),
            )
        )
        told = "none" if fpr is None else f"{fpr} ({words.kept_rate(card.calibration, fpr).lower()})"
        pairs.append(("false-positive rate", safe(told)))
    parts = [page.facts(pairs)]
    if card.numbers:
        heads = ("metric", "value", "data and protocol", "source")
        parts.append("<h3>Measured</h3>" + page.table(heads, _numbers(card.numbers[:_NUMBERS])))
        if len(card.numbers) > _NUMBERS:
            parts.append(page.paragraph(f"{len(card.numbers) - _NUMBERS} more are on the card.", "faint"))
    else:
        parts.append(page.paragraph("The card states no measured numbers."))
    if card.limits:
        parts.append("<h3>What this system cannot see</h3>" + page.bullets(card.limits))
    return page.section("The system that judged", *parts)


def _numbers(numbers: Sequence[Number]) -> Iterator[list[str]]:
    for number in numbers:
        interval = (
            "" if number.low is None or number.high is None else f" [{number.low:.3g}, {number.high:.3g}]"
        )
        where = f"{number.data}; {number.protocol}"
        yield [
            safe(number.metric),
            _number(f"{number.value:.3g}{interval}"),
            safe(where),
            safe(number.source),
        ]
