"""A tiny exported system that needs no torch, and tiny pictures, for the conftests of runtime/ and cli/."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from upprint.card import Calibration, InputRule, SystemCard, Weights

THRESHOLDS = {"0.01": 0.5, "0.001": 1.0}


def graph(*, work: int = 0, input_name: str = "images", cam_axes: int = 3) -> bytes:
    """logit = mean over the tile of cam; cam = (mean over the channels - 127.5) / 50.

    `work` multiplies that many 600 x 600 matrices on the way, about 20 ms each, without effect. Without
    `cam_axes` the map is no output.
    """
    nodes = [
        helper.make_node("Cast", [input_name], ["floating"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["floating", "middle"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled", "channel"], ["cam"], keepdims=0),
        helper.make_node("ReduceMean", ["cam", "plane"], ["clean"], keepdims=0),
        helper.make_node("ReduceMean", ["cam"], ["all"], keepdims=0),
        helper.make_node("Add", ["matrix", "all"], ["work0"]),
        *(helper.make_node("MatMul", [f"work{i}", "matrix"], [f"work{i + 1}"]) for i in range(work)),
        helper.make_node("ReduceMean", [f"work{work}"], ["worked"], keepdims=0),
        helper.make_node("Mul", ["worked", "nothing"], ["nil"]),
        helper.make_node("Add", ["clean", "nil"], ["logit"]),
    ]
    side = 600 if work else 2
    constants = {
        "middle": np.float32(127.5),
        "scale": np.float32(50),
        "channel": np.array([3]),
        "plane": np.array([1, 2]),
        "matrix": np.full((side, side), 1 / side, np.float32),
        "nothing": np.float32(0),
    }
    cam = helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", "h", "w", 1][:cam_axes])
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            *([cam] if cam_axes else []),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    data: bytes = onnx.ModelProto.SerializeToString(
        helper.make_model(made, opset_imports=opset, ir_version=9)
    )
    return data


def card(data: bytes, *, calibrated: bool = True) -> SystemCard:
    scale = Calibration(0.5, 0.25, dict(THRESHOLDS), "0.01", -0.5, 100, "made up")
    return SystemCard(
        name="tiny",
        title="Mean grey",
        paper="none",
        year=2024,
        faithful=False,
        idea="bright is generated",
        parameters=1,
        input=InputRule(tile=32, grid=8, budget=9),
        weights=Weights(
            "tiny.onnx", hashlib.sha256(data).hexdigest(), "", "", "nothing", "none", "Apache-2.0"
        ),
        calibration=scale if calibrated else None,
    )


def write_system(folder: Path, data: bytes, system: SystemCard) -> Path:
    """tiny.onnx and tiny.json in `folder`; returns the former."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.onnx"
    path.write_bytes(data)
    path.with_suffix(".json").write_text(system.to_json(), encoding="utf-8")
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A calibrated system on disk."""
    data = graph()
    return write_system(tmp_path / "system", data, card(data))


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """The same function, at some 40 ms a picture."""
    data = graph(work=2)
    return write_system(tmp_path / "slow", data, card(data))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Forty pictures of every brightness, and three files that are none."""
    return write_pictures(tmp_path / "pictures", 40)


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        height, width = rng.integers(20, 90, 2)
        level = 40 + 176 * index // count
        pixels = rng.integers(level - 30, level + 30, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03d}{'.png' if index % 2 else '.jpg'}")
    (folder / "005-empty.png").write_bytes(b"")
    (folder / "015-random.jpg").write_bytes(rng.bytes(500))
    cut = (folder / "021.png").read_bytes()
    (folder / "025-cut.png").write_bytes(cut[: len(cut) // 2])
    return folder
