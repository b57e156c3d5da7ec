import hashlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from upprint.card import Calibration, InputRule, SystemCard, Weights
from upprint.cli import explain as command  # noqa: F401  (registers the command)
from upprint.cli import scan as other_command  # noqa: F401  (an app with two commands keeps their names)
from upprint.cli._app import app
from upprint.explain import tile_cam, whole_cam
from upprint.result import ConfigError, NotAnImage, UnknownSystem, UnreadableFile
from upprint.runtime.session import load

BIAS = -0.5
KERNEL = np.random.default_rng(3).normal(0, 2e-4, (1, 3, 8, 8)).astype(np.float32)
KINDS = ("npr-r", "npr-g", "npr-b", "npr", "cam", "overlay")


def known_map(pixels):
    """One cell per 8 x 8 pixels, zeros beyond the border."""
    height, width = pixels.shape[:2]
    padded = np.zeros((-(-height // 8) * 8, -(-width // 8) * 8, 3))
    padded[:height, :width] = pixels
    cells = np.empty((len(padded) // 8, padded.shape[1] // 8))
    for i, j in np.ndindex(*cells.shape):
        square = padded[8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
        cells[i, j] = (square.transpose(2, 0, 1) * KERNEL[0]).sum()
    return cells


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """An ONNX file that obeys the contract, one convolution of stride 8, with its card."""
    constants = {
        "kernel": KERNEL,
        "bias": np.float32(BIAS),
        "channel": np.array([1], np.int64),
        "space": np.array([1, 2], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["conv"], strides=[8, 8], pads=[0, 0, 7, 7]),
        helper.make_node("Squeeze", ["conv", "channel"], ["cam"]),
        helper.make_node("ReduceMean", ["cam", "space"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "bias"], ["logit"]),
    ]
    graph = helper.make_graph(
        nodes,
        "known",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", "y", "x"]),
        ],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path = tmp_path_factory.mktemp("system") / "known.onnx"
    path.write_bytes(model.SerializeToString())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = SystemCard(
        name="known",
        title="Known",
        paper="none",
        year=2024,
        faithful=False,
        idea="one convolution",
        parameters=KERNEL.size,
        input=InputRule(tile=64, grid=8, budget=2),
        weights=Weights("known.onnx", digest, "none", "none", "nothing", "none", "Apache-2.0"),
        calibration=Calibration(2.0, 0.0, {"0.01": 1.0}, "0.01", 0.0, 10, "none"),
    )
    path.with_suffix(".json").write_text(card.to_json(), encoding="utf-8")
    uncalibrated = path.with_name("plain.onnx")
    uncalibrated.write_bytes(path.read_bytes())
    uncalibrated.with_suffix(".json").write_text(replace(card, calibration=None).to_json(), encoding="utf-8")
    return path


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo.png"
    Image.fromarray(picture(128, 200)).save(path)
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["explain", *map(str, arguments)])
    if code == 0 and result.exception:
        raise result.exception
    return result


@pytest.mark.parametrize("size", [(128, 200), (61, 77), (8, 8), (5, 300)])
def test_whole_cam_of_a_real_session_is_the_known_map(system, size):
    pixels = picture(*size)
    scorer = load(system)
    cam = whole_cam(scorer.session, pixels, scorer.card.input)
    np.testing.assert_allclose(cam.cells, known_map(pixels), atol=1e-4)
    assert cam.bias == pytest.approx(BIAS, abs=1e-5)
    assert cam.logit == pytest.approx(known_map(pixels).mean() + BIAS, abs=1e-4)


def test_tile_cam_of_a_real_session_has_the_scan_s_logit(system):
    pixels = picture(128, 200)
    scorer = load(system, tiles="all")
    cam = tile_cam(scorer.session, pixels, scorer.card.input)
    assert cam.logit == pytest.approx(scorer(pixels).logit, abs=1e-5)
    assert len(cam.tiles) == scorer(pixels).tiles
    np.testing.assert_allclose(cam.cells, known_map(pixels), atol=1e-4)


def test_writes_and_reports(system, photo, tmp_path):
    out = tmp_path / "figures"
    result = run(photo, "--out", out, "--system", system)
    files = [out / f"my photo-{kind}.png" for kind in KINDS]
    assert sorted(out.iterdir()) == sorted(files)
    row = load(system)(photo)
    text = result.stdout
    assert f"verdict      {row.verdict}" in text
    assert f"logit        {row.logit:+.3f}" in text
    assert f"probability  {row.probability:.3f}" in text
    assert "tiles        2" in text
    whole = known_map(picture(128, 200)).mean() + BIAS
    assert f"{whole:+.3f} (whole picture at once)" in text
    for file in files:
        assert str(file) in text


def test_tiles_scores_all_of_them(system, photo, tmp_path):
    text = run(photo, "--out", tmp_path, "--system", system, "--tiles").stdout
    row = load(system, tiles="all")(photo)
    assert f"tiles        {row.tiles}" in text
    assert row.tiles > 2
    assert f"logit        {row.logit:+.3f}" in text
    assert "whole picture at once" not in text


def test_two_pictures_are_compared(system, photo, tmp_path):
    second = tmp_path / "twin.png"
    Image.fromarray(picture(128, 200, 1)).save(second)
    out = tmp_path / "figures"
    text = run(photo, second, "--out", out, "--system", system, "--block", 3, "--anchor", "mean").stdout
    assert (out / "my photo-vs-twin-npr.png").is_file()
    assert len(list(out.iterdir())) == 13
    assert text.count("verdict") == 2


def test_block_and_anchor_change_the_maps(system, photo, tmp_path):
    for name, options in (("a", []), ("b", ["--anchor", "4"]), ("c", ["--block", "2", "--anchor", "1"])):
        run(photo, "--out", tmp_path / name, "--system", system, *options)
    first, other, same = ((tmp_path / n / "my photo-npr-r.png").read_bytes() for n in "abc")
    assert first != other
    assert first == same


def test_uncalibrated_system_gives_no_verdict(system, photo, tmp_path):
    text = run(photo, "--out", tmp_path, "--system", system.with_name("plain.onnx")).stdout
    assert "no verdict" in text
    assert "uncalibrated" in text
    assert "probability" not in text


def test_errors_are_named(system, photo, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    small = tmp_path / "small.png"
    Image.fromarray(picture(20, 20)).save(small)
    always = ["--out", tmp_path / "figures", "--system", system]
    for arguments, error in [
        ([broken, *always], NotAnImage),
        ([tmp_path / "missing.png", *always], UnreadableFile),
        ([photo, small, *always], ConfigError),
        ([photo, *always, "--anchor", "5"], ConfigError),
        ([photo, *always, "--anchor", "best"], ConfigError),
        ([photo, *always, "--block", "1"], ConfigError),
        ([photo, *always, "--fpr", "0.5"], ConfigError),
        ([photo, "--out", tmp_path / "figures", "--system", "nonsense"], UnknownSystem),
    ]:
        result = run(*arguments, code=2)
        assert isinstance(result.exception, error), arguments
    assert not (tmp_path / "figures").exists()


def test_help_names_the_options():
    text = run("--help").stdout
    for option in ("--out", "--system", "--block", "--anchor", "--tiles", "--fpr"):
        assert option in text


def test_a_system_without_a_map_shows_its_tiles(make_system, tmp_path):
    data = make_system.graph(cam_axes=0)
    path = make_system.write_system(tmp_path, data, make_system.card(data))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)).save(tmp_path / "a.png")
    call = ["explain", str(tmp_path / "a.png"), "--system", str(path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*call, "--report", str(tmp_path / "r.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "a-overlay.png").exists()
    assert "every tile of 32 × 32 pixels shows its own logit" in (tmp_path / "r.html").read_text("utf-8")
