"""What predictions are made with: an exported graph (no torch), or a torch detector with its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upprint.card import SystemCard
from upprint.result import ConfigError, WeightsError, require

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]

_TILE = 256 * 256


@dataclass(frozen=True)
class Model:
    """A system ready to score.

    Args:
        score: uint8 RGB (N, H, W, 3) to logits (N,), higher = more likely generated.
        card: what it is; its input rule says how tiles are cut and pooled.
        weights: name of the weights file.
        sha256: of that file.
        engine: what runs it.
        parameters: of the network as it is built, with its options.
        pixels_per_run: batches are cut to this many pixels, at least one picture.
    """

    score: Callable[[Pixels], Logits]
    card: SystemCard
    weights: str
    sha256: str
    engine: str
    parameters: int
    pixels_per_run: int = 8 * _TILE


def open_model(
    system: str | None = None,
    weights: Path | None = None,
    *,
    engine: str = "onnxruntime",
    threads: int | None = None,
    device: str = "cpu",
) -> Model:
    """Open a system for prediction.

    Args:
        system: a shipped system, the default one if None; safetensors weights name their own, and one given
            beside them must agree.
        weights: an exported `.onnx` with its card beside it, or torch weights (`.safetensors`).
        engine: for ONNX graphs, "onnxruntime" or "openvino".
        threads: of the engine.
        device: for torch weights, "cpu" or "cuda".

    Raises:
        ConfigError: weights of another kind.
        UnknownSystem, CardError, WeightsError, MissingExtra: as the loaders say.
    """
    from upprint.runtime.store import DEFAULT_SYSTEM

    if weights is None:
        return _graph(system or DEFAULT_SYSTEM, engine, threads)
    if weights.suffix == ".onnx":
        return _graph(str(weights), engine, threads)
    if weights.suffix == ".safetensors":
        return _torch(system, weights, threads, device)
    raise ConfigError(f"{weights}: expected weights named .onnx (exported) or .safetensors (trained)")


def _graph(name: str, engine: str, threads: int | None) -> Model:
    from upprint.runtime.session import Session
    from upprint.runtime.store import find

    path, card = find(name)
    session = Session(path, card, threads=threads, engine=engine)
    digest = card.weights.onnx_sha256 if card.weights else ""
    return Model(lambda batch: session.run(batch)[0], card, path.name, digest, engine, card.parameters)


def _torch(system: str | None, path: Path, threads: int | None, device: str) -> Model:
    require("torch", extra="train", purpose="scoring with .safetensors weights")
    import torch

    from upprint.checkpoints import load_detector

    if threads is not None:
        torch.set_num_threads(threads)
    detector = load_detector(path, system=system).eval().to(device)
    detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def score(batch: Pixels) -> Logits:
        images = torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device)
        with torch.inference_mode():
            logits: Logits = detector(images).float().cpu().numpy()
        if not np.isfinite(logits).all():
            raise WeightsError(f"{path}: the network returned a logit that is not finite")
        return logits

    tiles = 8 if device == "cpu" else 64
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    parameters = sum(parameter.numel() for parameter in detector.parameters())
    return Model(score, detector.card, path.name, digest, f"torch {device}", parameters, tiles * _TILE)
