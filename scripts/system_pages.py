"""Write docs/systems/NAME.md for every system, from its card: the shipped one, else the registered one.

python scripts/system_pages.py            # rewrite
python scripts/system_pages.py --check    # exit 1 if stale
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import generated
from upprint.card import Calibration, Number, SystemCard
from upprint.runtime.store import find, shipped
from upprint.systems import card_of, list_systems

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "systems"
TITLES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy_shipped": "accuracy at the shipped threshold",
    "balanced_accuracy_shipped": "balanced accuracy at the shipped threshold",
    "generated_shipped": "generated pictures found at the shipped threshold",
    "fpr_shipped": "photos called generated at the shipped threshold",
    "tpr_at_1_fpr": "generated pictures found at 1 % false positives",
}
RIGHT = ("value", "from logit")
"""Columns of numbers."""


def pages() -> dict[str, str]:
    """File name -> page, the overview included."""
    carried = {name: find(name)[1] for name in shipped()}
    cards = {name: card_of(name) for name in list_systems()} | carried
    made = {f"{name}.md": page(card, name in carried) for name, card in sorted(cards.items())}
    return made | {"index.md": overview(cards, set(carried))}


def overview(cards: dict[str, SystemCard], carried: set[str]) -> str:
    rows = [
        f"| [{name}]({name}.md) | {card.title} | {card.year} | {_whose(card)} | {_scans(name in carried)} |"
        for name, card in sorted(cards.items())
    ]
    head = ["| name | title | year | | scans as installed |", "| --- | --- | --- | --- | --- |"]
    return _document(
        ["# Systems", "One page per system, from its card (`upprint systems NAME`).", "\n".join(head + rows)]
    )


def page(card: SystemCard, carried: bool) -> str:
    parts = [f"# {card.name}: {card.title}", f"{card.paper}.", _table(_facts(card, carried))]
    if card.weights is not None:
        parts += ["## Weights", _table(_weights(card))]
    if card.calibration is not None:
        parts += ["## Calibration", *_calibration(card.calibration)]
    if card.maps:
        parts += ["## Maps", *_maps(card)]
    parts += ["## Numbers", *_numbers(card)]
    if card.limits:
        parts += ["## Limits", _bullets(card.limits)]
    if card.departures:
        parts += ["## Departures from the authors' code", _bullets(card.departures)]
    return _document(parts)


def _facts(card: SystemCard, carried: bool) -> Iterator[tuple[str, str]]:
    rule = card.input
    yield "kind", _whose(card)
    yield "idea", card.idea
    yield "parameters", f"{card.parameters:,}"
    yield "trained by", "steps on a loss" if card.trained_by == "gradient" else "one fit to all pictures"
    if card.needs:
        yield "needs", card.needs
    yield "options", ", ".join(f"`{key} = {value}`" for key, value in card.options.items()) or "as published"
    tiles = f"{rule.tile} × {rule.tile} tiles at multiples of {rule.grid} pixels, {rule.budget} per picture"
    yield "input", f"{tiles}; its logit is their {rule.pooling}"
    yield "scans as installed", _scans(carried)
    if not card.exportable:
        yield "export", f"not possible: {card.export_note}"
    yield "licence of the code", card.code_licence


def _weights(card: SystemCard) -> Iterator[tuple[str, str]]:
    assert card.weights is not None
    yield "trained on", card.weights.trained_on
    yield "made by", f"`{card.weights.command}`"
    yield "licence", card.weights.licence
    yield f"SHA-256 of `{card.weights.onnx}`", f"`{card.weights.onnx_sha256}`"
    if card.weights.safetensors:
        yield f"SHA-256 of `{card.weights.safetensors}`", f"`{card.weights.safetensors_sha256}`"


def _calibration(scale: Calibration) -> Iterator[str]:
    yield f"Set on {scale.photos:,} camera-made pictures: {scale.data}."
    rows = [
        (
            f"generated, false-positive rate {rate}{' (default)' if rate == scale.default_fpr else ''}",
            f"{logit:.3f}",
        )
        for rate, logit in sorted(scale.thresholds.items(), key=lambda item: float(item[0]))
    ]
    rows.append(("inconclusive", f"{scale.inconclusive:.3f}"))
    yield _table(rows, ("verdict", "from logit"))
    sign = "−" if scale.bias >= 0 else "+"
    yield f"Probability: sigmoid((logit {sign} {abs(scale.bias):.3f}) / {scale.temperature:.3f})."


def _maps(card: SystemCard) -> Iterator[str]:
    yield (
        "Whether they show where, on composites whose generated region is known; a map that beats chance "
        "does better than 0.5, than a guess at the centre and than on controls. [How it is "
        "tested](../where.md)."
    )
    rows = [
        (
            f"`{found.map}`",
            f"{found.auroc:.3f} [{found.low:.3f}, {found.high:.3f}]",
            f"{found.centre:.3f}",
            f"{found.null:.3f}",
            "yes" if found.beats_chance else "no",
        )
        for found in card.maps
    ]
    yield _table(rows, ("map", "pixel AUROC", "centre guess", "on controls", "beats chance"))
    for data, date, command in dict.fromkeys((m.data, m.date, m.command) for m in card.maps):
        yield f"{data[0].upper()}{data[1:]}. Measured {date} by `{command}`."


def _numbers(card: SystemCard) -> Iterator[str]:
    if not card.numbers:
        yield "The card states no measured numbers."
        return
    yield (
        "In %, with 95 % intervals in brackets where there are some. AUROC is 50 by chance. Accuracy is high "
        "by itself where one class is much larger: read it beside the share of generated pictures found."
    )
    for data in dict.fromkeys(number.data for number in card.numbers):
        group = [number for number in card.numbers if number.data == data]
        yield f"### {data[0].upper()}{data[1:]}"
        rows = [(TITLES.get(n.metric, n.metric), n.protocol, _value(n)) for n in group]
        yield _table(rows, ("metric", "protocol", "value"))
        yield " ".join(dict.fromkeys(_source(number) for number in group))


def _value(number: Number) -> str:
    text = f"{100 * number.value:.1f}"
    if number.low is not None and number.high is not None:
        text += f" [{100 * number.low:.1f}, {100 * number.high:.1f}]"
    return text


def _source(number: Number) -> str:
    if number.source == "paper":
        return "Printed in the paper."
    when = f" {number.date}" if number.date else ""
    return f"Measured{when}" + (f" by `{number.command}`." if number.command else ".")


def _whose(card: SystemCard) -> str:
    return "reproduces the paper" if card.faithful else "ours"


def _scans(carried: bool) -> str:
    return "yes, weights are shipped" if carried else "no: train or import weights"


def _bullets(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ("", "")) -> str:
    rules = ["---:" if name in RIGHT else "---" for name in head]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rules)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _document(parts: list[str]) -> str:
    made = "<!-- Made by `python scripts/system_pages.py` from the cards. Do not edit by hand. -->"
    return "\n\n".join([made, *parts]) + "\n"


if __name__ == "__main__":
    generated.main(FOLDER, pages(), pattern="*.md", command="python scripts/system_pages.py")
