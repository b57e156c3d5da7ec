"""`upprint systems`: what can be used, and the cards."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, console

if TYPE_CHECKING:
    from upprint.card import MapTest, Number, SystemCard


@app.command()
def systems(
    name: Annotated[str | None, typer.Argument(help="Print this system's card.")] = None,
) -> None:
    """List the systems that scan here and those that can be trained, or print one card."""
    from upprint.result import UnknownSystem

    cards, shipped, torch = _cards()
    if name is None:
        _list(cards, shipped, torch)
        return
    if name not in cards:
        near = difflib.get_close_matches(name, cards, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UnknownSystem(f"no system {name!r}; {hint}known: {', '.join(sorted(cards)) or 'none'}")
    _print_card(cards[name], name in shipped)


def _cards() -> tuple[dict[str, SystemCard], set[str], bool]:
    """Cards by name, the names that ship weights, and whether torch is there to build the others."""
    from importlib.util import find_spec

    from upprint.runtime.store import find, shipped

    cards: dict[str, SystemCard] = {}
    torch = find_spec("torch") is not None
    if torch:
        from upprint.systems import card_of, list_systems

        cards = {name: card_of(name) for name in list_systems()}
    scanning = {name: find(name)[1] for name in shipped()}
    return cards | scanning, set(scanning), torch


def _list(cards: dict[str, SystemCard], shipped: set[str], torch: bool) -> None:
    from rich.table import Table

    table = Table("name", "title", "year", "kind", "scans as installed", box=None, header_style="bold")
    for name, card in sorted(cards.items()):
        faithful = "faithful" if card.faithful else "ours"
        table.add_row(
            name, card.title, str(card.year), faithful, "yes" if name in shipped else "needs weights"
        )
    console.print(table, markup=False)
    if more := [name for name, card in sorted(cards.items()) if card.needs]:
        console.print(f"Weights of others, see `upprint systems NAME`: {', '.join(more)}", markup=False)
    if not torch:
        console.print(
            "Systems without shipped weights are listed with: pip install 'upprint[train]'", markup=False
        )


def _print_card(card: SystemCard, shipped: bool) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")

    def line(label: str, text: object) -> None:
        facts.add_row(label, Text(str(text)))

    def block(label: str, items: list[str]) -> None:
        if items:
            console.print(Text(label, style="bold"))
        for item in items:
            console.print(Padding(Text(f"- {item}"), (0, 0, 0, 2)))

    rule = card.input
    budget = f"{rule.tile}² tiles at multiples of {rule.grid} pixels, {rule.budget} per picture"
    line("system", f"{card.name}: {card.title} ({card.year})")
    line("paper", card.paper)
    line("kind", "reproduces the paper" if card.faithful else "ours")
    line("idea", card.idea)
    line("parameters", f"{card.parameters:,}")
    line("trained by", "steps on a loss" if card.trained_by == "gradient" else "one fit to all pictures")
    if card.needs:
        line("needs", card.needs)
    line("options", ", ".join(f"{key}={value}" for key, value in card.options.items()) or "as published")
    line("input", f"{budget}; picture's logit is their {rule.pooling}")
    line("scans", "yes, weights are shipped" if shipped else "needs weights: train or import them")
    if not card.exportable:
        line("export", f"not possible: {card.export_note}")
    line("code", card.code_licence)
    if card.weights is not None:
        line("weights", f"{card.weights.onnx}, {card.weights.licence}, SHA-256 {card.weights.onnx_sha256}")
        line("trained on", card.weights.trained_on)
        line("made by", card.weights.command)
    if card.calibration is None:
        line("calibration", "none: logits only, no verdicts")
    else:
        scale = card.calibration
        rates = ", ".join(f"{rate}: {logit:.3f}" for rate, logit in scale.thresholds.items())
        line("calibration", f"{scale.photos} photos; {scale.data}")
        line("thresholds", f"{rates} (rate: logit; default {scale.default_fpr})")
        line("inconclusive", f"from logit {scale.inconclusive:.3f} up to the threshold")
    console.print(facts)
    block("Limits", list(card.limits))
    block("Departures from the authors' code", list(card.departures))
    block("Maps", [_map(found) for found in card.maps])
    block("Numbers", [_number(number) for number in card.numbers])


def _map(found: MapTest) -> str:
    verdict = "beats chance" if found.beats_chance else "does not beat chance"
    figure = f"pixel AUROC {found.auroc:.3f} [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.map} {verdict}: {figure}; {found.data} (measured, {found.date})"


def _number(number: Number) -> str:
    interval = "" if number.low is None else f" [{number.low:g}, {number.high:g}]"
    when = f", {number.date}" if number.date else ""
    figure = f"{number.metric} {number.value:g}{interval}"
    return f"{figure}: {number.data}, {number.protocol} ({number.source}{when})"
