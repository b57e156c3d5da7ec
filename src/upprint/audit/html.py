"""The report as one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from upprint.audit.cues import MEANS
from upprint.audit.report import Accuracy, CueResult, Report, Scope, Spread
from upprint.audit.text import NOTHING, duplicate_line, effect, p_value, percent
from upprint.explain import page
from upprint.explain.page import safe
from upprint.explain.report import footer

STYLE = (Path(__file__).parent / "audit.css").read_text(encoding="utf-8")
MOST_LINES = 200
_WIDTH, _HEIGHT, _HALF = 240, 64, 27
_KEY = (
    '<p class="key faint"><span class="real">Above the line: camera-made.</span> '
    '<span class="made">Below the line: generated.</span> Shares of each class.</p>'
)
METHOD = tuple(
    """\
AUROC: how often a generated picture has the higher value in a pair of one of each; 0.5 is nothing, 0 or 1 all
V (Cramér's, corrected for bias): how strongly a category goes with the class; 0 is nothing, 1 everything.
In brackets: 95 % intervals from a bootstrap over source photos.
p: how often chance alone does as much, by permutation within or between source photos, corrected for all \
cues that were tested (Holm). In a set without any bias, at most 5 audits in 100 find something.
Guessing the class: random forests by cross-validation; all files of one source photo are on one side.
Balanced accuracy: the mean of the shares of camera-made and of generated pictures that are guessed right; \
50 % is chance.""".splitlines()
)


def write(report: Report, path: Path) -> None:
    """Write the page; an existing one is replaced.

    Raises:
        ConfigError: the file cannot be written.
    """
    page.write(path, html(report))


def html(report: Report) -> str:
    """The page as text."""
    whole = report.everything
    counts = (
        f"{whole.real:,} camera-made and {whole.generated:,} generated pictures from {whole.sources:,} "
        "source photos"
    )
    head = (
        '<header><p class="kind">upprint audit: what separates the classes besides generation</p>'
        f'<h1>{safe(report.name)}</h1><p class="when">{safe(report.root)} · {safe(counts)} · '
        f"{safe(report.created)}, upprint {safe(report.version)}</p></header>"
    )
    body = [head, _answer(whole), _solved(whole), _found(whole, report)]
    body += [_subset(scope) for scope in report.scopes[1:]]
    body += [_duplicates(report), _notes(report), page.section("How to read this", page.bullets(METHOD))]
    body.append(footer(report.created))
    return page.document(f"Audit of {report.name} – upprint", body, STYLE)


def _answer(scope: Scope) -> str:
    biases = scope.biases
    kind = "found" if biases else "clean"
    parts = [page.paragraph(scope.headline, "word")]
    if biases:
        names = ", ".join(cue.title for cue in biases)
        parts.append(page.paragraph(f"What separates the classes, the strongest first: {names}."))
        parts.append(
            page.paragraph(
                "A detector that is trained or tested on these files can score well by reading these cues "
                "and learn nothing about generation. Equalise the files first (upprint audit --equalise), or "
                "report the numbers below beside every accuracy."
            )
        )
    elif scope.found:
        names = ", ".join(cue.title for cue in scope.found)
        words = f"What differs may well be generation itself, or what the pictures show: {names}."
        parts.append(page.paragraph(words))
    else:
        tested = sum(cue.p is not None for cue in scope.cues)
        parts.append(page.paragraph(f"{NOTHING} {tested} were tested."))
    return f'<div class="answer {kind}">{"".join(parts)}</div>'


def _solved(scope: Scope) -> str:
    rows = [*scope.baselines, *([scope.detector] if scope.detector else [])]
    table = page.table(
        ("what is seen", "balanced accuracy, 50 % to 100 %", ""),
        ([safe(a.title), _bar(a), f'<span class="number">{safe(percent(a))}</span>'] for a in rows),
        name="bars",
    )
    intro = "How well the class can be guessed by something that sees only this:"
    if scope.detector is not None:
        intro += " The last line is the detector, which sees the pixels."
    return page.section("How much can be solved without the pixels", page.paragraph(intro), table)


def _bar(accuracy: Accuracy) -> str:
    if accuracy.value is None:
        return ""

    def x(value: float) -> float:
        return round(300 * min(max(2 * value - 1, 0.0), 1.0), 1)

    line = ""
    if accuracy.low is not None and accuracy.high is not None:
        line = f'<line class="span" x1="{x(accuracy.low)}" x2="{x(accuracy.high)}" y1="9" y2="9"/>'
    kind = "real" if accuracy.name == "detector" else "made"
    return (
        f'<svg viewBox="0 0 300 18" role="img" aria-label="{safe(percent(accuracy))}">'
        f'<rect class="back" width="300" height="18"/>'
        f'<rect class="{kind}" width="{x(accuracy.value)}" height="18" opacity="0.55"/>{line}</svg>'
    )


def _found(scope: Scope, report: Report) -> str:
    parts: list[str] = []
    if scope.found:
        parts += [_KEY, _cues(scope.found)]
    else:
        parts.append(page.paragraph(NOTHING))
    tested = [cue for cue in scope.cues if not cue.found and cue.p is not None]
    if tested:
        title = f"{len(tested)} cues were tested and do not separate the classes"
        parts.append(f"<details><summary>{safe(title)}</summary>{_cues(tested)}</details>")
    undefined = [cue.sentence for cue in scope.cues if cue.undefined is not None]
    if undefined:
        title = f"{len(undefined)} cues could not be tested"
        parts.append(f"<details><summary>{safe(title)}</summary>{page.bullets(undefined)}</details>")
    faint = (
        f"Corrected for {report.tests} tests in this audit. A cue counts as found when chance is below "
        f"{100 * report.level:.0f} % and the effect is not negligible (strength {report.least_strength:g} "
        "of 1)."
    )
    return page.section("What separates the classes", *parts, page.paragraph(faint, "faint"))


def _cues(cues: Sequence[CueResult]) -> str:
    rows = []
    for cue in cues:
        what = f'{safe(cue.sentence)}<br><span class="faint">{safe(MEANS[cue.group])}</span>'
        chance = f'<span class="faint">p {safe(p_value(cue))}</span>'
        number = f'<span class="number">{safe(effect(cue))}</span><br>{chance}'
        rows.append([what, _distributions(cue), number])
    return f'<div class="scroll">{page.table(("cue", "distribution", "effect"), rows, name="cues")}</div>'


def _distributions(cue: CueResult) -> str:
    if cue.range is not None:
        shares = [_shares(spread.bins) for spread in (cue.real, cue.generated)]
        labels = [f"{end:,.0f}" if abs(end) >= 1000 else f"{end:.3g}" for end in cue.range]
    else:
        names = _names(cue.real, cue.generated)
        if max(map(len, names)) > 6:
            names = names[:4]
        shares = [
            [(spread.counts or {}).get(name, 0) / max(spread.files, 1) for name in names]
            for spread in (cue.real, cue.generated)
        ]
        labels = names
    return _mirror(shares[0], shares[1], labels, edges=cue.range is not None)


def _names(real: Spread, generated: Spread, most: int = 6) -> list[str]:
    counts: dict[str, float] = {}
    for spread in (real, generated):
        for name, count in (spread.counts or {}).items():
            counts[name] = counts.get(name, 0.0) + count / max(spread.files, 1)
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


def _shares(bins: Iterable[int]) -> list[float]:
    counts = list(bins)
    total = max(sum(counts), 1)
    return [count / total for count in counts]


def _mirror(real: Sequence[float], made: Sequence[float], labels: Sequence[str], *, edges: bool) -> str:
    """Bars of the camera-made pictures upwards, of the generated ones downwards, on one scale."""
    top = max([*real, *made, 1e-9])
    number = max(len(real), len(made), 1)
    step = _WIDTH / number
    bars = []
    for kind, shares in (("real", real), ("made", made)):
        for index, share in enumerate(shares):
            height = round(_HALF * share / top, 1)
            if height > 0:
                y = _HALF - height if kind == "real" else _HALF
                bars.append(
                    f'<rect class="{kind}" x="{index * step + 0.5:.1f}" y="{y:.1f}" width="{step - 1:.1f}" '
                    f'height="{height}"/>'
                )
    y = 2 * _HALF + 10
    if edges:
        texts = (
            f'<text x="0" y="{y}">{safe(labels[0])}</text>'
            f'<text x="{_WIDTH}" y="{y}" text-anchor="end">{safe(labels[1])}</text>'
        )
    else:
        room = max(3, int(step / 5.6))
        texts = "".join(
            f'<text x="{(i + 0.5) * step:.1f}" y="{y}" text-anchor="middle">{safe(_cut(name, room))}</text>'
            for i, name in enumerate(labels)
        )
    words = f"camera-made above, generated below; {', '.join(labels)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 2}" role="img" aria-label="{safe(words)}">{"".join(bars)}'
        f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{_HALF}" y2="{_HALF}"/>{texts}</svg>'
    )


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _subset(scope: Scope) -> str:
    parts = [page.paragraph(scope.headline)]
    if scope.found:
        parts += [_KEY, _cues(scope.found)]
    else:
        parts.append(page.paragraph(NOTHING))
    accuracies = [*scope.baselines, *([scope.detector] if scope.detector else [])]
    parts.append(page.facts((a.title, safe(percent(a))) for a in accuracies))
    counts = f"{scope.real:,} camera-made, {scope.generated:,} generated"
    return page.section(f"Subset {scope.name} ({counts})", *parts)


def _duplicates(report: Report) -> str:
    if not report.duplicate_groups:
        words = (
            "No picture stands in both classes or in two splits, neither with equal pixels nor within "
            f"{report.distance} of the 64 bits of a perceptual hash. A photo and its own twin do not count."
        )
        return page.section("Duplicates", page.paragraph(words))
    words = (
        f"{report.duplicate_groups:,} pictures stand in places that should share none. “Look alike” means "
        f"perceptual hashes within {report.distance} of 64 bits: look at them before removing any."
    )
    lines = [duplicate_line(group) for group in report.duplicates[:MOST_LINES]]
    return page.section("Duplicates", page.paragraph(words), page.bullets(lines))


def _notes(report: Report) -> str:
    parts = []
    for title, lines in (
        ("Notes", report.notes),
        ("Files that cannot be read", report.unreadable),
        ("Not read by the layout's reader", report.skipped),
    ):
        if lines:
            left = len(lines) - MOST_LINES
            more = [f"{left} more are in the JSON report"] if left > 0 else []
            parts.append(f"<h3>{safe(title)}</h3>" + page.bullets([*lines[:MOST_LINES], *more]))
    return page.section("Notes and files left out", *parts) if parts else ""
