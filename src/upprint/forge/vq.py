"""Vector quantisation between encoder and decoder (van den Oord et al., NeurIPS 2017).

Imitates VQGAN-based generators (VQ-Diffusion, DALL-E mini, taming transformers, token-based models): the
decoder sees only entries of a code book, which costs detail in a way that no continuous code does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.forge.autoencoder import Recipe

RECIPES = (Recipe("nearest", stages=2, norm="group", seed=16, codes=512),)
_HEADS = 4
"""Latent vectors are quantised in this many parts, so that a small book describes them well enough."""
_COMMITMENT = 0.25


class CodeBook(nn.Module):
    """Latents (N, C, H, W) to their nearest entries, with straight-through gradients.

    Each vector is cut into parts of C / 4 values; every part is replaced by the nearest of `codes` entries
    in Euclidean distance.
    """

    started: Tensor

    def __init__(self, width: int, codes: int) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.zeros(codes, width // _HEADS))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Quantised latents, and code-book loss + 0.25 commitment loss."""
        parts = latents.permute(0, 2, 3, 1).reshape(-1, self.entries.shape[1]).float()
        if not self.started:
            self._start(parts)
        with torch.no_grad():
            nearest = torch.cdist(parts, self.entries).argmin(1)
        chosen = self.entries[nearest]
        loss = functional.mse_loss(chosen, parts.detach())
        loss = loss + _COMMITMENT * functional.mse_loss(parts, chosen.detach())
        quantised = parts + (chosen - parts).detach()
        n, c, h, w = latents.shape
        return quantised.reshape(n, h, w, c).permute(0, 3, 1, 2).to(latents.dtype), loss

    @torch.no_grad()
    def _start(self, parts: Tensor) -> None:
        """Entries drawn from the first batch: a random book would leave most of its entries unused."""
        drawn = torch.randperm(len(parts))[: len(self.entries)]
        self.entries[: len(drawn)] = parts[drawn]
        self.started.fill_(True)
