"""The text form: steps, chains, and the parser that says where a text goes wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import numpy as np

from upprint.perturb.kinds import KINDS, File, Kind, Number, Parameter, Pixels, Word
from upprint.result import ConfigError


@dataclass(frozen=True)
class Range:
    """A number, or an even draw between two."""

    low: float
    high: float

    def at(self, u: float) -> float:
        return self.low + (self.high - self.low) * u


@dataclass(frozen=True)
class OneOf:
    """A value, or an even draw among several."""

    values: tuple[Any, ...]

    def at(self, u: float) -> Any:
        return self.values[int(u * len(self.values))]


@dataclass(frozen=True)
class Step:
    """One perturbation: its name, its arguments, how often it is applied; of "chain", the steps inside."""

    name: str
    arguments: tuple[Range | OneOf, ...]
    probability: float = 1.0
    inner: tuple[Step, ...] = ()

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        chance, drawn = rng.random(), rng.random(len(self.arguments))
        child = rng.spawn(1)[0]
        if chance >= self.probability:
            return pixels
        kind = KINDS[self.name]
        values: list[Any] = [argument.at(u) for argument, u in zip(self.arguments, drawn, strict=True)]
        if kind.function is None:
            steps = self.inner if kind.group else _named(kind.texts[tuple(values)])
            return _run(steps, pixels, child)
        return kind.function(pixels, *values, child) if kind.seeded else kind.function(pixels, *values)


@dataclass(frozen=True)
class Chain:
    """Steps in order; `text` parses back to an equal chain."""

    text: str
    steps: tuple[Step, ...]

    def __call__(self, pixels: Pixels, seed: int) -> Pixels:
        """Perturb one picture.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            seed: any non-negative integer; equal seeds draw alike.

        Returns:
            (H', W', 3) uint8 RGB.
        """
        return _run(self.steps, pixels, np.random.default_rng(seed))


def parse(text: str) -> Chain:
    """Read the text form; an empty text is the chain that changes nothing.

    The chain's text is `text`, but that the file of a `fitted(FILE)` is followed by @ and its hash.

    Raises:
        ConfigError: malformed or unknown; the message has the position and the nearest valid name.
    """
    parser = _Parser(text)
    steps = parser.chain(0, len(text))
    return Chain(parser.canonical(), steps)


def _run(steps: tuple[Step, ...], pixels: Pixels, rng: np.random.Generator) -> Pixels:
    for step in steps:
        pixels = step(pixels, rng)
    return pixels


@cache
def _named(text: str) -> tuple[Step, ...]:
    return parse(text).steps


_STEP = re.compile(r"(?:(?P<p>[0-9.]+)\*)?(?P<name>[a-z]+)\((?P<args>.*)\)", re.DOTALL)
_LEADING = re.compile(r"(?:[0-9.]+\*)?([A-Za-z]+)")


class _Parser:
    """One text; positions are those of its characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.hashes: list[tuple[int, str]] = []

    def canonical(self) -> str:
        text = self.text
        for position, tail in sorted(self.hashes, reverse=True):
            text = text[:position] + tail + text[position:]
        return text

    def fail(self, position: int, message: str) -> NoReturn:
        raise ConfigError(f"perturbation {self.text!r}, position {position}: {message}")

    def chain(self, start: int, end: int) -> tuple[Step, ...]:
        if not self.text[start:end].strip():
            return ()
        return tuple(self.step(*self.trimmed(*span)) for span in self.split(start, end, "|"))

    def step(self, start: int, end: int) -> Step:
        part = self.text[start:end]
        match = _STEP.fullmatch(part)
        if match is None:
            leading = _LEADING.match(part)
            near = f"; nearest: {_nearest(leading[1], KINDS)!r}" if leading else ""
            self.fail(start, f"{part!r} is not name(arguments), e.g. jpeg(75) or 0.5*resize(0.5..2){near}")
        name = match["name"]
        if name not in KINDS:
            near = _nearest(name, KINDS)
            self.fail(
                start + match.start("name"),
                f"no perturbation {name!r}; nearest: {near!r}; known: {', '.join(KINDS)}",
            )
        probability = self.number(match["p"], start) if match["p"] else 1.0
        if not 0 <= probability <= 1:
            self.fail(start, f"probability {probability}: expected 0 to 1")
        inside = (start + match.start("args"), start + match.end("args"))
        if KINDS[name].group:
            inner = self.chain(*inside)
            if not inner:
                self.fail(inside[0], f"{name}() holds no steps, e.g. {name}(blur(1)|jpeg(75))")
            return Step(name, (), probability, inner)
        return Step(name, self.arguments(name, KINDS[name], start, inside), probability)

    def arguments(
        self, name: str, kind: Kind, start: int, inside: tuple[int, int]
    ) -> tuple[Range | OneOf, ...]:
        spans = [self.trimmed(*span) for span in self.split(*inside, ",")]
        spans = [(low, high) for low, high in spans if low < high]
        most = len(kind.parameters)
        if not kind.required <= len(spans) <= most:
            count = f"{kind.required} to {most}" if kind.required < most else str(most)
            names = ", ".join(p.name for p in kind.parameters)
            found = [self.text[low:high] for low, high in spans]
            self.fail(start, f"{name} takes {count} arguments ({names}), found {found}")
        return tuple(self.argument(p, *span) for p, span in zip(kind.parameters, spans, strict=False))

    def argument(self, parameter: Parameter, start: int, end: int) -> Range | OneOf:
        text = self.text[start:end]
        if isinstance(parameter, File):
            return self.file(text, start, end)
        if isinstance(parameter, Word):
            return OneOf(tuple(self.word(parameter, word.strip(), start) for word in text.split("/")))
        if "/" in text:
            numbers = [self.range(parameter, item.strip(), start) for item in text.split("/")]
            if any(number.low != number.high for number in numbers):
                self.fail(start, f"{text}: expected single values between the slashes")
            return OneOf(tuple(number.low for number in numbers))
        return self.range(parameter, text, start)

    def word(self, parameter: Word, text: str, position: int) -> str:
        if text not in parameter.words:
            near = _nearest(text, parameter.words)
            self.fail(
                position,
                f"no {parameter.name} {text!r}; nearest: {near!r}; known: {', '.join(parameter.words)}",
            )
        return text

    def range(self, parameter: Number, text: str, position: int) -> Range:
        low_text, dots, high_text = text.partition("..")
        low = self.number(low_text, position)
        high = self.number(high_text, position) if dots else low
        if not parameter.low <= low <= high <= parameter.high:
            self.fail(
                position,
                f"{text}: expected {parameter.low} <= low <= high <= {parameter.high} for {parameter.name}",
            )
        if parameter.odd and (low != high or low % 2 != 1):
            self.fail(position, f"{text}: expected an odd whole {parameter.name}, or several as in 1/3/5")
        return Range(low, high)

    def number(self, text: str, position: int) -> float:
        try:
            return float(text)
        except ValueError:
            self.fail(position, f"{text!r} is not a number")

    def file(self, text: str, start: int, end: int) -> OneOf:
        from upprint import attacks

        path, at, digest = text.rpartition("@")
        attack = attacks.load(path if at else text)
        if not at:
            self.hashes.append((end, f"@{attack.short_hash}"))
        elif digest != attack.short_hash:
            self.fail(start, f"{path!r} has the hash {attack.short_hash}, expected {digest}; fit it again")
        return OneOf((attack,))

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        part = self.text[start:end]
        start += len(part) - len(part.lstrip())
        return start, max(start, end - (len(part) - len(part.rstrip())))

    def split(self, start: int, end: int, mark: str) -> list[tuple[int, int]]:
        """Spans between the marks that stand outside all parentheses."""
        spans, opened, begin = [], [], start
        for position in range(start, end):
            letter = self.text[position]
            if letter == "(":
                opened.append(position)
            elif letter == ")":
                if not opened:
                    self.fail(position, "a ')' that closes nothing")
                opened.pop()
            elif letter == mark and not opened:
                spans.append((begin, position))
                begin = position + 1
        if opened:
            self.fail(opened[-1], "a '(' that is never closed")
        return [*spans, (begin, end)]


def _nearest(name: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0)[0]
