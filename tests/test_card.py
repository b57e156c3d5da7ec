"""Cards: frozen data, through JSON and back without loss, read strictly."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upprint.card import Calibration, InputRule, Number, SystemCard, Weights
from upprint.result import CardError

CARD = SystemCard(
    name="x",
    title="X",
    paper="A paper – with “quotes”",
    year=2024,
    faithful=True,
    idea="an idea",
    parameters=7,
    input=InputRule(tile=128, grid=16, budget=3, pooling="max"),
    departures=("one", "two"),
    options={"block": 2, "anchor": "mean", "deep": {"a": [1, None, True]}},
    weights=Weights("x.onnx", "aa", "x.safetensors", "bb", "twins", "upprint train x", "Apache-2.0"),
    calibration=Calibration(1.5, -0.25, {"0.01": 0.5, "0.001": 2.0}, "0.01", -1.0, 500, "photos"),
    numbers=(Number("AP", 0.9, "set", "protocol", "measured", low=0.8, high=0.95),),
)


def changed(path: str, value: Any) -> str:
    """CARD's JSON with the entry at a dotted path replaced; `...` removes it."""
    raw = json.loads(CARD.to_json())
    *parents, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    at = raw
    for parent in parents:
        at = at[parent]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return json.dumps(raw)


def test_json_and_back() -> None:
    assert SystemCard.from_json(CARD.to_json()) == CARD
    bare = replace(CARD, weights=None, calibration=None, numbers=())
    assert SystemCard.from_json(bare.to_json()) == bare


def test_text_stays_readable() -> None:
    assert "A paper – with “quotes”" in CARD.to_json()
    assert CARD.to_json().endswith("}\n")


def test_whole_numbers_stand_for_floats() -> None:
    card = SystemCard.from_json(changed("calibration/temperature", 2))
    assert card.calibration is not None
    assert type(card.calibration.temperature) is float
    assert SystemCard.from_json(changed("calibration/thresholds", {"0.01": 1})).calibration


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("year", "2024", r"year: expected int"),
        ("year", 2024.0, r"year: expected int"),
        ("year", True, r"year: expected int"),
        ("faithful", 1, r"faithful: expected bool"),
        ("departures", "one", r"departures: expected a list"),
        ("departures", ["one", 2], r"departures\[1\]: expected str"),
        ("options", [], r"options: expected a table"),
        ("input/pooling", "sum", r"pooling: expected one of"),
        ("input/tile", 0, r"tile is 0, expected at least 1"),
        ("input/tile", "128", r"tile: expected int"),
        ("input/tiles", 3, r"unknown keys \['tiles'\]"),
        ("input", None, r"expected a table for InputRule, found None"),
        ("calibration/thresholds", {"0.01": "1"}, r"thresholds\.0\.01: expected float"),
        ("calibration/thresholds", {"0.1": 1.0}, r"default false-positive rate '0\.01' has no threshold"),
        ("calibration/temperature", 0, r"temperature 0\.0, expected a number above 0"),
        ("calibration/temperature", True, r"temperature: expected float"),
        ("calibration/temperature", 10**400, r"too large"),
        ("calibration/photos", ..., r"missing.*'photos'"),
        ("numbers/0/value", None, r"numbers\[0\]: value: expected float"),
        ("numbers/0/source", "guess", r"expected one of 'paper', 'measured'"),
        ("name", ..., r"missing.*'name'"),
        ("nmae", "x", r"unknown keys \['nmae'\] in SystemCard; known: .*name"),
    ],
)
def test_reading_is_strict(path: str, value: Any, message: str) -> None:
    with pytest.raises(CardError, match=message) as caught:
        SystemCard.from_json(changed(path, value), origin="here.json")
    assert "here.json" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"name": NaN}', '{"name": "a", "name": "b"}', "[" * 100_000, "\ud800"],
    ids=["empty", "list", "null", "open", "nan", "twice", "deep", "surrogate"],
)
def test_what_is_no_card_is_a_card_error(text: str) -> None:
    with pytest.raises(CardError, match=r"here\.json"):
        SystemCard.from_json(text, origin="here.json")


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(list(json.loads(CARD.to_json()))), inner)
        ),
    )
)
def test_any_json_is_a_card_or_a_card_error(value: object) -> None:
    try:
        SystemCard.from_json(json.dumps(value))
    except CardError:
        return
    raise AssertionError("a generated value can hardly have all required keys")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(CARD.to_json(), encoding="utf-8")
    assert SystemCard.read(path) == CARD
    with pytest.raises(CardError, match=r"no\.json.*cannot be read"):
        SystemCard.read(tmp_path / "no.json")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match=r"x\.json.*cannot be read"):
        SystemCard.read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_is_refused_at_writing(value: object) -> None:
    with pytest.raises(CardError, match=r"card 'x' cannot be written"):
        replace(CARD, options={"value": value}).to_json()


def test_cards_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        CARD.name = "y"  # type: ignore[misc]
