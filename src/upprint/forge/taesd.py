"""Tiny autoencoders of the TAESD family (Bohan; MIT weights): the decoder end of latent diffusion.

Imitates the last stages of latent-diffusion generators: nearest x2 up-sampling + 3x3 convolution,
three times. An encode-decode pass leaves the decoder's print on a photo and changes little else.

One architecture covers TAESD, TAESDXL (4 latent channels), TAESD3, TAEF1 (16) and TAEF2 (32, with a
normalised bypass in the blocks at 1/8 resolution); which one a file holds is read from its tensors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.checkpoints import read_state_dict
from upprint.forge.batched import batched
from upprint.forge.run import Maker
from upprint.result import WeightsError

STRIDE = 8
"""Pictures are cropped to multiples of this before they are paired."""
_WIDTH = 64


class _Block(nn.Module):
    def __init__(self, *, bypass: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(3):
            layers += [nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)] + ([nn.ReLU()] if index < 2 else [])
        self.conv = nn.Sequential(*layers)
        self.pool: nn.Module | None = None
        if bypass:
            self.pool = nn.Sequential(
                nn.Conv2d(_WIDTH, 4 * _WIDTH, 1, bias=False),
                nn.GroupNorm(4, 4 * _WIDTH),
                nn.ReLU(),
                nn.Conv2d(4 * _WIDTH, _WIDTH, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return functional.relu(self.conv(x) + x)


class _SoftClamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def _encoder(latent_channels: int, *, bypass: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, _WIDTH, 3, padding=1), _Block(bypass=False)]
    for level in range(3):
        layers.append(nn.Conv2d(_WIDTH, _WIDTH, 3, 2, padding=1, bias=False))
        layers += [_Block(bypass=bypass and level == 2) for _ in range(3)]
    return nn.Sequential(*layers, nn.Conv2d(_WIDTH, latent_channels, 3, padding=1))


def _decoder(latent_channels: int, *, bypass: bool) -> nn.Sequential:
    layers: list[nn.Module] = [_SoftClamp(), nn.Conv2d(latent_channels, _WIDTH, 3, padding=1), nn.ReLU()]
    for level in range(3):
        layers += [_Block(bypass=bypass and level == 0) for _ in range(3)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, _Block(bypass=False), nn.Conv2d(_WIDTH, 3, 3, padding=1))


class TinyAutoencoder(nn.Module):
    """Images in [0, 1], (N, 3, H, W), H and W multiples of 8."""

    def __init__(self, latent_channels: int, *, bypass: bool) -> None:
        super().__init__()
        self.encoder = _encoder(latent_channels, bypass=bypass)
        self.decoder = _decoder(latent_channels, bypass=bypass)

    def forward(self, images: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(self.encoder(images))
        return decoded.clamp(0, 1)

    @classmethod
    def load(cls, encoder: Path, decoder: Path) -> TinyAutoencoder:
        """Read the two halves, `.safetensors` or `.pth` (tensors only, nothing is unpickled).

        Raises:
            WeightsError: a file is not a half of this family, or the halves do not belong together.
        """
        states = read_state_dict(encoder), read_state_dict(decoder)
        last = max((int(k.split(".")[0]) for k in states[0] if k.split(".")[0].isdigit()), default=-1)
        if f"{last}.weight" not in states[0]:
            raise WeightsError(
                f"{encoder}: not an encoder of the TAESD family; expected keys '0.weight', ..."
            )
        latent_channels = len(states[0][f"{last}.weight"])
        model = cls(latent_channels, bypass=any(".pool." in key for key in states[0]))
        for half, state, path in zip((model.encoder, model.decoder), states, (encoder, decoder), strict=True):
            try:
                half.load_state_dict(state)
            except RuntimeError as error:
                role = "encoder" if half is model.encoder else "decoder"
                raise WeightsError(
                    f"{path}: does not fit a TAESD-family {role} with {latent_channels} latent channels: "
                    f"{error}"
                ) from error
        return model.eval().requires_grad_(False)


def maker(encoder: Path, decoder: Path, *, name: str = "taesd") -> Maker:
    """The maker that these two files hold; its parameters name both by hash."""
    model = TinyAutoencoder.load(encoder, decoder)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    hashes = {
        half: hashlib.sha256(path.read_bytes()).hexdigest()
        for half, path in (("encoder", encoder), ("decoder", decoder))
    }
    return Maker(name, STRIDE, hashes, batched(model))
