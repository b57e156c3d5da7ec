from __future__ import annotations

import dataclasses
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint import preprocess
from upprint.result import (
    CardError,
    ConfigError,
    ImageError,
    MissingExtra,
    UnknownSystem,
    Verdict,
    WeightsError,
)
from upprint.runtime import engines
from upprint.runtime.session import Session, load


def grey(pixels: np.ndarray) -> float:
    return float((pixels.astype(np.float64).mean() - 127.5) / 50)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (100, 135, 3), dtype=np.uint8)


def test_a_score_is_the_pooled_logit_of_the_tiles(tiny: Path, pixels: np.ndarray) -> None:
    scorer = load(tiny)
    tiles = preprocess.tiles(pixels, scorer.card.input, 9)
    result = scorer(pixels)
    assert result.tiles == len(tiles) == 9
    assert result.logit == pytest.approx(np.mean([grey(tile) for tile in tiles]), abs=1e-5)
    assert result.probability == pytest.approx(1 / (1 + np.exp(-(result.logit - 0.25) / 0.5)))
    assert (result.system, result.path, result.width, result.height) == ("tiny", "<array>", 135, 100)
    assert result.notes is None


def test_all_tiles_run_in_bounded_batches(tiny: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    scorer = load(tiny, tiles="all")
    sizes = []
    run = scorer.session.run
    scorer.session.run = lambda batch: (sizes.append(len(batch)), run(batch))[1]
    logits, origins = scorer.score_tiles(pixels)
    tiles = preprocess.tiles(pixels, scorer.card.input, None)
    assert len(origins) == len(tiles) == sum(sizes) > 60
    assert max(sizes) <= 8
    assert logits == pytest.approx([grey(tile) for tile in tiles], abs=1e-5)
    assert scorer(pixels).tiles == len(tiles)


@pytest.mark.parametrize("shape", [(1, 1), (7, 50), (31, 33), (64, 64)])
def test_small_pictures_are_repeated_as_preprocess_does(tiny: Path, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    scorer = load(tiny)
    expected = [grey(tile) for tile in preprocess.tiles(pixels, scorer.card.input, 9)]
    assert scorer.score_tiles(pixels)[0] == pytest.approx(expected, abs=1e-5)


def test_every_kind_of_picture_gives_the_same_logit(tiny: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    file, buffer = tmp_path / "a.png", BytesIO()
    Image.fromarray(pixels).save(file)
    Image.fromarray(pixels).save(buffer, "PNG")
    scorer = load(tiny)
    rows = [scorer(image) for image in (file, str(file), buffer.getvalue(), pixels, Image.fromarray(pixels))]
    assert len({row.logit for row in rows}) == 1
    assert [row.path for row in rows] == [str(file), str(file), "<bytes>", "<array>", "<image>"]
    assert rows[0].sha256 == rows[2].sha256 != ""
    with pytest.raises(ImageError):
        scorer(tmp_path / "missing.png")


def test_verdicts_follow_the_rate(tiny: Path) -> None:
    bright = np.full((32, 32, 3), 165, np.uint8)  # logit 0.75, between the two thresholds
    assert load(tiny)(bright).verdict is Verdict.GENERATED
    assert load(tiny, fpr="0.001")(bright).verdict is Verdict.INCONCLUSIVE
    assert load(tiny)(np.zeros_like(bright)).verdict is Verdict.NO_TRACE
    with pytest.raises(ConfigError, match=r"0\.2; .*0\.001, 0\.01"):
        load(tiny, fpr=0.2)


def test_an_uncalibrated_system_gives_logits_and_says_so(make_system, tmp_path: Path) -> None:
    data = make_system.graph()
    path = make_system.write_system(tmp_path, data, make_system.card(data, calibrated=False))
    row = load(path)(np.zeros((40, 40, 3), np.uint8))
    assert (row.probability, row.verdict, row.notes) == (None, None, "uncalibrated: no verdict")
    assert row.logit == pytest.approx(-2.55, abs=1e-5)


def test_threads_do_not_change_a_bit(tiny: Path, pixels: np.ndarray) -> None:
    batch = np.stack([pixels[:96, :96]] * 3)
    card = load(tiny).card
    first, second = (Session(tiny, card, threads=n).run(batch) for n in (1, 3))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_openvino_agrees(tiny: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(engines, "has_bf16", lambda: False)
    ours, theirs = load(tiny), load(tiny, engine="openvino", threads=1)
    assert theirs(pixels).logit == pytest.approx(ours(pixels).logit, abs=1e-5)
    cams = [scorer.session.run(pixels[None, :50, :70])[1] for scorer in (ours, theirs)]
    assert cams[0].shape == cams[1].shape == (1, 50, 70)
    assert np.allclose(*cams, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "expected"), [("fma avx512_bf16", True), ("amx_bf16", True), ("avx512f", False)]
)
def test_bf16_is_asked_of_the_processor(monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"flags : {flags}")
    assert engines.has_bf16() is expected


def test_what_is_asked_for_must_exist(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownSystem, match=r"'nprr'; shipped: "):
        load("nprr")
    with pytest.raises(UnknownSystem, match=r"gone\.onnx"):
        load(tmp_path / "gone.onnx")
    with pytest.raises(ConfigError, match="onnxruntime, openvino"):
        load(tiny, engine="tensorrt")
    for wrong in (0, -3, "some", True, "1.5"):
        with pytest.raises(ConfigError, match="'all' or a whole number"):
            load(tiny, tiles=wrong)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"upprint\[fast\]"):
        load(tiny, engine="openvino")
    tiny.with_suffix(".json").unlink()
    with pytest.raises(CardError, match=r"tiny\.json"):
        load(tiny)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_graph_without_a_map_scores_like_one_with(make_system, tmp_path: Path, engine: str) -> None:
    pytest.importorskip(engine)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    scorers = []
    for name, axes in (("with", 3), ("without", 0)):
        data = make_system.graph(cam_axes=axes)
        (tmp_path / name).mkdir()
        scorers.append(
            load(make_system.write_system(tmp_path / name, data, make_system.card(data)), engine=engine)
        )
    assert scorers[0](pixels).logit == scorers[1](pixels).logit
    assert scorers[1].session.run(pixels[None])[1] is None


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_graphs_that_do_not_fit_are_named(make_system, tmp_path: Path, engine: str) -> None:
    pytest.importorskip(engine)
    for options, words in (
        ({"input_name": "pixels"}, "inputs are pixels uint8 with 4 axes, expected images uint8"),
        ({"cam_axes": 4}, "outputs are .*cam float32 with 4 axes"),
    ):
        data = make_system.graph(**options)
        if "cam_axes" in options:
            data = _with_four_axes(data)
        path = make_system.write_system(tmp_path, data, make_system.card(data))
        with pytest.raises(WeightsError, match=words):
            load(path, engine=engine)
    data = b"no graph at all"
    path = make_system.write_system(tmp_path, data, make_system.card(data))
    with pytest.raises(WeightsError, match="cannot open it"):
        load(path, engine=engine)


def _with_four_axes(data: bytes) -> bytes:
    """Keep the reduced axis of "cam", and reduce it with the others afterwards."""
    import onnx

    model = onnx.load_model_from_string(data)
    (node,) = (n for n in model.graph.node if n.output[0] == "cam")
    node.attribute[0].i = 1
    (plane,) = (i for i in model.graph.initializer if i.name == "plane")
    plane.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 2, 3]), "plane"))
    return bytes(model.SerializeToString())


