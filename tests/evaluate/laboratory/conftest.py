"""A small laboratory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from upprint.evaluate.laboratory.config import LaboratoryConfig, VariantConfig
from upprint.train import OptimiserConfig


@pytest.fixture(scope="session")
def make_config() -> Callable[..., LaboratoryConfig]:
    """A small laboratory; keywords replace its settings."""

    def make(**changes: object) -> LaboratoryConfig:
        settings: dict[str, object] = {
            "variants": {
                "npr": VariantConfig("NPR", seeds=(0, 1), rows=("nearest", "bilinear")),
                "azimuthal": VariantConfig("line", "azimuthal", "linear", regularisation=1.0),
            },
            "tests": {"as forged": ""},
            "main": "npr",
            "control": "azimuthal",
            "crop": 32,
            "window": 64,
            "steps": 24,
            "batch": 8,
            "test_share": 0.5,
            "precision": "32-true",
            "threads": None,
            "optimiser": OptimiserConfig(lr=1e-3, schedule="cosine"),
            "draws": 100,
        }
        return LaboratoryConfig(**{**settings, **changes})  # type: ignore[arg-type]

    return make
