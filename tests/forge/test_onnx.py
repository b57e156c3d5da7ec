from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from upprint.forge.onnx import maker
from upprint.result import ConfigError, WeightsError


def graph(path: Path, nodes: list[onnx.NodeProto], *, dtype: int = TensorProto.FLOAT, axes: int = 4) -> Path:
    shape = ["n", 3, "h", "w"][:axes]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", dtype, None)],
        [
            helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]),
            helper.make_tensor("half", TensorProto.FLOAT, [4], [1, 1, 0.5, 0.5]),
            helper.make_tensor("twice", TensorProto.FLOAT, [4], [1, 1, 2, 2]),
        ],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


DOUBLE = [helper.make_node("Mul", ["x", "two"], ["y"])]
PHOTO = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def test_pictures_pass_through_the_graph_and_are_clipped(tmp_path: Path) -> None:
    made = maker(graph(tmp_path / "double.onnx", DOUBLE), 8)
    assert (made.name, made.stride) == ("double", 8)
    twins = made.make([PHOTO, 255 - PHOTO])
    expected = np.clip(2 * PHOTO.astype(int), 0, 255)
    assert np.array_equal(twins[0], expected)
    assert twins[1].dtype == np.uint8


def test_down_and_up_again(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Resize", ["x", "", "half"], ["z"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
        helper.make_node("Resize", ["z", "", "twice"], ["y"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
    ]  # fmt: skip
    made = maker(graph(tmp_path / "nearest.onnx", nodes), 2, name="blocks")
    (twin,) = made.make([PHOTO])
    assert np.array_equal(twin, PHOTO[::2, ::2].repeat(2, 0).repeat(2, 1))
    assert made.name == "blocks"


def test_another_size_is_refused_with_the_stride(tmp_path: Path) -> None:
    nodes = [helper.make_node("Resize", ["x", "", "twice"], ["y"], mode="nearest")]
    made = maker(graph(tmp_path / "up.onnx", nodes), 4)
    with pytest.raises(WeightsError, match=r"Is 4 its stride\?"):
        made.make([PHOTO])


def test_files_that_are_no_maker(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(WeightsError, match="cannot open"):
        maker(broken, 8)
    with pytest.raises(WeightsError, match="cannot be read"):
        maker(tmp_path / "absent.onnx", 8)
    with pytest.raises(WeightsError, match="input x"):
        maker(graph(tmp_path / "three.onnx", DOUBLE, axes=3), 8)
    with pytest.raises(ConfigError, match="stride 0"):
        maker(graph(tmp_path / "fine.onnx", DOUBLE), 0)
