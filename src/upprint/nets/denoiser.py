"""Noise predictors of diffusion models: the user's own through diffusers, or a small one that we train."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import WeightsError, require


class SmallDenoiser(nn.Module):
    """(N, 3, H, W) in [-1, 1] noised, step (N,) -> its noise; H and W multiples of 4."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList(
            (nn.Conv2d(width, 2 * width, 4, 2, 1), nn.Conv2d(2 * width, 4 * width, 4, 2, 1))
        )
        self.middle = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.up = nn.ModuleList(
            (nn.ConvTranspose2d(8 * width, 2 * width, 4, 2, 1), nn.ConvTranspose2d(4 * width, width, 4, 2, 1))
        )
        self.last = nn.Conv2d(2 * width, 3, 3, padding=1)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        rates = torch.exp(
            -math.log(10_000) * torch.arange(self.width // 2, device=x.device) / (self.width // 2)
        )
        angles = step[:, None].to(x.dtype) * rates.to(x.dtype)
        when = self.time(torch.cat((angles.sin(), angles.cos()), 1))[:, :, None, None]
        kept = [functional.silu(self.first(x))]
        for layer in self.down:
            kept.append(functional.silu(layer(kept[-1])))
        y = functional.silu(self.middle(kept[-1] + when))
        for layer, before in zip(self.up, reversed(kept[-len(self.up) :]), strict=True):
            y = functional.silu(layer(torch.cat((y, before), 1)))
        out: Tensor = self.last(torch.cat((y, kept[0]), 1))
        return out


class DiffusersDenoiser(nn.Module):
    """An unconditional UNet2DModel from a folder in diffusers' layout, frozen.

    Raises:
        MissingExtra: diffusers is not installed.
        WeightsError: the folder holds no such model.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        diffusers: Any = require(
            "diffusers", extra="diffusers", purpose="reconstructing with your diffusion model"
        )
        try:
            model = diffusers.UNet2DModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(
                f"{folder}: not a diffusers UNet2DModel in safetensors ({error}); name its folder"
            ) from error
        # Not a submodule: gigabytes of another's weights do not belong into ours.
        self.__dict__["model"] = model.eval().requires_grad_(False)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        model = self.__dict__["model"].to(x.device)
        noise: Tensor = model(x, step).sample
        return noise[:, :3]
