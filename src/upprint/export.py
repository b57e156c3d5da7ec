"""A detector as one ONNX graph, f and D together, with its card beside it.

    images (N, H, W, 3) uint8 RGB -> logit (N,) float32, cam (N, h, w) float32

N, H and W are free. Where the network has an exact class activation map, `cam` is an output and the
logit is computed from it: mean(cam) + head bias == logit. BatchNorm is folded by the exporter and f's
gains are folded into the first convolution; parity with torch is measured before anything is written.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upprint.card import SystemCard, Weights
from upprint.checkpoints import load_safetensors, read_metadata, write_whole
from upprint.detector import Detector
from upprint.onnx_graph import Mapped, to_onnx
from upprint.result import ConfigError, WeightsError
from upprint.runtime.engines import import_onnxruntime

TOLERANCE = 1e-4
"""Largest difference of logits between graph and torch, up to |logit| = 10; in proportion beyond. A cell of
a map counts for one of many in its logit: there it is in proportion from 1 on."""


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far the graph's outputs were from torch's on the pictures tried."""

    path: Path
    card_path: Path
    sha256: str
    size: int
    operators: dict[str, int]
    logit_difference: float
    cam_difference: float | None
    pictures: int


def export(
    detector: Detector,
    out_dir: str | Path,
    name: str,
    *,
    card: SystemCard | None = None,
    tile: int | None = None,
) -> Path:
    """Write NAME.onnx and NAME.json; as `export_with_report`, whose path this returns."""
    return export_with_report(detector, out_dir, name, card=card, tile=tile).path


def export_with_report(
    detector: Detector,
    out_dir: str | Path,
    name: str,
    *,
    card: SystemCard | None = None,
    tile: int | None = None,
    source: Path | None = None,
) -> ExportReport:
    """Export a detector and check the graph against torch.

    Args:
        detector: what to export, as it would score in eval mode; it is not changed.
        out_dir: the folder of the two files.
        name: their stem.
        card: the card to write, with calibration and numbers kept; the detector's own if not given.
        tile: side of the tiles that scan will use; the card's if not given.
        source: the safetensors file that the weights came from, for the card. It must hold them exactly.

    Raises:
        ConfigError: a system that cannot be exported (with its reason), or a name that is a path.
        WeightsError: the graph and torch disagree, or `source` holds other weights. Nothing is written then.
    """
    if not detector.card.exportable:
        note = detector.card.export_note or "its card does not say why"
        raise ConfigError(f"system {detector.card.name!r} cannot be exported: {note}")
    if name.startswith(".") or Path(name).name != name or not name:
        raise ConfigError(f"export name {name!r}: expected a file stem without folders")
    model = copy.deepcopy(detector).cpu().float().eval()
    chosen = detector.card if card is None else card
    rule = chosen.input if tile is None else replace(chosen.input, tile=tile)
    weights = _weights(chosen, model, name, source)
    proto = to_onnx(model)
    data: bytes = proto.SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).hexdigest()
    logit_difference, cam_difference, pictures = check_parity(model, data, rule.tile, exact=rule.exact)
    written = replace(
        chosen, input=rule, options=detector.card.options, weights=replace(weights, onnx_sha256=digest)
    )
    text = written.to_json().encode()
    path, card_path = Path(out_dir) / f"{name}.onnx", Path(out_dir) / f"{name}.json"
    write_whole(path, data)
    write_whole(card_path, text)
    return ExportReport(
        path=path,
        card_path=card_path,
        sha256=digest,
        size=len(data),
        operators=dict(Counter(node.op_type for node in proto.graph.node)),
        logit_difference=logit_difference,
        cam_difference=cam_difference,
        pictures=pictures,
    )


