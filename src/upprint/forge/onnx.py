"""Any autoencoder or image-to-image network as an ONNX file: the way in for every other framework.

Imitates the generator whose decoder the file holds. A super-resolution network belongs here with its
reduction in front of it, so that the graph's output has its input's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upprint.forge.run import Maker
from upprint.result import ConfigError, WeightsError
from upprint.runtime.engines import import_onnxruntime

Pixels = NDArray[np.uint8]


def maker(path: Path, stride: int, *, name: str | None = None) -> Maker:
    """The maker in an ONNX file.

    Args:
        path: one input and one output, both (N, 3, H, W) float32 RGB in [0, 1], N, H and W free. What
            leaves [0, 1] is clipped.
        stride: pictures are cropped to multiples of this.
        name: of the maker; the file's stem by default.

    Raises:
        WeightsError: not an ONNX file, or another signature.
        ConfigError: a stride below 1.
    """
    if stride < 1:
        raise ConfigError(f"stride {stride}: expected 1 or more")
    onnxruntime = import_onnxruntime()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from error
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # the engine's own exceptions share no base class below this
        raise WeightsError(f"{path}: ONNX Runtime cannot open it ({error})") from error
    for role, ports in (("input", session.get_inputs()), ("output", session.get_outputs())):
        if [(port.type, len(port.shape)) for port in ports] != [("tensor(float)", 4)]:
            found = ", ".join(f"{port.name} {port.type} {port.shape}" for port in ports)
            raise WeightsError(f"{path}: {role} {found}; expected one of (N, 3, H, W) float32")
    port = session.get_inputs()[0].name

    def make(photos: Sequence[Pixels]) -> list[Pixels]:
        images = np.stack(photos).transpose(0, 3, 1, 2).astype(np.float32) / 255
        try:
            (rebuilt,) = session.run(None, {port: images})
        except Exception as error:
            raise WeightsError(f"{path}: fails on images of shape {images.shape} ({error})") from error
        if rebuilt.shape != images.shape:
            raise WeightsError(
                f"{path}: images of shape {images.shape} came out as {rebuilt.shape}; expected their own "
                f"shape. Is {stride} its stride?"
            )
        twins: NDArray[np.uint8] = (rebuilt.clip(0, 1) * 255).round().astype(np.uint8)
        return list(twins.transpose(0, 2, 3, 1))

    return Maker(name or path.stem, stride, {"weights": hashlib.sha256(content).hexdigest()}, make)
