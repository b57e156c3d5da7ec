from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.card import InputRule, SystemCard
from upprint.data.protocol import Protocol, named
from upprint.data.sample import Sample
from upprint.evaluate import predict as module
from upprint.evaluate import predictions
from upprint.evaluate.model import Model
from upprint.evaluate.predict import predict
from upprint.result import ConfigError, DataError, ResumeError

CARD = SystemCard(
    name="grey",
    title="",
    paper="",
    year=2024,
    faithful=False,
    idea="",
    parameters=0,
    input=InputRule(tile=32, grid=8),
)


def grey(batch: np.ndarray) -> np.ndarray:
    assert batch.dtype == np.uint8
    assert batch.ndim == 4
    return batch.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32) - 128


MODEL = Model(grey, CARD, "grey.onnx", "ab" * 32, "numpy", 0, pixels_per_run=3 * 64 * 64)
NATIVE = named("npr-native")


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Forty PNGs of mixed sizes, two of them broken; a generated picture has its photo's source."""
    rng = np.random.default_rng(0)
    found = []
    for index in range(40):
        path = tmp_path / f"{index:02d}.png"
        side = 40 + 8 * (index % 3)
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(path)
        label = index % 2
        found.append(
            Sample(str(path), label, "ab"[index // 20], "gan" if label else "real", f"photo{index // 2}")
        )
    Path(found[7].path).write_bytes(b"")
    Path(found[30].path).write_bytes(b"no picture")
    return found


def run(samples: list[Sample], out: Path, protocol: Protocol = NATIVE, **options: object) -> module.Outcome:
    return predict(samples, MODEL, protocol, out=out, data="test", **options)  # type: ignore[arg-type]


def test_rows_are_the_samples_in_order_with_scores_computed_apart(
    samples: list[Sample], tmp_path: Path
) -> None:
    outcome = run(samples, tmp_path / "p.jsonl")
    assert (outcome.samples, outcome.errors) == (40, 2)
    rows = predictions.read(tmp_path / "p.jsonl").rows
    assert [(r.path, r.label, r.subset, r.generator, r.source) for r in rows] == [
        (s.path, s.label, s.subset, s.generator, s.source) for s in samples
    ]
    for index, row in enumerate(rows):
        if index in (7, 30):
            assert row.logit is None
            assert row.error.startswith(("EmptyFile", "NotAnImage"))  # type: ignore[union-attr]
        else:
            pixels = np.asarray(Image.open(row.path))
            assert row.logit == pytest.approx(pixels.mean() - 128, abs=1e-4)


def test_header_says_what_was_run(samples: list[Sample], tmp_path: Path) -> None:
    run(samples, tmp_path / "p.jsonl", perturbation="jpeg(60)", command="upprint evaluate x")
    header = predictions.read(tmp_path / "p.jsonl").header
    assert (header.system, header.weights, header.weights_sha256) == ("grey", "grey.onnx", "ab" * 32)
    assert (header.protocol, header.perturbation, header.data) == ("npr-native", "jpeg(60)", "test")
    assert header.command == "upprint evaluate x"
    assert header.samples == 40


@pytest.mark.parametrize("protocol", ["npr-resize256", "npr-aigc", "npr-genimage", "tiles"])
def test_protocols_reach_the_model(samples: list[Sample], tmp_path: Path, protocol: str) -> None:
    shapes = set()

    def watch(batch: np.ndarray) -> np.ndarray:
        shapes.add(batch.shape[1:])
        return grey(batch)

    watched = Model(watch, CARD, "w", "", "numpy", 0)
    predict(samples, watched, named(protocol), out=tmp_path / "p.jsonl", data="test")
    native = {(side, side, 3) for side in (40, 48, 56)}
    sides = {"npr-resize256": {(256, 256, 3)}, "npr-genimage": {(224, 224, 3)}, "tiles": {(32, 32, 3)}}
    assert shapes == sides.get(protocol, native)


def test_tiles_are_pooled_as_the_card_says(samples: list[Sample], tmp_path: Path) -> None:
    run(samples[:1], tmp_path / "p.jsonl", named("tiles"))
    pixels = np.asarray(Image.open(samples[0].path))
    corners = [pixels[y : y + 32, x : x + 32].mean() - 128 for y in (0, 8) for x in (0, 8)]
    assert predictions.read(tmp_path / "p.jsonl").rows[0].logit == pytest.approx(np.mean(corners), abs=1e-3)


def test_any_cut_can_be_resumed_to_the_same_bytes(samples: list[Sample], tmp_path: Path) -> None:
    run(samples, tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes()
    body = whole.split(b"\n", 1)[1]
    for cut in [0, 10, *np.random.default_rng(1).integers(0, len(whole), 12), len(whole)]:
        out = tmp_path / "cut.jsonl"
        out.write_bytes(whole[: int(cut)])
        outcome = run(samples, out, resume=True, workers=1 + int(cut) % 3)
        assert (outcome.samples, outcome.errors) == (40, 2)
        assert out.read_bytes().split(b"\n", 1)[1] == body


def test_resumed_run_scores_no_finished_chunk_again(samples: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    run(samples, out)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[: 1 + 20]) + lines[21][:9])
    for sample in samples[: module.CHUNK]:
        Path(sample.path).unlink()
    run(samples, out, resume=True)
    assert out.read_bytes().splitlines(keepends=True)[1:] == lines[1:]


def test_another_run_is_not_continued(samples: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    run(samples, out)
    with pytest.raises(ConfigError, match="--resume"):
        run(samples, out)
    with pytest.raises(ResumeError, match="perturbation '' there, 'jpeg"):
        run(samples, out, resume=True, perturbation="jpeg(50)")
    with pytest.raises(ResumeError, match="samples"):
        run(samples[:-1], out, resume=True)
    with pytest.raises(ResumeError, match="protocol"):
        run(samples, out, named("tiles"), resume=True)
    out.write_text("something else\n")
    with pytest.raises(ResumeError, match="no predictions header"):
        run(samples, out, resume=True)


def test_perturbation_hits_both_classes_with_the_draw_of_their_source(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    for name in ("photo.png", "twin.png", "other.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    trio = [
        Sample(str(tmp_path / "photo.png"), 0, "s", "real", "one"),
        Sample(str(tmp_path / "twin.png"), 1, "s", "gan", "one"),
        Sample(str(tmp_path / "other.png"), 0, "s", "real", "two"),
    ]
    run(trio, tmp_path / "p.jsonl", perturbation="noise(20..60)")
    photo, twin, other = (row.logit for row in predictions.read(tmp_path / "p.jsonl").rows)
    assert photo == twin
    assert photo != other
    run(trio, tmp_path / "q.jsonl", perturbation="noise(20..60)", workers=3)
    assert [r.logit for r in predictions.read(tmp_path / "q.jsonl").rows] == [photo, twin, other]


def test_parquet_holds_the_same_rows_and_header(samples: list[Sample], tmp_path: Path) -> None:
    run(samples, tmp_path / "p.jsonl")
    run(samples, tmp_path / "p.parquet")
    lines, table = predictions.read(tmp_path / "p.jsonl"), predictions.read(tmp_path / "p.parquet")
    assert table.rows == lines.rows
    assert table.header.samples_sha256 == lines.header.samples_sha256
    assert [p.name for p in tmp_path.glob("*partial*")] == []
    assert run(samples, tmp_path / "p.parquet", resume=True).errors == 2
    with pytest.raises(ResumeError, match="perturbation"):
        run(samples, tmp_path / "p.parquet", resume=True, perturbation="jpeg(50)")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = str(tmp_path / "bad\udcff\n.png")
    Image.fromarray(np.full((40, 40, 3), 100, np.uint8)).save(path)
    sample = Sample(path, 0, "s", "real", "bad\udcff")
    run([sample], tmp_path / "p.jsonl")
    assert predictions.read(tmp_path / "p.jsonl").rows[0].path == path
    with pytest.raises(DataError, match="not UTF-8"):
        run([sample], tmp_path / "p.parquet")


def test_impossible_requests(samples: list[Sample], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to score"):
        run([], tmp_path / "p.jsonl")
    with pytest.raises(ConfigError, match="it trains"):
        run(samples, tmp_path / "p.jsonl", named("npr-train"))
    with pytest.raises(ConfigError, match=r"\.jsonl or \.parquet"):
        run(samples, tmp_path / "p.csv")
    assert list(tmp_path.glob("p.*")) == []


def test_malformed_files_are_refused(samples: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    run(samples, out)
    lines = out.read_text().splitlines()
    out.write_text("\n".join(lines[:9]) + "\n")
    with pytest.raises(DataError, match="8 of 40 rows; cut short"):
        predictions.read(out)
    out.write_text("\n".join([*lines[:9], "{", *lines[10:]]) + "\n")
    with pytest.raises(DataError, match="line 10"):
        predictions.read(out)
    row = {**json.loads(lines[1]), "surplus": 1}
    out.write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n")
    with pytest.raises(DataError, match="surplus"):
        predictions.read(out)
    with pytest.raises(DataError, match="cannot be read"):
        predictions.read(tmp_path / "none.jsonl")
