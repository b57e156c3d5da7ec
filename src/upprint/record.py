"""Frozen dataclasses from JSON or TOML, strictly: cards and configs share this one reader."""

from __future__ import annotations

import tomllib
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from upprint.result import UpprintError

T = TypeVar("T")


def build(kind: type[T], raw: Any, where: str, error: type[UpprintError]) -> T:
    """Turn a parsed mapping into the dataclass `kind`.

    Args:
        kind: a dataclass; nested dataclasses, tuples, unions, literals and dicts are followed.
        raw: what the parser gave.
        where: names the file (and, in nested values, the key) in messages.
        error: raised for unknown, missing or mistyped values; says what is known or expected.
    """
    if not isinstance(raw, dict):
        raise error(f"{where}: expected a table for {kind.__name__}, found {raw!r}")
    known = {f.name for f in fields(kind) if f.init}  # type: ignore[arg-type]
    if unknown := sorted(set(raw) - known):
        raise error(f"{where}: unknown keys {unknown} in {kind.__name__}; known: {sorted(known)}")
    hints = typing.get_type_hints(kind)
    values = {name: _value(hints[name], value, f"{where}: {name}", error) for name, value in raw.items()}
    try:
        return kind(**values)
    except TypeError as problem:
        raise error(f"{where}: {problem}") from problem


def read_toml(path: Path, error: type[UpprintError]) -> dict[str, Any]:
    """Parse a TOML file; raises `error` where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise error(f"{path}: cannot be read as TOML ({problem})") from problem


def _value(hint: Any, raw: Any, where: str, error: type[UpprintError]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return raw
    if is_dataclass(hint):
        return build(typing.cast(type[Any], hint), raw, where, error)
    if origin in (types.UnionType, typing.Union):
        return _union(arguments, raw, where, error)
    if origin is Literal:
        if raw not in arguments:
            raise error(f"{where}: expected one of {', '.join(map(repr, arguments))}, found {raw!r}")
        return raw
    if origin is tuple:
        return _tuple(arguments, raw, where, error)
    if origin is dict:
        if not isinstance(raw, dict):
            raise error(f"{where}: expected a table, found {raw!r}")
        return {key: _value(arguments[1], value, f"{where}.{key}", error) for key, value in raw.items()}
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        try:
            return float(raw)
        except OverflowError as problem:
            raise error(f"{where}: {problem}") from problem
    if not isinstance(raw, hint) or (isinstance(raw, bool) and hint is not bool):
        raise error(f"{where}: expected {hint.__name__}, found {raw!r}")
    return raw


def _union(options: tuple[Any, ...], raw: Any, where: str, error: type[UpprintError]) -> Any:
    if raw is None and type(None) in options:
        return None
    problems = []
    for option in options:
        if option is not type(None):
            try:
                return _value(option, raw, where, error)
            except UpprintError as problem:
                problems.append(str(problem))
    raise error(" or ".join(problems) if problems else f"{where}: found {raw!r}")


def _tuple(items: tuple[Any, ...], raw: Any, where: str, error: type[UpprintError]) -> tuple[Any, ...]:
    if not isinstance(raw, list | tuple):
        raise error(f"{where}: expected a list, found {raw!r}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_value(items[0], item, f"{where}[{i}]", error) for i, item in enumerate(raw))
    if len(raw) != len(items):
        raise error(f"{where}: expected {len(items)} values, found {len(raw)}")
    return tuple(
        _value(h, v, f"{where}[{i}]", error) for i, (h, v) in enumerate(zip(items, raw, strict=True))
    )
