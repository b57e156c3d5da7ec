"""The exported graph: what it computes, what it is made of, what it refuses to be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from upprint import onnx_graph
from upprint.card import Calibration, InputRule, Number, SystemCard
from upprint.checkpoints import save_safetensors
from upprint.detector import Detector
from upprint.export import TOLERANCE, ExportReport, check_parity, export, export_with_report
from upprint.result import ConfigError, WeightsError
from upprint.systems import create

Score = Callable[[np.ndarray], list[np.ndarray]]


def lively(**options: object) -> Detector:
    """NPR with BatchNorm statistics as training leaves them, so that folding has something to fold."""
    torch.manual_seed(9)
    detector = create("npr", **options)
    for name, value in detector.state_dict().items():
        if name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight", "downsample.1.weight")):
            value.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bn1.bias", "bn2.bias", "bn3.bias", "downsample.1.bias")):
            value.uniform_(-0.3, 0.3)
    return detector.train()


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def by_torch(detector: Detector, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    detector = detector.eval()
    nchw = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    with torch.no_grad():
        cam = detector.network.class_activation_map(detector.representation(nchw))
        return detector(nchw).numpy(), cam.numpy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, ExportReport]:
    detector = lively()
    folder = tmp_path_factory.mktemp("export") / "new" / "folder"
    report = export_with_report(detector, folder, "npr", tile=64)
    assert detector.training
    return detector, report


@pytest.fixture(scope="module")
def score(exported: tuple[Detector, ExportReport]) -> Score:
    session = onnxruntime.InferenceSession(str(exported[1].path), providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})


@pytest.mark.parametrize(
    "shape", [(1, 64, 64), (3, 65, 47), (2, 33, 64), (1, 1, 1), (1, 2, 9), (5, 16, 31), (1, 300, 201)]
)
def test_graph_equals_torch_at_any_size_and_batch(
    exported: tuple[Detector, ExportReport], score: Score, shape: tuple[int, int, int]
) -> None:
    images = pixels(*shape)
    logit, cam = score(images)
    expected_logit, expected_cam = by_torch(exported[0], images)
    assert logit.dtype == cam.dtype == np.float32
    assert cam.shape == (shape[0], -(-shape[1] // 8), -(-shape[2] // 8))
    np.testing.assert_allclose(logit, expected_logit, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(cam, expected_cam, rtol=1e-4, atol=TOLERANCE)
    bias = exported[0].network.head.bias.item()
    np.testing.assert_allclose(cam.mean((1, 2)) + bias, logit, rtol=0, atol=2e-5)


def test_flat_pictures_all_score_alike(score: Score) -> None:
    """Integer differences: no rounding is left where there is no difference."""
    flat = np.stack([np.full((32, 32, 3), grey, np.uint8) for grey in (0, 1, 127, 128, 255)])
    logit, _ = score(flat)
    assert len(set(logit.tolist())) == 1


def test_the_contract_is_in_the_file(exported: tuple[Detector, ExportReport]) -> None:
    model = onnx.load(exported[1].path)
    onnx.checker.check_model(model, full_check=True)
    described = {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in (*model.graph.input, *model.graph.output)
    }
    assert described == {
        "images": (onnx.TensorProto.UINT8, ["N", "H", "W", 3]),
        "logit": (onnx.TensorProto.FLOAT, ["N"]),
        "cam": (onnx.TensorProto.FLOAT, ["N", "h", "w"]),
    }
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    assert model.ir_version == 8


def test_the_graph_is_small_and_plain(exported: tuple[Detector, ExportReport]) -> None:
    model = onnx.load(exported[1].path)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds == exported[1].operators
    assert kinds["Conv"] == 25
    assert kinds["Sub"] == kinds["ReduceMean"] == kinds["MaxPool"] == kinds["Transpose"] == 1
    assert not set(kinds) & {
        "BatchNormalization",
        "Gather",
        "GatherND",
        "Gemm",
        "MatMul",
        "Identity",
        "Constant",
    }
    made = {node.output[0]: node for node in model.graph.node}
    at = next(node for node in model.graph.node if node.op_type == "Conv")
    before = []
    while at.input[0] in made:
        at = made[at.input[0]]
        before.append(at.op_type)
        if at.op_type == "Sub":
            break
    assert before == ["Cast", "Transpose", "Sub"], "integers are subtracted, and the gain is in the weights"
    integer = {i.name: i for i in onnx.shape_inference.infer_shapes(model).graph.value_info}[at.output[0]]
    assert integer.type.tensor_type.elem_type == onnx.TensorProto.INT32


def test_nothing_of_the_machine_is_in_the_file(exported: tuple[Detector, ExportReport]) -> None:
    assert sorted(p.name for p in exported[1].path.parent.iterdir()) == ["npr.json", "npr.onnx"]
    model = onnx.load(exported[1].path)
    assert model.producer_name == "upprint"
    model.graph.ClearField("initializer")
    text = str(model)
    for trace in ("metadata_props", "doc_string", ".py", "torch", str(Path.home()), "site-packages"):
        assert trace not in text


def test_exporting_again_gives_the_same_bytes(
    exported: tuple[Detector, ExportReport], tmp_path: Path
) -> None:
    path = export(exported[0], tmp_path, "npr", tile=64)
    assert path == tmp_path / "npr.onnx"
    assert path.read_bytes() == exported[1].path.read_bytes()
    assert path.with_suffix(".json").read_bytes() == exported[1].card_path.read_bytes()


def test_the_card_beside_it(exported: tuple[Detector, ExportReport]) -> None:
    detector, report = exported
    card = SystemCard.read(report.card_path)
    digest = hashlib.sha256(report.path.read_bytes()).hexdigest()
    assert report.sha256 == digest
    assert report.size == report.path.stat().st_size
    assert card.weights is not None
    assert (card.weights.onnx, card.weights.onnx_sha256) == ("npr.onnx", digest)
    assert card.weights.trained_on == "not stated"
    assert replace(card, weights=None) == replace(detector.card, input=replace(detector.card.input, tile=64))
    assert report.logit_difference < TOLERANCE
    assert report.cam_difference is not None
    assert report.pictures == 16


@pytest.mark.parametrize(
    "options", [{"block": 2, "anchor": "max"}, {"block": 3, "anchor": "mean"}, {"block": 3, "anchor": 6}]
)
def test_variants(tmp_path: Path, options: dict[str, object]) -> None:
    detector = lively(**options)
    path = export(detector, tmp_path, "variant", tile=48)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in ((1, 48, 48), (2, 31, 44), (1, 1, 2), (1, 50, 49)):
        images = pixels(*shape, seed=4)
        logit, cam = session.run(None, {"images": images})
        expected_logit, expected_cam = by_torch(detector, images)
        np.testing.assert_allclose(logit, expected_logit, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(cam, expected_cam, rtol=1e-4, atol=TOLERANCE)
    assert SystemCard.read(tmp_path / "variant.json").options == options


def test_openvino_reads_it(exported: tuple[Detector, ExportReport]) -> None:
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(exported[1].path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    for shape in ((1, 64, 64), (2, 49, 35)):
        images = pixels(*shape, seed=2)
        found = compiled([images])
        logit, cam = by_torch(exported[0], images)
        np.testing.assert_allclose(found["logit"], logit, rtol=0, atol=1e-3)
        np.testing.assert_allclose(found["cam"], cam, rtol=1e-3, atol=1e-3)


# --- other systems, through a light stand-in ----------------------------------------------------------


class Scale(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.register_buffer("gain", torch.tensor([gain, 2 * gain, -gain]).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return images.to(torch.float32) * self.gain


class Plain(nn.Module):
    """No map, and the scaled picture is read by one convolution, or by two."""

    def __init__(self, readers: int = 1) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 4, 3, padding=1, bias=False) for _ in range(readers))

    def forward(self, x: Tensor) -> Tensor:
        return sum(conv(x).relu().mean((1, 2, 3)) for conv in self.convs)


def plain(readers: int = 1) -> Detector:
    torch.manual_seed(1)
    return Detector(Scale(0.01), Plain(readers), replace(create("npr").card, name="plain", options={}))


@pytest.mark.parametrize(("readers", "muls"), [(1, 0), (2, 1)])
def test_a_network_without_a_map_gives_logits_alone(tmp_path: Path, readers: int, muls: int) -> None:
    """A gain is folded where one convolution reads it, and stays where two do."""
    report = export_with_report(plain(readers), tmp_path, "plain")
    assert report.cam_difference is None
    assert report.operators.get("Mul", 0) == muls
    model = onnx.load(report.path)
    assert [output.name for output in model.graph.output] == ["logit"]


def test_a_graph_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = onnx_graph._fold_gains

    def wrong(graph: onnx.GraphProto) -> None:
        fold(graph)
        kernel = next(t for t in graph.initializer if len(t.dims) == 4)
        kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel) * 1.01, kernel.name))

    monkeypatch.setattr(onnx_graph, "_fold_gains", wrong)
    with pytest.raises(WeightsError, match=r"logit differs from torch by .* nothing was written"):
        export(plain(), tmp_path / "out", "plain")
    assert not (tmp_path / "out").exists()


def test_parity_sees_nan_and_other_weights(exported: tuple[Detector, ExportReport]) -> None:
    data = exported[1].path.read_bytes()
    other = lively().eval()
    check_parity(other, data, 32)
    with torch.no_grad():
        other.network.head.bias += 0.001
    with pytest.raises(WeightsError, match="logit differs from torch by 0.001"):
        check_parity(other, data, 32)
    with torch.no_grad():
        other.network.head.bias.fill_(torch.nan)
    with pytest.raises(WeightsError, match="logit differs from torch by nan"):
        check_parity(other, data, 32)


def test_systems_that_cannot_be_exported_say_why(tmp_path: Path) -> None:
    detector = plain()
    detector.card = replace(detector.card, exportable=False, export_note="it differentiates at test time")
    with pytest.raises(ConfigError, match=r"'plain' cannot be exported: it differentiates at test time"):
        export(detector, tmp_path, "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "../x"])
def test_a_name_is_a_stem(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a file stem"):
        export(plain(), tmp_path / "in", name)
    assert not list(tmp_path.iterdir())


def test_calibration_and_numbers_are_kept_and_the_source_is_checked(tmp_path: Path) -> None:
    detector = plain()
    source = tmp_path / "w.safetensors"
    digest = save_safetensors(detector, source, {"licence": "Apache-2.0"})
    card = replace(
        detector.card,
        title="ours",
        input=InputRule(tile=32, budget=4),
        calibration=Calibration(1.5, 0.1, {"0.01": 2.0}, "0.01", 0.0, 9, "made up"),
        numbers=(Number("AP", 0.9, "set", "protocol", "measured"),),
    )
    report = export_with_report(detector, tmp_path / "out", "x", card=card, source=source)
    written = SystemCard.read(report.card_path)
    assert replace(written, weights=None) == card
    assert written.weights is not None
    assert (written.weights.safetensors, written.weights.safetensors_sha256) == (source.name, digest)
    assert (written.weights.licence, written.weights.command) == ("Apache-2.0", "not stated")
    with torch.no_grad():
        detector.network.convs[0].weight += 1
    with pytest.raises(
        WeightsError, match=r"holds other weights .* 1 of 2 tensors differ, .*convs\.0\.weight"
    ):
        export_with_report(detector, tmp_path / "bad", "x", card=card, source=source)
    assert not (tmp_path / "bad").exists()
