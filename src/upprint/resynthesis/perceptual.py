"""The small perceptual network, trained without labels on real photos (`task = "perceptual"`)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from upprint.nets.perceptual import Restorer, SmallPerceptual, restoration_loss
from upprint.ops.degrade import noise
from upprint.result import Progress
from upprint.resynthesis.parts import save_part
from upprint.resynthesis.patches import Patches
from upprint.train import RunConfig, Task, training_samples


@dataclass(frozen=True, kw_only=True)
class PerceptualConfig(RunConfig):
    """A run of the substitute for VGG-19.

    Args:
        patch: side of the patches, a multiple of 16.
        gray: share of the patches that lose their colour, which must then be inferred.
        noise: largest standard deviation of the noise, on the scale 0..255.
        half: write the weights in half precision.
    """

    patch: int = 96
    gray: float = 0.5
    noise: float = 25.0
    half: bool = True

    def task(self, *, resumed: bool, progress: Progress) -> Task:  # noqa: ARG002 - nothing is prepared before
        """Patches of real photos; see the base class."""
        train, validation = training_samples(self.data)
        patches = Patches(train, self.patch, training=True, cache=self.data.cache)
        held = Patches(validation, self.patch, training=False, cache=self.data.cache)
        trainee = Restoring(SmallPerceptual(), self.gray, self.noise)
        trainee.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def export(path: Path) -> None:
            network = trainee.restorer.network
            save_part(network, path, kind="perceptual", config=self, samples=patches.samples, half=self.half)

        def validate(fabric: Fabric) -> dict[str, float]:
            trainee.eval()
            with torch.inference_mode(), fabric.autocast():
                pictures = (held[index, 0][0][None].to(fabric.device) for index in range(len(held)))
                losses = [float(trainee.loss(picture, None)) for picture in pictures]
            return {"val_loss": sum(losses) / len(losses)}

        units = [(index,) for index in range(len(patches))]
        return Task("perceptual", trainee, patches, units, validate if len(held) else None, export)


class Restoring(nn.Module):
    """The network, its linear maps and the pretext task."""

    def __init__(self, network: SmallPerceptual, gray: float, noise: float) -> None:
        super().__init__()
        self.restorer = Restorer(network)
        self.gray, self.noise = gray, noise

    def loss(self, images: Tensor, labels: Tensor | None) -> Tensor:  # noqa: ARG002 - there are no labels
        """Restoration error at every stage; the draws follow from the pictures (N, 3, H, W) uint8."""
        clean = images.float() / 255
        seed = zlib.crc32(images.cpu().contiguous().numpy().tobytes())
        generator = torch.Generator().manual_seed(seed)
        degraded = self.degrade(clean, generator)
        return restoration_loss([picture.float() for picture in self.restorer(degraded)], clean)

    def degrade(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Half of the pictures without colour (at `gray` 0.5), all with noise of their own strength."""
        count = len(clean)
        colourless = torch.rand(count, 1, 1, 1, generator=generator) < self.gray
        pictures = torch.where(colourless.to(clean.device), clean.mean(1, keepdim=True), clean)
        sigma = torch.rand(count, generator=generator) * self.noise / 255
        return noise(pictures, sigma, generator)
