"""Train an up-sampling autoencoder on photos: L1 and a patch discriminator, after AutoGAN.

The rebuilt picture must keep the photo (L1) and look like one to a small patch discriminator (least-squares
GAN), so that what is left of the difference is the decoder's print. Departures from AutoGAN's recipe:
smaller networks, crops instead of resized pictures, Adam with betas (0.5, 0.9), a cosine schedule; photos are
reduced by a drawn factor first, because generators learn from reduced photos too and because it thins out
JPEG's own grid. Every draw depends on (seed, step), so a run that was killed goes on to the same weights.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from upprint.allocator import keep_pages
from upprint.forge.autoencoder import Recipe, UpsamplingAutoencoder
from upprint.forge.hide import SpectralDiscriminator, regulariser
from upprint.forge.makers import build_network, save_maker
from upprint.images import decode
from upprint.result import ConfigError, DataError, ImageError, Progress, ResumeError

Pixels = NDArray[np.uint8]
_KEPT_SIDE = 512
"""Of every photo at most the central square of this side is kept in memory."""


@dataclass(frozen=True)
class MakerTraining:
    """How long and on what; the recipe says which network.

    Args:
        steps, batch, crop: of training; crop is a multiple of 16.
        lr: of both networks, falling to zero along a cosine.
        adversarial: weight of the discriminator's verdict beside L1, from the middle of the run on.
        reduce: photos are reduced by a factor drawn from here up to 1.
        photos: at most so many are read, spread evenly over the sorted list.
    """

    steps: int = 1000
    batch: int = 8
    crop: int = 64
    lr: float = 2e-3
    adversarial: float = 0.01
    reduce: float = 0.4
    photos: int = 1000
    checkpoint_every: int = 250

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.photos < 1 or self.checkpoint_every < 1:
            raise ConfigError("steps, batch, photos, checkpoint_every: expected at least 1")
        if self.crop < 32 or self.crop % 16:
            raise ConfigError(f"crop {self.crop}: expected a multiple of 16, at least 32")
        if not 0 < self.reduce <= 1:
            raise ConfigError(f"reduce {self.reduce}: expected a factor above 0 and at most 1")


class PatchDiscriminator(nn.Module):
    """Images (N, 3, H, W) to a map of scores, each over 22 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, 2, padding=1),
            nn.InstanceNorm2d(64),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 1, 4, 1, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(images)
        return scores


