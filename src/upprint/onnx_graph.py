"""From a detector to an ONNX graph without leftovers: trace, fold, strip."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from upprint import __version__
from upprint.detector import Detector
from upprint.result import require

OPSET, IR_VERSION = 18, 8
"""Read by ONNX Runtime from 1.14, onnxruntime-web and OpenVINO; nothing newer is needed."""


@runtime_checkable
class Mapped(Protocol):
    """A network whose logit is the mean of a map plus the bias of its head."""

    @property
    def head(self) -> nn.Linear: ...

    def class_activation_map(self, x: Tensor) -> Tensor: ...


class _Graph(nn.Module):
    """(N, H, W, 3) uint8 -> logits (N,), and the map where the network has one."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector
        self.mapped = isinstance(detector.network, Mapped)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        pixels = images.permute(0, 3, 1, 2)
        if not self.mapped:
            return (cast(Tensor, self.detector(pixels)),)
        network = cast(Mapped, self.detector.network)
        cam = network.class_activation_map(self.detector.representation(pixels))
        return cam.mean((-2, -1)) + cast(Tensor, network.head.bias), cam


def to_onnx(detector: Detector) -> Any:
    """The graph as an onnx.ModelProto; the detector must be on the CPU, in float32 and eval mode."""
    require("onnx", extra="train", purpose="exporting")
    require("onnxscript", extra="train", purpose="exporting")
    graph = _Graph(detector).eval()
    rule = detector.card.input
    # Primes: a size that a block divides would let the tracer drop what only partial blocks need.
    height, width = (rule.tile, rule.tile) if rule.exact else (67, 83)
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    free = dict.fromkeys((0,) if rule.exact else (0, 1, 2), torch.export.Dim.DYNAMIC)
    outputs = ["logit", "cam"] if graph.mapped else ["logit"]
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            (example,),
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    proto = cast(Any, program).model_proto
    _fold_gains(proto.graph)
    _strip(proto)
    return proto


def _fold_gains(graph: Any) -> None:
    """Fold each Mul by a per-channel constant into the convolution that alone reads it.

    Exact up to float32 rounding of the weights: the padding is zero, and zero times a gain is zero.
    """
    numpy_helper = require("onnx.numpy_helper", extra="train", purpose="exporting")
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(output.name for output in graph.output)
    made_by = {node.output[0]: node for node in graph.node if node.op_type == "Mul"}
    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        mul, weight = made_by.get(conv.input[0]), constants.get(conv.input[1])
        grouped = any(a.name == "group" and a.i != 1 for a in conv.attribute)
        if mul is None or weight is None or grouped or readers[mul.output[0]] != 1:
            continue
        gains = [name for name in mul.input if name in constants]
        if len(gains) != 1 or readers[weight.name] != 1:
            continue
        gain, kernel = (numpy_helper.to_array(constants[name]) for name in (gains[0], weight.name))
        if gain.shape != (1, kernel.shape[1], 1, 1):
            continue
        weight.CopyFrom(numpy_helper.from_array(kernel * gain, weight.name))
        conv.input[0] = next(name for name in mul.input if name not in constants)
        graph.node.remove(mul)
        if readers[gains[0]] == 1:
            graph.initializer.remove(constants[gains[0]])


def _strip(proto: Any) -> None:
    """Leave nothing of this machine or this run in the file: source lines, paths, traced names of sizes."""
    graph = proto.graph
    proto.ir_version = IR_VERSION
    proto.producer_name, proto.producer_version = "upprint", __version__
    graph.name = "upprint"
    for field in ("metadata_props", "doc_string"):
        for holder in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
            holder.ClearField(field)
    graph.ClearField("value_info")
    names = {"images": ("N", "H", "W", None), "logit": ("N",), "cam": ("N", "h", "w")}
    for value in (*graph.input, *graph.output):
        for dim, label in zip(value.type.tensor_type.shape.dim, names[value.name], strict=True):
            if label is not None and not dim.dim_value:
                dim.dim_param = label
    require("onnx.checker", extra="train", purpose="exporting").check_model(proto, full_check=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's own deprecation warnings and its remarks on packages we do not use to itself."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
