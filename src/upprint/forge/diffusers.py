"""Latent decoders of the diffusers library: any `AutoencoderKL`, `VQModel` or `AutoencoderTiny` on disk.

Imitates the last stages of the generator that the autoencoder belongs to, exactly: its own decoder runs on
its own encoding of the photo. The library is optional and reads local folders only; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from upprint.forge.batched import batched
from upprint.forge.run import Maker
from upprint.result import WeightsError, require

_CLASSES = ("AutoencoderKL", "AutoencoderTiny", "VQModel", "AsymmetricAutoencoderKL")
_LEVELS = {
    "AutoencoderTiny": "encoder_block_out_channels",
    "AsymmetricAutoencoderKL": "down_block_out_channels",
}
"""The setting that has one entry per resolution, where it is not `block_out_channels`."""


def maker(folder: Path, *, name: str | None = None) -> Maker:
    """The autoencoder in `folder` (config.json and safetensors weights, as diffusers saves them).

    Latents are the distribution's mode, so that a twin depends on the photo alone.

    Args:
        folder: what `save_pretrained` wrote.
        name: of the maker; the folder's own by default.

    Raises:
        MissingExtra: diffusers is not installed.
        WeightsError: no autoencoder of a known class is there.
    """
    library = require("diffusers", extra="diffusers", purpose="its autoencoders as makers")
    config = folder / "config.json"
    try:
        kind = json.loads(config.read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{config}: not a diffusers autoencoder ({error}); expected save_pretrained's folder"
        ) from error
    if kind not in _CLASSES:
        raise WeightsError(f"{config}: class {kind}; expected one of {', '.join(_CLASSES)}")
    try:
        model = getattr(library, kind).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{folder}: {kind} cannot be loaded ({error})") from error
    model.eval().requires_grad_(False)
    stride = 2 ** (len(model.config[_LEVELS.get(kind, "block_out_channels")]) - 1)
    weights = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        weights.update(path.read_bytes())
    parameters = {"class": kind, "weights": weights.hexdigest()}
    return Maker(
        name or folder.name, int(stride), parameters, batched(lambda images: _rebuild(model, images))
    )


def _rebuild(model: Any, images: Tensor) -> Tensor:
    encoded = model.encode(images * 2 - 1)
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    decoded: Tensor = model.decode(latents).sample
    return torch.clamp(decoded / 2 + 0.5, 0, 1)
