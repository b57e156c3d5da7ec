from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from upprint.card import SystemCard
from upprint.evaluate import where, where_results
from upprint.evaluate.where import Item, Pixelwise, code, judge, pixel_auroc, score, value
from upprint.evaluate.where_figure import draw
from upprint.evaluate.where_maps import LocalMap, artifact_maps, controls, maps_of
from upprint.evaluate.where_results import WhereResult, map_tests, summarise
from upprint.explain.words import map_test
from upprint.forge.composite import INSIDE, OUTSIDE, SEAM, Plan, compose
from upprint.forge.run import COLUMNS
from upprint.nets.rdn import RDN
from upprint.result import ConfigError, DataError, MetricError, ResumeError, WeightsError
from upprint.runtime.session import load

ROOT = Path(__file__).parents[2]

Draw = Callable[[np.ndarray], np.ndarray]


def planted(name: str, draw: Draw, *, logits: bool = True) -> LocalMap:
    return LocalMap(name, name, "as it is", lambda p: draw(p).astype(np.float32), logits)


def bright(pixels: np.ndarray) -> np.ndarray:
    """Twins are brighter than any photo here: positive inside, negative outside."""
    return pixels.mean(axis=-1) - 130


def noise(pixels: np.ndarray) -> np.ndarray:
    return np.random.default_rng(int(pixels.sum())).normal(size=pixels.shape[:2])


@pytest.fixture(scope="module")
def composites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Composites of twelve pairs, hard seams, lossless: a perfect map exists."""
    root, rng, rows = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0), []
    for index in range(12):
        photo = rng.integers(40, 120, (64, 80, 3), dtype=np.uint8)
        for folder, pixels in (("photos", photo), ("twins", photo + np.uint8(100))):
            path = Path(folder) / f"{index}.png"
            (root / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(root / path)
            label = int(folder == "twins")
            maker = "m" if label else "real"
            rows.append({"path": path, "label": label, "subset": "m", "generator": maker, "source": index})
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    out = tmp_path_factory.mktemp("composites")
    compose(root, out, plan=Plan(lossless=1.0, seam=(0.0, 0.0)))
    return out


MAPS = [
    planted("perfect", bright),
    planted("inverted", lambda p: -bright(p)),
    planted("random", noise),
    *controls(),
]


def found(folder: Path, journal: Path, maps: list[LocalMap] = MAPS) -> list[Item]:
    return score(folder, maps, journal=journal, settings={"system": "s"}, threshold=0.0)


def test_planted_maps(composites: Path, tmp_path: Path) -> None:
    items = found(composites, tmp_path / "j.jsonl")
    results = {m.name: m for m in summarise(items, MAPS, lambda x: float(x > 0), draws=200)}
    perfect, inverted, random = (results[name] for name in ("perfect", "inverted", "random"))
    assert perfect.auroc.value == perfect.auroc_pooled.value == perfect.iou.value == 1
    assert inverted.auroc.value == inverted.auroc_pooled.value == inverted.iou.value == 0
    assert random.auroc.value == pytest.approx(0.5, abs=0.02)
    assert random.auroc_pooled.value == pytest.approx(0.5, abs=0.02)
    assert results["flat"].auroc.value == results["flat"].auroc_pooled.value == 0.5
    assert {name for name, m in results.items() if m.beats_chance} == {"perfect"}
    assert perfect.auroc_null.value == pytest.approx(0.5, abs=0.05)
    assert perfect.auroc_jpeg.value is None
    assert perfect.auroc_lossless == perfect.auroc
    assert [(b.probability, b.share) for b in perfect.calibration] == [(0, 0), (1, 1)]
    shares = [sum(i.maps["flat"].inside) / (64 * 80) for i in items if i.kind == "twin"]
    assert perfect.iou_everything.value == pytest.approx(np.mean(shares))
    assert results["centre"].iou.value is None
    assert results["centre"].over_centre.value == 0


def test_a_map_that_answers_to_pasting_alone_does_not_beat_chance(composites: Path, tmp_path: Path) -> None:
    """It marks the region of composites and controls alike."""
    masks = {
        np.asarray(Image.open(composites / row.path)).tobytes(): np.asarray(Image.open(composites / row.mask))
        for row in where.composite.read(composites)
    }
    pasted = planted("pasted", lambda p: masks[p.tobytes()].astype(float) + noise(p))
    maps = [pasted, *controls()]
    result = summarise(found(composites, tmp_path / "j.jsonl", maps), maps, None, draws=200)[0]
    assert result.auroc.value is not None
    assert result.auroc.value > 0.95
    assert result.auroc_null.value == pytest.approx(result.auroc.value, abs=0.02)
    assert not result.beats_chance


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), levels=st.sampled_from([2, 10, 10_000]))
def test_pixel_auroc_is_scikit_learns(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    inside, outside = (rng.integers(0, levels, n).astype(np.float32) for n in rng.integers(1, 60, 2))
    labels = np.repeat([1, 0], [len(inside), len(outside)])
    expected = roc_auc_score(labels, np.concatenate([inside, outside]))
    assert pixel_auroc(inside, outside) == pytest.approx(expected)


def test_pooling_by_bins_costs_next_to_nothing() -> None:
    rng = np.random.default_rng(0)
    items, values, labels = [], [], []
    truth = np.zeros((40, 40), np.uint8)
    truth[:15] = INSIDE
    for index in range(6):
        logits = rng.normal(index + 1.0 * (truth == INSIDE), 3)
        local = planted("m", lambda _, logits=logits: logits)
        one = judge(local, np.zeros((40, 40, 3), np.uint8), truth, None)
        items.append(Item("p", "", str(index), "twin", "lossless", 0.1, {"m": one, "centre": one}))
        values.append(logits.ravel())
        labels.append((truth == INSIDE).ravel())
    result = summarise(items, [planted("m", bright)], None, draws=20)[0]
    expected = roc_auc_score(np.concatenate(labels), np.concatenate(values))
    assert result.auroc_pooled.value == pytest.approx(expected, abs=1e-3)
    mean = np.mean([roc_auc_score(a, b) for a, b in zip(labels, values, strict=True)])
    assert result.auroc.value == pytest.approx(mean)


def test_a_control_belongs_to_the_composite_of_its_number() -> None:
    """Two makers' composites of one photo: each is held against its own control."""

    def item(number: int, kind: str, auroc: float, source: str) -> Item:
        one = Pixelwise(auroc, None, None, None, (0,), (1,), (1,))
        path = f"images/{number:05d}-{kind}.png"
        return Item(path, path, source, kind, "lossless", 0.1, {"m": one, "centre": one})  # type: ignore[arg-type]

    rows = [(0, 0.9, 0.5, "a"), (1, 0.7, 0.6, "a"), (2, 0.8, 0.4, "b")]
    items = [item(n, "twin", x, source) for n, x, _, source in rows]
    items += [item(n, "null", y, source) for n, _, y, source in reversed(rows)]
    result = summarise(items, [planted("m", bright)], None, draws=50)[0]
    assert result.over_null.value == pytest.approx(np.mean([x - y for _, x, y, _ in rows]))
    assert (result.over_null.low, result.over_null.high) == pytest.approx((0.25, 0.4))


