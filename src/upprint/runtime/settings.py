"""What a scan was asked for, resolved against the system's card before any file is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upprint.card import SystemCard
from upprint.images import DEFAULT_MAX_PIXELS
from upprint.result import ConfigError, ScanResult
from upprint.runtime import calibration_file, engines, session, store
from upprint.runtime.calibration import probability, resolve_fpr, verdict
from upprint.runtime.calibration_file import CalibrationFile


@dataclass(frozen=True)
class Settings:
    """Resolved settings; `Settings.resolve` makes them."""

    graph: Path
    card: SystemCard
    fpr: str | None
    """As the card writes it; None for an uncalibrated system."""
    budget: int | None
    """Tiles per picture; None for all."""
    engine: str
    max_pixels: int
    own: CalibrationFile | None = None
    """The user's own calibration; `card` has it in place of its own."""

    @classmethod
    def resolve(
        cls,
        system: str | os.PathLike[str] | None = None,
        *,
        fpr: str | float | None = None,
        tiles: int | str | None = None,
        engine: str = "onnxruntime",
        max_pixels: int | None = None,
        calibration: calibration_file.Source | None = None,
    ) -> Settings:
        """Find the system and check every setting.

        Raises:
            UnknownSystem, CardError, ConfigError, MissingExtra: see `session.load`.
        """
        graph, card = store.find(store.DEFAULT_SYSTEM if system is None else system)
        limit = DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels
        if limit < 1:
            raise ConfigError(f"max_pixels {limit}: expected a whole number from 1")
        engines.opener(engine)
        budget = session.tile_budget(tiles, card)
        own = None if calibration is None else calibration_file.open_calibration(calibration)
        card = card if own is None else own.apply(card, budget, engine)
        return cls(graph, card, resolve_fpr(card, fpr), budget, engine, limit, own)

    def open(self, threads: int | None = None) -> session.Scorer:
        """A scorer with these settings; raises `WeightsError` when the graph does not fit its card."""
        opened = session.Session(self.graph, self.card, threads=threads, engine=self.engine)
        return session.Scorer(opened, self.card, self.fpr, self.budget)

    def arguments(self) -> dict[str, Any]:
        """As JSON values, from which `resolve` makes the same settings in another process."""
        return {
            "system": str(self.graph.absolute()),
            "fpr": self.fpr,
            "tiles": "all" if self.budget is None else self.budget,
            "engine": self.engine,
            "max_pixels": self.max_pixels,
            "calibration": None if self.own is None else calibration_file.as_values(self.own),
        }

    def header(self) -> dict[str, Any]:
        """What must be equal for one scan to continue another."""
        weights = self.card.weights
        own = {} if self.own is None else {"calibration": calibration_file.as_values(self.own)}
        return {
            "system": self.card.name,
            "weights_sha256": None if weights is None else weights.onnx_sha256,
            "fpr": self.fpr,
            "tiles": "all" if self.budget is None else self.budget,
            "engine": self.engine,
            "max_pixels": self.max_pixels,
            **own,
        }

    def agrees(self, row: ScanResult) -> bool:
        """Whether these settings would judge the row's logit as the row does."""
        if row.system != self.card.name:
            return False
        scale = self.card.calibration
        if row.logit is None:
            return True
        if scale is None:
            return row.probability is None and row.verdict is None
        judged = probability(row.logit, scale), verdict(row.logit, scale, self.fpr)
        return (row.probability, row.verdict) == judged