def train_maker(
    recipe: Recipe,
    photos: Sequence[str],
    out: Path,
    training: MakerTraining | None = None,
    *,
    metadata: dict[str, str] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Path:
    """Train one maker; returns its weights, `<out>/<name>.safetensors`.

    A run that was killed goes on from `<out>/<name>.ckpt`, which is removed at the end.

    Raises:
        ConfigError: the checkpoint there belongs to another training.
        DataError: no photo is large enough.
    """
    keep_pages()
    training = training or MakerTraining()
    out.mkdir(parents=True, exist_ok=True)
    weights, checkpoint = out / f"{recipe.name}.safetensors", out / f"{recipe.name}.ckpt"
    identity = json.dumps({"recipe": asdict(recipe), "training": asdict(training)}, sort_keys=True)
    source = Patches(photos, training, recipe.seed)
    state = _State(recipe, training)
    start = state.load(checkpoint, identity)
    for step in range(start, training.steps):
        figures = state.step(torch.from_numpy(source.batch(step)), step)
        done = step + 1
        if done % training.checkpoint_every == 0 and done < training.steps:
            state.save(checkpoint, identity, done)
        progress(done, training.steps)
    text = {key: f"{value:.4f}" for key, value in figures.items()} if start < training.steps else {}
    save_maker(state.maker, weights, {**(metadata or {}), **text, "training": json.dumps(asdict(training))})
    checkpoint.unlink(missing_ok=True)
    return weights


class _State:
    """Both sides of the game and their optimisers."""

    def __init__(self, recipe: Recipe, training: MakerTraining) -> None:
        self.recipe, self.training = recipe, training
        self.maker: UpsamplingAutoencoder = build_network(recipe)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            judges: list[nn.Module] = [PatchDiscriminator()]
            if recipe.spectral_discriminator:
                judges.append(SpectralDiscriminator(training.crop))
        self.judges = nn.ModuleList(judges)
        for module in (self.maker, self.judges):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        betas = (0.5, 0.9)
        self.optimisers = [
            torch.optim.Adam(m.parameters(), training.lr, betas) for m in (self.maker, self.judges)
        ]

    def step(self, photos: Tensor, step: int) -> dict[str, float]:
        """One step of both sides; photos (N, H, W, 3) uint8."""
        rate = self.training.lr * 0.5 * (1 + math.cos(math.pi * step / self.training.steps))
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        # Pictures begin to be judged at half-time: a game from the first step on slows L1 down.
        judged = self.training.adversarial if 2 * step >= self.training.steps else 0.0
        images = (photos.permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", torch.bfloat16):
            torch.manual_seed(step)
            rebuilt, loss = self.maker(images)
        rebuilt = rebuilt.float()
        distance = functional.l1_loss(rebuilt, images)
        loss = distance + loss
        if self.recipe.spectral:
            loss = loss + self.recipe.spectral * regulariser(rebuilt, images)
        if judged:
            with torch.autocast("cpu", torch.bfloat16):
                verdicts = [judge(rebuilt).float() for judge in self.judges]
            loss = loss + judged * torch.stack([(1 - v).square().mean() for v in verdicts]).mean()
        self._apply(0, loss)
        if judged:
            with torch.autocast("cpu", torch.bfloat16):
                pairs = [(judge(images).float(), judge(rebuilt.detach()).float()) for judge in self.judges]
            self._apply(
                1, torch.stack([(1 - r).square().mean() + f.square().mean() for r, f in pairs]).mean()
            )
        mse = functional.mse_loss(rebuilt.detach().clamp(0, 1), images).item()
        return {"l1": distance.item(), "psnr": -10 * math.log10(max(mse, 1e-10))}

    def _apply(self, side: int, loss: Tensor) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisers[side].step()

    def save(self, path: Path, identity: str, step: int) -> None:
        state = {
            "identity": identity,
            "step": step,
            "maker": self.maker.state_dict(),
            "judges": self.judges.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path, identity: str) -> int:
        if not path.exists():
            return 0
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
            seen = state["identity"]
        except Exception as error:  # torch's unpickler raises what it likes
            raise ResumeError(
                f"{path}: not a checkpoint that can be read ({error}); remove it to start anew"
            ) from error
        if seen != identity:
            raise ConfigError(
                f"{path}: a run with other settings stopped here; choose another out or remove it"
            )
        self.maker.load_state_dict(state["maker"])
        self.judges.load_state_dict(state["judges"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        return int(state["step"])


class Patches:
    """Training crops of photos held in memory.

    Args:
        paths: photos; those that cannot be read or are smaller than a crop are passed over.
        training: says how many are read, crop and reduction.
        seed: of the crops.
    """

    def __init__(self, paths: Sequence[str], training: MakerTraining, seed: int) -> None:
        self.training, self.seed = training, seed
        self.photos = list(_readable(_spread(paths, training.photos), training.crop))
        if not self.photos:
            raise DataError(
                f"none of {len(paths)} photos can be read and holds a crop of {training.crop} pixels"
            )

    def batch(self, step: int) -> Pixels:
        """(batch, crop, crop, 3) uint8 RGB; the same for the same seed and step."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.integers(len(self.photos), size=self.training.batch)
        return np.stack([self._crop(self.photos[i], rng) for i in chosen])

    def _crop(self, photo: Pixels, rng: np.random.Generator) -> Pixels:
        side = self.training.crop
        wanted = side / rng.uniform(self.training.reduce, 1)
        window = int(min(wanted, *photo.shape[:2]))
        top, left = (int(rng.integers(size - window + 1)) for size in photo.shape[:2])
        piece = photo[top : top + window, left : left + window]
        if window != side:
            piece = np.asarray(Image.fromarray(piece).resize((side, side), Image.Resampling.LANCZOS))
        return np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece)


def _spread(paths: Sequence[str], limit: int) -> Sequence[str]:
    if len(paths) <= limit:
        return paths
    return [paths[round(i)] for i in np.linspace(0, len(paths) - 1, limit)]


def _readable(paths: Sequence[str], smallest: int) -> Iterator[Pixels]:
    for path in paths:
        try:
            pixels = decode(os.fspath(path)).pixels
        except ImageError:
            continue
        top, left = (max(0, (size - _KEPT_SIDE) // 2) for size in pixels.shape[:2])
        kept = pixels[top : top + _KEPT_SIDE, left : left + _KEPT_SIDE]
        if min(kept.shape[:2]) >= smallest:
            yield kept.copy()