def test_a_changed_file_is_refused(tiny: Path) -> None:
    tiny.write_bytes(tiny.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="SHA-256 is .* expects"):
        load(tiny)
    tiny.unlink()
    tiny.mkdir()
    with pytest.raises(UnknownSystem):
        load(tiny)


def test_a_card_without_a_hash_is_refused(make_system, tmp_path: Path) -> None:
    data = make_system.graph()
    card = dataclasses.replace(make_system.card(data), weights=None)
    with pytest.raises(WeightsError, match="states no weights"):
        load(make_system.write_system(tmp_path, data, card))


def test_batches_and_logits_are_checked(tiny: Path) -> None:
    session = load(tiny).session
    for wrong in (
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 3, 8, 8), np.uint8),
    ):
        with pytest.raises(ConfigError, match="uint8 \\(N, H, W, 3\\)"):
            session.run(wrong)
    session._run = lambda batch: (np.array([np.nan], np.float32), np.zeros((1, 1, 1), np.float32))
    with pytest.raises(WeightsError, match="not finite"):
        session.run(np.zeros((1, 8, 8, 3), np.uint8))


def test_scoring_loads_nothing_heavy(tiny: Path) -> None:
    code = (
        "import sys, numpy, upprint\n"
        f"row = upprint.load({str(tiny)!r})(numpy.zeros((40, 40, 3), numpy.uint8))\n"
        "assert row.logit is not None\n"
        "heavy = {'torch', 'pyarrow', 'scipy', 'matplotlib', 'sklearn', 'openvino', 'rich', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
