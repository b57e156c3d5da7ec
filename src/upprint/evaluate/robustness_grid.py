"""What a robustness run tries: curves over one value each, from texts in which `;` lists the values.

    jpeg(95;85;75)          jpeg(95), jpeg(85), jpeg(75)
    resize(0.5;2,lanczos)   two factors, one kernel
    social(feed;messenger)  two named chains

A list drawn per picture, as in jpeg(75/85), stays one point.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from upprint.perturb import KINDS, parse
from upprint.result import ConfigError

CLEAN = ""
"""The text of the picture as it is; the first condition of every run."""

DEFAULT = (
    "jpeg(98;95;90;85;75;60;45;30)",
    "webp(95;80;60)",
    "resize(2;1.5;1.25;0.9;0.75;0.5)",
    "blur(0.5;1;2)",
    "noise(1;2;4;8)",
    "crop(192;128;64)",
    "gamma(0.6;0.8;1.25;1.6)",
    "median(3;5)",
    "screenshot(1.5;1;0.75;0.5)",
    "social(preview;reshared)",
    "combination(stated;restated,variance)",
)
"""Tried where nothing is asked for: from mild to strong on every axis."""

_LIST = re.compile(r"[^(),|]*;[^(),|]*")
_HEAD = re.compile(r"([a-z]+)\([^()]*\Z")


@dataclass(frozen=True)
class Point:
    """One condition: its value as it stands in the list, and its text, which parses."""

    value: str
    text: str


@dataclass(frozen=True)
class Curve:
    """Conditions that differ in one value.

    Args:
        name: of the step that varies; of curves over the same step, followed by the rest of the text.
        text: as given.
        axis: what the value is.
        points: in the order given.
    """

    name: str
    text: str
    axis: str
    points: tuple[Point, ...]


def curve(text: str) -> Curve:
    """Expand one text.

    Raises:
        ConfigError: two lists, a value given twice, or a condition that does not parse.
    """
    found = list(_LIST.finditer(text))
    if len(found) > 1:
        raise ConfigError(f"curve {text!r}, position {found[1].start()}: a second list; one value may vary")
    if not found:
        chain = parse(text)
        if not chain.steps:
            raise ConfigError(f"curve {text!r}: expected a perturbation, e.g. jpeg(95;85;75)")
        return Curve("others", text, "perturbation", (Point(chain.text, chain.text),))
    span, values = found[0], [value.strip() for value in found[0][0].split(";")]
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ConfigError(f"curve {text!r}, position {span.start()}: {', '.join(twice)} twice")
    texts = [text[: span.start()] + value + text[span.end() :] for value in values]
    points = tuple(Point(value, parse(one).text) for value, one in zip(values, texts, strict=True))
    head = _HEAD.search(text[: span.start()])
    if head is None:
        raise ConfigError(f"curve {text!r}, position {span.start()}: a list outside a step's arguments")
    name = head[1]
    place = text[head.end(1) + 1 : span.start()].count(",")
    parameters = KINDS[name].parameters
    return Curve(name, text, parameters[place].name if place < len(parameters) else "value", points)


def grid(texts: Sequence[str]) -> tuple[Curve, ...]:
    """All curves, names made unique; single conditions share one curve, "others", at the end."""
    curves = [curve(text) for text in texts]
    if not curves:
        raise ConfigError("no perturbation to try; give --curve, e.g. jpeg(95;85;75)")
    swept = [c for c in curves if c.name != "others"]
    alone = [c.points[0] for c in curves if c.name == "others"]
    names = [c.name for c in swept]
    found = [
        c if names.count(c.name) == 1 else Curve(f"{c.name}: {c.text}", c.text, c.axis, c.points)
        for c in swept
    ]
    if alone:
        found.append(Curve("others", "; ".join(p.text for p in alone), "perturbation", tuple(alone)))
    texts_of = [c.text for c in found]
    if twice := sorted({t for t in texts_of if texts_of.count(t) > 1}):
        raise ConfigError(f"the curve {twice[0]!r} is asked for twice")
    return tuple(found)


def conditions(curves: Sequence[Curve]) -> tuple[str, ...]:
    """Every text once, the clean one first."""
    return tuple(dict.fromkeys([CLEAN, *(point.text for c in curves for point in c.points)]))
