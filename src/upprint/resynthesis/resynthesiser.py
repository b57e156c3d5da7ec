"""The first stage: the re-synthesiser Φ, trained on real photos alone (`task = "resynthesiser"`)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from upprint.checkpoints import fill
from upprint.nets.perceptual import SmallPerceptual
from upprint.nets.rdn import RDN
from upprint.nets.vgg import Vgg19
from upprint.ops.degrade import AUXILIARIES, STRENGTHS, Auxiliary, Variant, block_mean, degrade
from upprint.ops.reconstruction import LossName, reconstruction_loss
from upprint.result import ConfigError, Progress
from upprint.resynthesis.parts import save_part
from upprint.resynthesis.patches import Patches
from upprint.train import RunConfig, Task, training_samples


@dataclass(frozen=True, kw_only=True)
class ResynthesiserConfig(RunConfig):
    """A run of the first stage.

    Args:
        rdn: features, growth, blocks and layers.
        patch: side of the training patches in full resolution (the paper's 24 low-resolution pixels are 96).
        held_patch: side of the central patches that the validation compares.
        perceptual: network of the loss's second term; "none" leaves the term out.
        perceptual_weights: its file, or "torch-cache" for VGG-19.
        loss: whose (`upprint.ops.reconstruction.LOSSES`).
        auxiliary: what else is to be undone (`upprint.ops.degrade`).
        degradation: whose numbers.
        start: weights to go on from, "" for random ones.
        half: write the weights in half precision.
    """

    rdn: tuple[int, int, int, int] = (64, 64, 16, 8)
    patch: int = 96
    held_patch: int = 192
    perceptual: Literal["vgg19", "small", "none"] = "vgg19"
    perceptual_weights: str = ""
    loss: LossName = "paper"
    auxiliary: Auxiliary = "none"
    degradation: Variant = "paper"
    start: str = ""
    half: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.perceptual == "none") != (not self.perceptual_weights):
            raise ConfigError(
                f"perceptual network {self.perceptual!r} with weights {self.perceptual_weights!r}: expected "
                "a file (or \"torch-cache\") with 'vgg19' and 'small', and none with 'none'"
            )

    def task(self, *, resumed: bool, progress: Progress) -> Task:  # noqa: ARG002
        """Patches of real photos; see the base class."""
        train, validation = training_samples(self.data)
        patches = Patches(train, self.patch, training=True, cache=self.data.cache)
        held = Patches(validation, self.held_patch, training=False, cache=self.data.cache)
        phi = RDN(*self.rdn)
        if self.start and not resumed:
            fill(phi, self.start)
        trainee = Resynthesiser(phi, _perceptual(self), self.loss, self.auxiliary, self.degradation)
        trainee.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def export(path: Path) -> None:
            save_part(phi, path, kind="rdn", config=self, samples=patches.samples, half=self.half)

        def validate(fabric: Fabric) -> dict[str, float]:
            return psnr_of(phi, held, fabric.device)

        units: Sequence[tuple[int, ...]] = [(index,) for index in range(len(patches))]
        return Task("rdn", trainee, patches, units, validate if len(held) else None, export)


class Resynthesiser(nn.Module):
    """Φ with its loss; the perceptual network is frozen."""

    def __init__(
        self,
        phi: RDN,
        theta: nn.Module | None,
        loss: LossName,
        auxiliary: Auxiliary,
        degradation: Variant,
    ) -> None:
        super().__init__()
        self.phi, self.theta = phi, theta
        self._loss: LossName = loss
        self._auxiliary: Auxiliary = auxiliary
        self._degradation: Variant = degradation
        if auxiliary not in AUXILIARIES or degradation not in STRENGTHS:
            raise ConfigError(f"degradation {auxiliary!r} of variant {degradation!r}: not known")

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002 - every picture is real
        """Equation 3 (or 1, without a perceptual network) on patches (N, 3, H, W) uint8.

        The draws of the degradation follow from the pictures, so that a resumed run repeats them.
        """
        x = images.float() / 255
        low = block_mean(x)
        if self._auxiliary != "none":
            seed = zlib.crc32(images.cpu().contiguous().numpy().tobytes())
            low = degrade(low, self._auxiliary, self._degradation, torch.Generator().manual_seed(seed))
        return reconstruction_loss(self.phi(low).float(), x, self.theta, self._loss)


def psnr_of(phi: nn.Module, held: Patches, device: torch.device) -> dict[str, float]:
    """Mean PSNR in dB over held-out patches, of Φ and of bicubic enlargement; and Φ's mean absolute error.

    Values are compared in [0, 1] after clipping, without rounding.
    """
    phi.eval()
    ours, plain, errors = [], [], []
    with torch.inference_mode():
        for index in range(len(held)):
            x = held[index, 0][0][None].to(device).float() / 255
            low = block_mean(x)
            y = phi(low)
            errors.append(float((x - y).abs().mean()))
            ours.append(psnr(y, x))
            plain.append(psnr(functional.interpolate(low, scale_factor=4, mode="bicubic"), x))
    count = len(held)
    return {
        "val_psnr": sum(ours) / count,
        "val_psnr_bicubic": sum(plain) / count,
        "val_l1": sum(errors) / count,
    }


def psnr(found: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of values in [0, 1]; capped at 100 for equal pictures."""
    error = float((found.clamp(0, 1) - target).square().mean())
    return min(100.0, -10 * float(torch.log10(torch.tensor(max(error, 1e-10)))))


def _perceptual(config: ResynthesiserConfig) -> nn.Module | None:
    if config.perceptual == "none":
        return None
    network = Vgg19() if config.perceptual == "vgg19" else SmallPerceptual()
    fill(network, config.perceptual_weights)
    network.requires_grad_(False)
    return network