@given(st.floats(-1e4, 1e4))
def test_bins_keep_order_and_place(x: float) -> None:
    bins = code(np.array([x, x + 1]))
    assert bins[0] <= bins[1]
    assert value(bins)[0] == pytest.approx(x, rel=0.02, abs=0.01)


def test_seams_count_for_neither_side() -> None:
    truth = np.full((4, 4), OUTSIDE, np.uint8)
    truth[0], truth[1] = INSIDE, SEAM
    logits = np.zeros((4, 4))
    logits[0], logits[1] = 1, 9
    one = judge(planted("m", lambda _: logits), np.zeros((4, 4, 3), np.uint8), truth, 0.5)
    assert one == Pixelwise(
        1.0, 4, 0, 0, *(tuple(x) for x in (code(np.array([0, 1])).tolist(), (0, 4), (8, 0)))
    )
    assert where.overlap(one) == 1


def test_a_killed_run_goes_on(composites: Path, tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    whole = found(composites, journal)
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) // 2])
    assert found(composites, journal) == whole
    assert journal.read_bytes() == data
    journal.write_bytes(b"".join(data.splitlines(keepends=True)[:1] + data.splitlines(keepends=True)[:0:-1]))
    assert found(composites, journal) == whole  # whatever the order
    with pytest.raises(ResumeError, match="another run"):
        score(composites, MAPS, journal=journal, settings={"system": "other"}, threshold=0.0)
    journal.write_text("{}\n{}\n", encoding="utf-8")
    with pytest.raises(ResumeError, match="not a journal"):
        found(composites, journal)


def test_bad_maps_and_masks(composites: Path, tmp_path: Path) -> None:
    for name, wrong in (
        ("size", lambda p: np.zeros((2, 2))),
        ("nan", lambda p: np.full(p.shape[:2], np.nan)),
    ):
        with pytest.raises(MetricError, match=f"map '{name}'"):
            found(composites, tmp_path / f"{name}.jsonl", [planted(name, wrong)])
    with pytest.raises(MetricError, match="both"):
        pixel_auroc(np.zeros(0, np.float32), np.zeros(3, np.float32))
    with pytest.raises(DataError, match="expected composites"):
        found(tmp_path, tmp_path / "x.jsonl")
    items = found(composites, tmp_path / "j.jsonl")
    with pytest.raises(MetricError, match="1 sources"):
        summarise([item for item in items if item.source == "0"], MAPS, None)


