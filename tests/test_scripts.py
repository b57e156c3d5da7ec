from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from upprint.card import Number, SystemCard
from upprint.systems.npr import CARD

ROOT = Path(__file__).parent.parent


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_numbers_stand_between_the_markers() -> None:
    from dataclasses import replace

    def number(metric: str, value: float, protocol: str) -> Number:
        return Number(
            metric, value, "set A", protocol, "measured", value - 0.1, value + 0.1, "2026-01-02", "run it"
        )

    card: SystemCard = replace(
        CARD,
        numbers=(
            replace(number("photos_flagged_at_0.01", 0.03, "native tiles"), data="9 photos", low=None),
            number("auroc", 0.8, "native tiles, mean over generators"),
            number("auroc", 0.6, "native tiles, worst generator, rdm"),
            number("fpr_shipped", 0.2, "native tiles, mean over generators"),
        ),
    )
    module = script("readme_numbers")
    text = module.rendered(f"before\n{module.BEGIN}STALE\n{module.END}\nafter\n", [card])
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "STALE" not in text
    assert "| AUROC | 80.0 [70.0, 90.0] | 60.0 [50.0, 70.0] (rdm) |" in text
    assert "| photos called generated at the shipped threshold | 20.0 [10.0, 30.0] | – |" in text
    assert "| 9 photos | 3.0 |" in text
    assert "at the 1 % threshold" in text
    assert "2026-01-02" in text
    assert "`run it`" in text
    assert module.rendered(text, [card]) == text