def check_parity(
    detector: Detector, data: bytes, tile: int, *, exact: bool = False
) -> tuple[float, float | None, int]:
    """Run graph and torch on noise and on smooth pictures: one tile, odd and small sizes, batches 1 and 3.

    Where the network takes pictures of one size only (`exact`), they all have it.

    Returns:
        Largest difference of logits, of the map (None without one), and how many pictures were tried.

    Raises:
        WeightsError: the logits differ by more than `TOLERANCE`, or mean(cam) + bias is not the logit.
    """
    session = import_onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    network, rng = detector.network, np.random.default_rng(0)
    logit_worst, cam_worst, pictures = 0.0, 0.0, 0
    sizes = ((1, tile, tile), (3, 64, 64), (1, 97, 131), (3, 75, 34))
    for count, height, width in ((1, tile, tile), (3, tile, tile)) if exact else sizes:
        for images in (_noise(rng, count, height, width), _smooth(rng, count, height, width)):
            found = session.run(None, {"images": images})
            with torch.no_grad():
                pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
                logits = detector(pixels).numpy()
                logit_worst = max(logit_worst, _checked(found[0], logits, "logit", images.shape))
                if isinstance(network, Mapped):
                    cam = network.class_activation_map(detector.representation(pixels)).numpy()
                    cam_worst = max(cam_worst, _checked(found[1], cam, "cam", images.shape, unit=1.0))
                    pooled = found[1].mean((1, 2)) + cast(Tensor, network.head.bias).numpy()
                    _checked(pooled, found[0], "mean(cam) + bias", images.shape)
            pictures += count
    return logit_worst, cam_worst if isinstance(network, Mapped) else None, pictures


def _checked(
    found: NDArray[np.float32],
    expected: NDArray[np.float32],
    what: str,
    shape: Any,
    *,
    unit: float = 10.0,
) -> float:
    """Largest difference, or `WeightsError` where shapes differ or it exceeds the tolerance (also NaN)."""
    if found.shape != expected.shape:
        raise WeightsError(
            f"export: {what} has shape {found.shape} for {shape}, torch {expected.shape}; nothing was written"
        )
    difference = float(np.abs(found - expected).max())
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()) / unit)
    if not difference <= limit:
        raise WeightsError(
            f"export: {what} differs from torch by {difference:.2g} on pictures of shape {shape}, "
            f"at most {limit:.2g} is accepted; nothing was written"
        )
    return difference


def _noise(rng: np.random.Generator, count: int, height: int, width: int) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _smooth(rng: np.random.Generator, count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Slow waves plus a little grain: neighbours differ by a few grey levels, as in photos."""
    y, x = np.mgrid[:height, :width] / 64.0
    a, b, phase = rng.uniform(0.2, 2.0, (3, count, 3, 1, 1))
    waves = np.sin(a * x + phase) + np.cos(b * y - phase)
    grain = rng.normal(0, 2.0, waves.shape)
    planes = np.clip(127.5 + 55 * waves + grain, 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _weights(card: SystemCard, model: Detector, name: str, source: Path | None) -> Weights:
    """The card's entry on weights, all but the graph's hash."""
    stated = card.weights or Weights(
        onnx="",
        onnx_sha256="",
        safetensors="",
        safetensors_sha256="",
        trained_on="not stated",
        command="not stated",
        licence="not stated",
    )
    if source is None:
        return replace(stated, onnx=f"{name}.onnx")
    twin = copy.deepcopy(model)
    digest = load_safetensors(twin, source)
    mine = model.state_dict()
    others = [key for key, value in twin.state_dict().items() if not torch.equal(value, mine[key])]
    if others:
        raise WeightsError(
            f"{source}: holds other weights than the detector being exported; "
            f"{len(others)} of {len(mine)} tensors differ, the first is {others[0]}"
        )
    metadata = read_metadata(source)
    return Weights(
        onnx=f"{name}.onnx",
        onnx_sha256="",
        safetensors=source.name,
        safetensors_sha256=digest,
        trained_on=metadata.get("trained_on", stated.trained_on),
        command=metadata.get("command", stated.command),
        licence=metadata.get("licence", stated.licence),
    )
