"""Names to builders; nothing else."""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from upprint.card import SystemCard
from upprint.detector import Detector
from upprint.result import ConfigError, UnknownSystem

Builder = Callable[..., Detector]
_BUILDERS: dict[str, Builder] = {}


def register(builder: Builder) -> Builder:
    """Make `builder` available under its own function name."""
    name = builder.__name__
    if name in _BUILDERS:
        raise ConfigError(f"system {name!r} is registered twice")
    _BUILDERS[name] = builder
    return builder


def list_systems() -> list[str]:
    """Names of all systems, sorted."""
    _load_all()
    return sorted(_BUILDERS)


def create(name: str, **options: Any) -> Detector:
    """Build a system, untrained; `options` are the builder's own.

    Raises:
        UnknownSystem: no such name; the message lists near ones.
        ConfigError: the system has no such option.
    """
    _load_all()
    if name not in _BUILDERS:
        near = difflib.get_close_matches(name, _BUILDERS, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UnknownSystem(f"no system {name!r}; {hint}known: {', '.join(sorted(_BUILDERS))}")
    builder = _BUILDERS[name]
    signature = inspect.signature(builder)
    try:
        signature.bind(**options)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise ConfigError(f"system {name!r}: {error}; its options: {known}") from error
    return builder(**options)


def card_of(name: str) -> SystemCard:
    """The card of a system as published, without the memory and the time that its weights would take."""
    _load_all()
    with torch.device("meta"):
        return create(name).card


def _load_all() -> None:
    package = import_module("upprint.systems")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            import_module(f"upprint.systems.{module.name}")
