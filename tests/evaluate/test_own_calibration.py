from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from upprint.evaluate.own_calibration import Pictures, calibrate, distinct, parse_rate
from upprint.result import ConfigError, MetricError, ScanResult
from upprint.runtime.calibration import probability
from upprint.runtime.settings import Settings


def rows(logits: np.ndarray, name: str = "p") -> Pictures:
    return distinct(
        ScanResult(f"{name}{i}", "tiny", logit=float(x), sha256=f"{name}{i}") for i, x in enumerate(logits)
    )


@pytest.fixture
def settings(tiny: Path) -> Settings:
    return Settings.resolve(tiny)


def normal(n: int, centre: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, 1, n)


def test_photos_alone_move_the_threshold_and_leave_the_scale(settings: Settings) -> None:
    logits = normal(500, 0)
    found = calibrate(settings, rows(logits), fpr="0.01", data="mine")
    file = found.file
    assert (logits >= file.threshold).sum() <= file.errors == 1
    assert file.bound <= 0.01
    assert (logits >= file.inconclusive).mean() == pytest.approx(0.1, abs=0.002)
    assert settings.card.calibration is not None
    assert (file.temperature, file.bias, file.scale) == (0.5, 0.25, "card")
    assert found.card_errors == (logits >= settings.card.calibration.thresholds["0.01"]).sum()
    assert found.photos.decided_share == pytest.approx(0.9, abs=0.005)
    assert found.generated is found.reliability is None
    assert file.apply(settings.card, settings.budget, settings.engine).calibration is not None


def test_generated_pictures_fit_the_probability(settings: Settings) -> None:
    reals, fakes = rows(normal(400, -2)), rows(normal(80, 2, 1), "g")
    alone = calibrate(settings, reals)
    found = calibrate(settings, reals, fakes)
    assert found.file.threshold == alone.file.threshold
    assert (found.file.scale, found.file.generated) == ("both", 80)
    scale = found.file.apply(settings.card, settings.budget, settings.engine).calibration
    assert scale is not None
    assert probability(0.0, scale) == pytest.approx(0.5, abs=0.1)
    assert found.generated is not None
    assert found.reliability is not None
    assert found.generated.right == (fakes.logits >= found.file.threshold).sum()
    assert found.reliability.pictures == 480
    one = calibrate(settings, reals, fakes, method="bias").file
    assert (one.temperature, one.scale) == (1.0, "bias")


def test_too_few(settings: Settings) -> None:
    with pytest.raises(MetricError, match="at least 299, 249 more; these can promise 0.059"):
        calibrate(settings, rows(normal(50, 0)))
    with pytest.raises(MetricError, match="4 generated pictures"):
        calibrate(settings, rows(normal(300, 0)), rows(normal(4, 3), "g"))


def test_rates_that_are_none(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="inconclusive"):
        calibrate(settings, rows(normal(300, 0)), fpr="0.1")
    for text in ("often", "0", "1", "nan"):
        with pytest.raises(ConfigError, match="false-positive rate"):
            parse_rate(text)


def test_an_uncalibrated_system_needs_generated_pictures(tmp_path: Path, make_system: ModuleType) -> None:
    data = make_system.graph()
    path = make_system.write_system(tmp_path, data, make_system.card(data, calibrated=False))
    bare = Settings.resolve(path)
    with pytest.raises(ConfigError, match="--generated"):
        calibrate(bare, rows(normal(300, 0)))
    found = calibrate(bare, rows(normal(300, -2)), rows(normal(30, 2), "g"))
    assert found.card_errors is None
    assert found.file.apply(bare.card, 9, "onnxruntime").calibration is not None


def test_repeated_files_count_once() -> None:
    found = distinct(
        [
            ScanResult("a", "s", logit=1.0, sha256="x"),
            ScanResult("b", "s", logit=1.0, sha256="x"),
            ScanResult("c", "s", error="bad"),
        ]
    )
    assert found.logits.tolist() == [1.0]
    assert found.duplicates == ("b",)
    assert [row.path for row in found.failed] == ["c"]
