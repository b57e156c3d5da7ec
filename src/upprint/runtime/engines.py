"""The two inference engines behind `Session`, opened from the bytes of an ONNX graph.

ONNX Runtime in fp32 is the reference: its results do not depend on the number of threads, bit for bit.
OpenVINO runs bf16 where the processor multiplies in bf16, fp32 elsewhere; the pixel differences stay
integers in the graph, so bf16 touches only the network behind them. A card may rule it out (`narrow`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upprint.result import ConfigError, WeightsError, require

ENGINES = ("onnxruntime", "openvino")

Arrays = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Logits, and maps where the graph has them."""
Run = Callable[[NDArray[np.uint8]], Arrays]
Port = tuple[str, str, int]
"""Name, dtype and number of axes of an input or output."""

INPUTS: list[Port] = [("images", "uint8", 4)]
LOGIT: Port = ("logit", "float32", 1)
CAM: Port = ("cam", "float32", 3)
"""Only of networks that have an exact class activation map."""


def opener(engine: str, *, narrow: bool = True) -> Callable[[bytes, str, int | None], Run]:
    """The function that opens a graph (bytes, its name for messages, threads) in `engine`.

    Args:
        engine: one of `ENGINES`.
        narrow: bf16 may be used where the processor has it, see `SystemCard.narrow`.

    Raises:
        ConfigError: unknown engine.
        MissingExtra: OpenVINO is not installed.
    """
    if engine == "onnxruntime":
        return _onnxruntime
    if engine == "openvino":
        require("openvino", extra="fast", purpose="the engine 'openvino'")
        return partial(_openvino, narrow=narrow)
    raise ConfigError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")


def import_onnxruntime() -> Any:
    """ONNX Runtime with its telemetry off.

    Official builds send usage events over the network unless this variable is set before the import, and
    leave files in the temporary folder. Nothing about a scan leaves the machine; a value that the user set
    is respected.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _onnxruntime(graph: bytes, origin: str, threads: int | None) -> Run:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # else one memory plan is kept for every batch shape: +50 % memory
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the engine's own exceptions share no base class below this
        raise WeightsError(f"{origin}: ONNX Runtime cannot open it ({error})") from error
    _check_ports(origin, "input", [_onnx_port(port) for port in session.get_inputs()], INPUTS)
    outputs = _outputs(origin, [_onnx_port(port) for port in session.get_outputs()])

    def run(batch: NDArray[np.uint8]) -> Arrays:
        logits, *cam = session.run(outputs, {"images": batch})
        return logits, cam[0] if cam else None

    return run


def _onnx_port(port: Any) -> Port:
    names = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
    return port.name, names.get(port.type, port.type), len(port.shape)


def _openvino(graph: bytes, origin: str, threads: int | None, *, narrow: bool) -> Run:
    import openvino

    core = openvino.Core()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if narrow and has_bf16() else "f32",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        model = core.read_model(BytesIO(graph))
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:  # the engine's own exceptions share no base class below this
        raise WeightsError(f"{origin}: OpenVINO cannot open it ({error})") from error
    _check_ports(origin, "input", [_openvino_port(port) for port in compiled.inputs], INPUTS)
    outputs = _outputs(origin, [_openvino_port(port) for port in compiled.outputs])
    request, lock = compiled.create_infer_request(), threading.Lock()
    ports = [compiled.output(name) for name in outputs]

    def run(batch: NDArray[np.uint8]) -> Arrays:
        with lock:  # a request holds one batch at a time
            found = request.infer({"images": batch})
            logits, *cam = (np.array(found[port]) for port in ports)
        return logits, cam[0] if cam else None

    return run


def _openvino_port(port: Any) -> Port:
    names = {"u8": "uint8", "f32": "float32"}
    kind = port.get_element_type().get_type_name()
    return port.get_any_name(), names.get(kind, kind), len(port.get_partial_shape())


def _outputs(origin: str, found: list[Port]) -> list[str]:
    """Names of the outputs: the logit, and the map where there is one."""
    expected = [LOGIT, CAM] if CAM[0] in [name for name, *_ in found] else [LOGIT]
    _check_ports(origin, "output", found, expected)
    return [name for name, *_ in expected]


def _check_ports(origin: str, what: str, found: list[Port], expected: list[Port]) -> None:
    if sorted(found) != sorted(expected):
        raise WeightsError(
            f"{origin}: {what}s are {_ports(found)}, expected {_ports(expected)}; export the system again"
        )


def _ports(ports: list[Port]) -> str:
    return ", ".join(f"{name} {dtype} with {axes} axes" for name, dtype, axes in ports) or "none"


def has_bf16() -> bool:
    """Whether this processor multiplies in bf16 (AVX512-BF16 or AMX); asked of Linux, else no."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
