"""Where exported systems lie: those shipped with the package, and any .onnx file with its card beside it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from upprint.card import SystemCard
from upprint.result import UnknownSystem, WeightsError

DEFAULT_SYSTEM = "upprint"


def shipped() -> dict[str, Path]:
    """Names of the systems whose weights travel with the package, and their card files."""
    folder = Path(__file__).parents[1] / "weights"  # importlib.resources would cost 10 ms of every start
    return {card.stem: card for card in sorted(folder.glob("*.json"))}


def find(name: str | os.PathLike[str]) -> tuple[Path, SystemCard]:
    """The ONNX file and the card of a shipped system, or of an .onnx file with its .json beside it.

    Raises:
        UnknownSystem: neither a shipped name nor an .onnx file that exists.
        CardError: the card is missing or does not fit.
    """
    cards, text = shipped(), os.fspath(name)
    if text in cards:
        card = SystemCard.read(cards[text])
        file = card.weights.onnx if card.weights else f"{text}.onnx"
        return cards[text].with_name(file), card
    path = Path(text)
    if path.suffix.lower() == ".onnx" and path.is_file():
        return path, SystemCard.read(path.with_suffix(".json"))
    known = ", ".join(cards) or "none"
    raise UnknownSystem(
        f"no system {text!r}; shipped: {known}; or give the path of an .onnx file that exists"
    )


def read_verified(onnx_path: Path, card: SystemCard) -> bytes:
    """The bytes of the graph, once their SHA-256 equals the card's.

    Raises:
        WeightsError: the file cannot be read, the card states no hash, or they differ.
    """
    if card.weights is None:
        raise WeightsError(
            f"{onnx_path}: the card of {card.name!r} states no weights; export the system again"
        )
    try:
        graph = onnx_path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{onnx_path}: the weights of {card.name!r} cannot be read ({error})") from error
    found = hashlib.sha256(graph).hexdigest()
    if found != card.weights.onnx_sha256:
        raise WeightsError(
            f"{onnx_path}: SHA-256 is {found}, the card of {card.name!r} expects {card.weights.onnx_sha256}; "
            "the file was changed or belongs to another card: export or install it again"
        )
    return graph