def result_of(composites: Path, folder: Path) -> WhereResult:
    items = found(composites, folder / "j.jsonl")
    maps = summarise(items, MAPS, lambda x: float(x > 0), draws=100)
    return WhereResult("s", "ab", "", 0.0, "0.01", "a few", ("m",), (), 12, 12, 12, 0.1, maps, 100, 0.95, 0)


def test_results_come_back_and_are_drawn(composites: Path, tmp_path: Path) -> None:
    result = result_of(composites, tmp_path)
    path = tmp_path / "s.where.json"
    where_results.write(result, path)
    assert where_results.read(path) == result
    draw(result, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 5000
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(result, tmp_path / "no" / "f.png")
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"schema": 2}), encoding="utf-8"
    )
    with pytest.raises(DataError, match="schema"):
        where_results.read(path)


def test_the_card_keeps_what_explain_says(composites: Path, tmp_path: Path, tiny: Path) -> None:
    card = load(tiny).card
    assert card.weights is not None
    assert "not tested" in map_test(card, "cam")
    result = replace(result_of(composites, tmp_path), weights_sha256=card.weights.onnx_sha256)
    tested = replace(card, maps=map_tests(result))
    assert [t.map for t in tested.maps] == ["perfect", "inverted", "random"]
    assert SystemCard.from_json(tested.to_json()) == tested
    assert "better than chance: pixel AUROC 1.00 [1.00, 1.00]" in map_test(tested, "perfect")
    assert "did not beat chance in our test: pixel AUROC 0.00" in map_test(tested, "inverted")
    assert "did not beat chance" in map_test(tested, "random")
    stale = replace(tested, weights=replace(card.weights, onnx_sha256="0" * 64))
    assert "not tested" in map_test(stale, "perfect")


def test_old_cards_are_still_read(tiny: Path) -> None:
    raw = json.loads(tiny.with_suffix(".json").read_text(encoding="utf-8"))
    del raw["maps"]
    del raw["calibration"]["confidence"]
    assert SystemCard.from_json(json.dumps(raw)).maps == ()


def test_a_system_without_a_map_has_its_tiles_scores(make_system: ModuleType, tmp_path: Path) -> None:
    data = make_system.graph(cam_axes=0)
    scorer = load(make_system.write_system(tmp_path, data, make_system.card(data)))
    assert [m.name for m in maps_of(scorer)] == ["tile_scores"]


def test_maps_of_a_system_agree_with_its_scores(tiny: Path) -> None:
    """In `tiny` a cell's logit is its pixel's mean, less 127.5, through 50; a tile's the mean of those."""
    scorer = load(tiny)
    pixels = np.random.default_rng(0).integers(0, 256, (45, 70, 3), dtype=np.uint8)
    maps = {m.name: m.draw(pixels) for m in maps_of(scorer)}
    assert set(maps) == {"cam", "tile_cam", "tile_scores"}
    expected = (pixels.mean(axis=-1) - 127.5) / 50
    assert maps["cam"] == pytest.approx(expected, abs=1e-4)
    assert all(m.shape == (45, 70) and m.dtype == np.float32 for m in maps.values())
    whole = load(tiny, tiles="all")
    logits, origins = whole.score_tiles(pixels)
    total, count = np.zeros((45, 70)), np.zeros((45, 70))
    for (top, left), logit in zip(origins, logits, strict=True):
        for y in range(top, top + 32):
            for x in range(left, left + 32):
                total[y, x] += logit
                count[y, x] += 1
    seen = count > 0
    assert maps["tile_scores"][seen] == pytest.approx((total[seen] / count[seen]), abs=1e-4)
    rows, columns = seen.any(axis=1).sum(), seen.any(axis=0).sum()
    assert np.array_equal(maps["tile_scores"][rows:], np.tile(maps["tile_scores"][rows - 1], (45 - rows, 1)))
    assert maps["tile_cam"][:rows, :columns] == pytest.approx(expected[:rows, :columns], abs=1e-3)


def test_artifact_maps_are_what_cannot_be_rebuilt(phi: Path, tmp_path: Path) -> None:
    network = RDN(4, 4, 1, 1)
    network.load_state_dict(load_file(phi))
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    maps = {m.name: m for m in artifact_maps(phi)}
    assert not any(m.logits for m in maps.values())
    x = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))[None] / 255
    with torch.no_grad():
        left = (x - network(functional.avg_pool2d(x, 4))).abs().mean(1)[0].numpy()
    assert maps["artifacts"].draw(pixels) == pytest.approx(left, abs=1e-5)
    smooth = maps["artifacts_mean"].draw(pixels)
    assert smooth.shape == (48, 64)
    assert smooth[20, 30] == pytest.approx(left[4:37, 14:47].mean(), abs=1e-5)
    assert smooth[0, 0] == pytest.approx(left[:17, :17].mean(), abs=1e-5)
    with pytest.raises(WeightsError, match="not a re-synthesiser"):
        artifact_maps(ROOT / "src" / "upprint" / "weights" / "npr.safetensors")
