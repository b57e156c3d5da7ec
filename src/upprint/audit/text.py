"""The report on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from upprint.audit.cues import MEANS
from upprint.audit.report import Accuracy, CueResult, Duplicates, Report, Scope
from upprint.result import printable

MOST_LINES = 20
NOTHING = "No cue separates the classes."


def render(report: Report) -> RenderableType:
    """Everything found; undefined and unsuspicious cues are named, not listed."""
    parts: list[RenderableType] = [_title(report)]
    for scope in report.scopes:
        parts += list(_scope(scope, report, whole=scope is report.everything))
    parts += list(_duplicates(report))
    for title, style, lines in (
        ("note", "bold yellow", report.notes),
        ("unreadable", "bold red", report.unreadable),
        ("not read", "dim", report.skipped),
    ):
        for line in lines[:MOST_LINES]:
            parts.append(Text.assemble((f"{title}: ", style), printable(line)))
        if len(lines) > MOST_LINES:
            parts.append(Text(f"{title}: {len(lines) - MOST_LINES} more, see the JSON report"))
    return Group(*parts)


def percent(accuracy: Accuracy) -> str:
    """Value and interval in percent, or why there is none."""
    if accuracy.value is None:
        return f"undefined: {accuracy.undefined}"
    text = f"{100 * accuracy.value:.1f} %"
    if accuracy.low is None or accuracy.high is None:
        return f"{text} (no interval: {accuracy.undefined})"
    return f"{text} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"


def effect(cue: CueResult) -> str:
    """An effect with its interval: "AUROC 0.93 [0.90, 0.96]"."""
    if cue.value is None or cue.low is None or cue.high is None:
        return "undefined"
    name = "AUROC" if cue.kind == "auroc" else "V"
    return f"{name} {cue.value:.2f} [{cue.low:.2f}, {cue.high:.2f}]"


def p_value(cue: CueResult) -> str:
    if cue.p is None:
        return ""
    return "< 0.001" if cue.p < 0.001 else f"{cue.p:.3f}"


def duplicate_line(group: Duplicates) -> str:
    """One group of duplicates in a line."""
    files = ", ".join(
        f"{copy.path} ({'generated' if copy.label else 'camera-made'}{', ' + copy.part if copy.part else ''})"
        for copy in group.files
    )
    more = f" and {group.more} more" if group.more else ""
    kind = "same pixels" if group.exact else "look alike"
    return f"{kind}, different {' and '.join(group.crosses)}: {files}{more}"


def _title(report: Report) -> Text:
    scope = report.everything
    return Text.assemble(
        ("Audit of ", "bold"),
        (printable(report.name), "bold"),
        f": {scope.real:,} camera-made and {scope.generated:,} generated pictures from "
        f"{scope.sources:,} source photos",
    )


def _scope(scope: Scope, report: Report, *, whole: bool) -> Iterator[RenderableType]:
    if not whole or len(report.scopes) > 1:
        yield Text(f"\n{printable(scope.name)} ({scope.real:,} + {scope.generated:,})", style="bold")
    yield Text.assemble("\n" if whole else "", (scope.headline, "bold red" if scope.biases else "bold green"))
    if whole or scope.detector is not None:
        yield _accuracies(scope)
    if not scope.found:
        yield Text(f"{NOTHING} ({_tested(scope)} cues tested)")
        return
    table = Table(box=SIMPLE_HEAD)
    table.add_column("what separates", ratio=1)
    table.add_column("effect", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    shown = scope.found if whole else scope.found[:3]
    for cue in shown:
        note = f" ({MEANS['content'].partition('; ')[2]})" if cue.group == "content" else ""
        table.add_row(Text(printable(cue.sentence + note)), effect(cue), p_value(cue))
    yield table
    if len(shown) < len(scope.found):
        names = ", ".join(cue.title for cue in scope.found[len(shown) :])
        yield Text(f"also: {names}", style="dim")


def _tested(scope: Scope) -> int:
    return sum(cue.p is not None for cue in scope.cues)


def _accuracies(scope: Scope) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Balanced accuracy of guessing the class from", title_justify="left")
    table.add_column("what is seen")
    table.add_column("by cross-validation, with 95 % interval")
    for accuracy in (*scope.baselines, *([scope.detector] if scope.detector else [])):
        table.add_row(Text(printable(accuracy.title)), percent(accuracy))
    return table


def _duplicates(report: Report) -> Iterator[RenderableType]:
    if not report.duplicate_groups:
        yield Text(
            f"\nNo picture stands in both classes or in two splits (equal pixels, or {report.distance} of 64 "
            "bits of a perceptual hash)."
        )
        return
    yield Text(
        f"\n{report.duplicate_groups:,} pictures stand in places that should share none:", style="bold red"
    )
    for group in report.duplicates[:MOST_LINES]:
        yield Text(f"  {printable(duplicate_line(group))}")
    if report.duplicate_groups > MOST_LINES:
        yield Text(f"  and {report.duplicate_groups - MOST_LINES} more")
