from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from upprint.record import build
from upprint.result import ConfigError


@dataclass(frozen=True)
class Inner:
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    rate: float = 1.0
    flag: bool = False
    kind: Literal["a", "b"] = "a"
    many: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)
    either: int | Literal["auto"] = "auto"
    table: dict[str, float] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def test_everything_is_read_and_nested() -> None:
    raw = {
        "name": "x",
        "rate": 2,
        "flag": True,
        "kind": "b",
        "many": ["p", "q"],
        "inner": {"size": [3, 4]},
        "either": 2,
        "table": {"k": 1},
        "free": {"deep": [1]},
    }
    expected = Outer("x", 2.0, True, "b", ("p", "q"), Inner((3, 4)), 2, {"k": 1.0}, {"deep": [1]})
    assert build(Outer, raw, "f.toml", ConfigError) == expected


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({"name": "x", "nmae": 1}, r"unknown keys \['nmae'\].*known"),
        ({}, "missing.*'name'"),
        ({"name": 3}, "name: expected str, found 3"),
        ({"name": "x", "rate": "fast"}, "rate: expected float"),
        ({"name": "x", "rate": True}, "rate: expected float"),
        ({"name": "x", "flag": 1}, "flag: expected bool"),
        ({"name": "x", "kind": "c"}, "expected one of 'a', 'b'"),
        ({"name": "x", "many": "p"}, "many: expected a list"),
        ({"name": "x", "inner": {"size": [1]}}, "expected 2 values"),
        ({"name": "x", "inner": {"sise": 1}}, "unknown keys"),
        ({"name": "x", "either": "all"}, "either"),
        ({"name": "x", "table": {"k": "v"}}, r"table\.k: expected float"),
        ([1], "expected a table"),
    ],
)
def test_mistakes_are_named(raw: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        build(Outer, raw, "f.toml", ConfigError)
    assert "f.toml" in str(caught.value)
