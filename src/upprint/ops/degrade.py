"""What Re-Synthesis (He et al., IJCAI 2021) does to a picture before it is re-synthesised.

X↓ is the mean of each 4x4 block. While the re-synthesiser is trained, an auxiliary task may degrade X↓
further (Ω): graying for colourisation, noise for denoising. Never when a picture is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from upprint.result import ConfigError

Auxiliary = Literal["none", "gray", "noise", "gray+noise"]
Variant = Literal["paper", "train_sr", "train"]
AUXILIARIES: tuple[Auxiliary, ...] = ("none", "gray", "noise", "gray+noise")


@dataclass(frozen=True)
class Strength:
    """Who is degraded and by how much.

    Args:
        share: probability that a picture (or the batch) is degraded.
        whole_batch: one decision, and one fraction of pixels, for all pictures of a batch.
        fraction: range of the share of pixels that lose their colour.
        sigma: range of the noise's standard deviation, on the scale 0..255.
    """

    share: float
    whole_batch: bool
    fraction: tuple[float, float]
    sigma: tuple[float, float]


STRENGTHS: dict[Variant, Strength] = {
    "paper": Strength(0.5, False, (0.10, 0.25), (4.0, 4.0)),
    "train_sr": Strength(1 - 0.7071, False, (0.05, 0.15), (0.0, 10.0)),
    "train": Strength(0.5, True, (0.10, 0.25), (4.0, 4.0)),
}
"""The paper's section 4.2; the flags of the authors' train_sr.py; the authors' train.py."""


def block_mean(images: Tensor, block: int = 4) -> Tensor:
    """The mean of every block x block pixels: (N, C, H, W) -> (N, C, H / block, W / block).

    Raises:
        ConfigError: H or W is not a multiple of `block`.
    """
    if images.shape[-2] % block or images.shape[-1] % block:
        raise ConfigError(
            f"block mean of {images.shape[-1]} x {images.shape[-2]} pixels: expected multiples of {block}; "
            "crop or pad the picture first"
        )
    return functional.avg_pool2d(images, block)


def gray(images: Tensor, fraction: Tensor, generator: torch.Generator) -> Tensor:
    """Random pixels replaced by the unweighted mean of their three channels.

    Args:
        images: (N, 3, h, w).
        fraction: (N,), the share of pixels of each picture.
        generator: of the mask, on the CPU.
    """
    shape = (len(images), 1, *images.shape[-2:])
    mask = torch.rand(shape, generator=generator) < fraction.reshape(-1, 1, 1, 1)
    return torch.where(mask.to(images.device), images.mean(1, keepdim=True), images)


def noise(images: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise added, neither clipped nor rounded.

    Args:
        images: (N, C, h, w) in [0, 1].
        sigma: (N,), standard deviation of each picture on that scale.
        generator: on the CPU.
    """
    drawn = torch.randn(images.shape, generator=generator) * sigma.reshape(-1, 1, 1, 1)
    return images + drawn.to(images)


def degrade(images: Tensor, auxiliary: Auxiliary, variant: Variant, generator: torch.Generator) -> Tensor:
    """Ω: some of the pictures grayed, noisy or both; a new tensor, the rest bit for bit unchanged.

    Args:
        images: X↓, (N, 3, h, w) in [0, 1].
        auxiliary: "none", "gray" (SR+C), "noise" (SR+D), or both, each decided on its own.
        variant: a key of `STRENGTHS`.
        generator: of all draws, on the CPU.
    """
    if auxiliary not in AUXILIARIES or variant not in STRENGTHS:
        raise ConfigError(
            f"degradation {auxiliary!r} of variant {variant!r}: expected one of {', '.join(AUXILIARIES)} and "
            f"one of {', '.join(STRENGTHS)}"
        )
    strength, count = STRENGTHS[variant], len(images)
    for kind in auxiliary.split("+"):
        if kind == "none":
            break
        rows = 1 if strength.whole_batch else count
        chosen = (torch.rand(rows, generator=generator) < strength.share).expand(count)
        low, high = strength.fraction if kind == "gray" else strength.sigma
        amount = (low + (high - low) * torch.rand(rows, generator=generator)).expand(count)
        if kind == "gray":
            changed = gray(images, amount, generator)
        else:
            changed = noise(images, amount / 255, generator)
        images = torch.where(chosen.reshape(-1, 1, 1, 1).to(images.device), changed, images)
    return images
