"""Autoencoders of the real library, tiny and with random weights, through `save_pretrained` and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from upprint.forge.diffusers import maker
from upprint.result import WeightsError

COMMON: dict[str, Any] = {"norm_num_groups": 4, "latent_channels": 4}
DOWN, UP = ("DownEncoderBlock2D",), ("UpDecoderBlock2D",)
KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "AutoencoderKL": (
        {"block_out_channels": (8, 8, 8), "down_block_types": DOWN * 3, "up_block_types": UP * 3, **COMMON},
        4,
    ),
    "VQModel": (
        {
            "block_out_channels": (8, 8),
            "down_block_types": DOWN * 2,
            "up_block_types": UP * 2,
            "num_vq_embeddings": 16,
            **COMMON,
        },
        2,
    ),
    "AutoencoderTiny": (
        {"encoder_block_out_channels": (8, 8, 8, 8), "decoder_block_out_channels": (8, 8, 8, 8)},
        8,
    ),
    "AsymmetricAutoencoderKL": (
        {
            "down_block_out_channels": (8, 8),
            "up_block_out_channels": (8, 8),
            "down_block_types": DOWN * 2,
            "up_block_types": UP * 2,
            "layers_per_up_block": 1,
            **COMMON,
        },
        2,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_is_what_the_library_decodes(kind: str, tmp_path: Path) -> None:
    settings, stride = KINDS[kind]
    torch.manual_seed(0)
    model = getattr(diffusers, kind)(**settings).eval()
    model.save_pretrained(tmp_path / "vae")
    made = maker(tmp_path / "vae")
    assert made.stride == stride
    assert made.parameters["class"] == kind
    photo = np.random.default_rng(0).integers(0, 256, (3 * stride, 4 * stride, 3), dtype=np.uint8)
    images = torch.from_numpy(photo.transpose(2, 0, 1)[None].astype(np.float32)) / 127.5 - 1
    with torch.no_grad():
        encoded = model.encode(images)
        latents = encoded.latent_dist.mode() if "KL" in kind else encoded.latents
        decoded = model.decode(latents).sample[0].clamp(-1, 1).permute(1, 2, 0).numpy()
    (twin,) = made.make([photo])
    assert np.abs(twin.astype(float) - (decoded + 1) * 127.5).max() <= 0.51


def test_folders_that_are_no_autoencoder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected save_pretrained's folder"):
        maker(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(WeightsError, match="class UNet2DModel; expected one of AutoencoderKL"):
        maker(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        maker(tmp_path)
