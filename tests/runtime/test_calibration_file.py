from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import upprint
from upprint.card import Number
from upprint.result import ConfigError, Verdict
from upprint.runtime.calibration_file import CalibrationFile, Tiles, as_values, open_calibration, write
from upprint.runtime.output import Output
from upprint.runtime.settings import Settings
from upprint.runtime.store import find


@pytest.fixture
def own(tiny: Path) -> CalibrationFile:
    """Calls everything above logit -1 generated, from -3 on inconclusive."""
    card = find(tiny)[1]
    assert card.weights is not None
    return CalibrationFile(
        system="tiny",
        weights_sha256=card.weights.onnx_sha256,
        tiles=Tiles(32, 8, 9, "mean"),
        engine="onnxruntime",
        fpr="0.05",
        confidence=0.95,
        bound=0.049,
        photos=60,
        errors=0,
        threshold=-1.0,
        inconclusive=-3.0,
        inconclusive_fpr=0.1,
        temperature=1.0,
        bias=0.0,
        scale="card",
        generated=0,
        data="mine",
        date="2026-01-02T03:04:05+00:00",
        version="0.1.0",
    )


def test_the_file_comes_back(own: CalibrationFile, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    write(own, path)
    assert open_calibration(path) == own
    assert open_calibration(as_values(own)) == own
    assert open_calibration(own) is own
    assert json.loads(path.read_text(encoding="utf-8"))["upprint_calibration"] == 1


def test_scan_and_load_judge_by_it(own: CalibrationFile, tiny: Path, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    write(own, path)
    before = list(upprint.scan(pictures, system=tiny))
    after = list(upprint.scan(pictures, system=tiny, calibration=path))
    assert [row.logit for row in after] == [row.logit for row in before]
    scored = [row for row in after if row.logit is not None]
    for row in scored:
        assert row.logit is not None
        below = Verdict.INCONCLUSIVE if row.logit >= -3 else Verdict.NO_TRACE
        expected = Verdict.GENERATED if row.logit >= -1 else below
        assert row.verdict == expected
    assert {row.verdict for row in scored} != {row.verdict for row in before if row.logit is not None}
    assert list(upprint.ScanResult.columns()) == list(after[0].row())
    name = scored[0].path
    assert upprint.load(tiny, calibration=own)(name).verdict == scored[0].verdict


def test_worker_processes_judge_alike(own: CalibrationFile, tiny: Path, pictures: Path) -> None:
    alone = list(upprint.scan(pictures, system=tiny, calibration=own, workers=1))
    assert list(upprint.scan(pictures, system=tiny, calibration=own, workers=2)) == alone


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": "other"}, "system other, this scores with tiny"),
        ({"weights_sha256": "0" * 64}, "weights of SHA-256 0000"),
        ({"tiles": Tiles(32, 8, None, "mean")}, "all per picture, their mean, this scores with .* 9 per"),
        ({"tiles": Tiles(64, 8, 9, "mean")}, "tiles of 64 pixels"),
        ({"tiles": Tiles(32, 8, 9, "max")}, "their max"),
        ({"engine": "openvino"}, "engine openvino"),
    ],
)
def test_another_system_or_tile_rule_is_refused(
    own: CalibrationFile, tiny: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        upprint.load(tiny, calibration=replace(own, **change))


def test_other_options_of_the_scan_are_refused(own: CalibrationFile, tiny: Path) -> None:
    with pytest.raises(ConfigError, match="all per picture"):
        Settings.resolve(tiny, tiles="all", calibration=own)
    with pytest.raises(ConfigError, match=r"no threshold for a false-positive rate of 0\.01"):
        Settings.resolve(tiny, fpr="0.01", calibration=own)
    assert Settings.resolve(tiny, fpr=0.05, calibration=own).fpr == "0.05"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": "high"}, "threshold: expected float"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"fpr": "often"}, "fpr is nan"),
        ({"bound": 0.2}, "does not keep it"),
        ({"errors": 60}, "60 errors in 60 photos"),
        ({"extra": 1}, "unknown keys"),
        ({"scale": "isotonic"}, "expected one of"),
        ({"upprint_calibration": 2}, "of this version"),
    ],
)
def test_reading_is_strict(
    own: CalibrationFile, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(json.loads(own.to_json()) | change), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as error:
        open_calibration(path)
    assert "c.json" in str(error.value)


def test_files_that_are_none(tmp_path: Path, own: CalibrationFile) -> None:
    for text in ("", "[]", "{", '{"temperature": 1}'):
        (tmp_path / "c.json").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="upprint calibrate"):
            open_calibration(tmp_path / "c.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        open_calibration(tmp_path / "missing.json")
    with pytest.raises(ConfigError, match="another --out"):
        write(own, tmp_path / "no" / "c.json")


def test_numbers_at_the_old_threshold_are_left_out(own: CalibrationFile, tiny: Path) -> None:
    numbers = [Number(metric, 0.5, "d", "p", "measured") for metric in ("auroc", "fpr_shipped")]
    card = own.apply(replace(find(tiny)[1], numbers=tuple(numbers)), 9, "onnxruntime")
    assert [number.metric for number in card.numbers] == ["auroc"]
    assert card.calibration is not None
    assert card.calibration.confidence == 0.95


def test_a_scan_is_not_continued_with_another_calibration(
    own: CalibrationFile, tiny: Path, tmp_path: Path, make_system: ModuleType
) -> None:
    settings = Settings.resolve(tiny, calibration=own)
    with Output(tmp_path / "x.jsonl", settings) as output:
        output.write(upprint.ScanResult("a", "tiny", error="bad"))
    with Output(tmp_path / "x.jsonl", settings, resume=True) as output:
        assert output.restored["error"] == 1
    other = Settings.resolve(tiny, calibration=replace(own, threshold=0.0))
    for changed in (other, Settings.resolve(tiny)):
        with pytest.raises(upprint.UpprintError, match="calibration"):
            Output(tmp_path / "x.jsonl", changed, resume=True)
