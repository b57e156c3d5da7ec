"""The affine map that a pretrained network expects: (x / 255 - mean) / std per channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Standardise(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> float32 of the same shape."""

    gain: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        exact = torch.tensor([mean, std], dtype=torch.float64, device="cpu")
        gain = 1 / (255 * exact[1])
        self.register_buffer("gain", _channels(gain), persistent=False)
        self.register_buffer("shift", _channels(-exact[0] / exact[1]), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images.to(self.gain.dtype) * self.gain + self.shift

    @classmethod
    def imagenet(cls) -> Standardise:
        return cls(IMAGENET_MEAN, IMAGENET_STD)

    @classmethod
    def clip(cls) -> Standardise:
        return cls(CLIP_MEAN, CLIP_STD)

    @classmethod
    def symmetric(cls) -> Standardise:
        """x / 127.5 - 1."""
        return cls((0.5,) * 3, (0.5,) * 3)


def _channels(values: Tensor) -> Tensor:
    return values.to(torch.float32).reshape(1, -1, 1, 1)
