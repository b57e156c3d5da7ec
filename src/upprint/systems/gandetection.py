"""GANDetection: Detecting GAN-generated images by orthogonal training of multiple CNNs (Mandelli, Bonettini,
Bestagini, Tubaro; ICIP 2022).

Idea: five networks trained on different data and conditions judge patches of 128 pixels; for each network a
picture is generated if any of its patches is. The mean of the five decides.

f   ImageNet standardisation.
D   five EfficientNet-B4 with two outputs. Network A sees 200 random patches, B to E a regular grid at
    multiples of 8
    pixels. Per network: the largest logit of "generated" over patches if any patch is called generated,
    else minus the largest logit of "camera-made". 5 x 17,552,202 parameters.

Training was not published; ours is cross-entropy over every patch of every network, so that the system can be
trained at all (configs/gandetection_ours.toml). The official weights are for inference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.efficientnet import EfficientNet
from upprint.ops.standardise import Standardise
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

PATCH, GRID = 128, 8
RANDOM_PATCHES, ROWS, COLUMNS = 200, 20, 10
SEED = 21
NAMES = "ABCDE"

CARD = SystemCard(
    name="gandetection",
    title="GANDetection (Mandelli et al.)",
    paper="Mandelli et al., Detecting GAN-generated images by orthogonal training of multiple CNNs, "
    "ICIP 2022",
    year=2022,
    faithful=True,
    idea="five EfficientNet-B4 on patches; one generated patch makes a picture generated",
    parameters=5 * 17_552_202,
    input=InputRule(tile=256, exact=True),
    departures=(
        "Training follows no publication: cross-entropy over every patch of every network.",
        (
            "Random patches of network A depend on the picture's size alone, so that a score does not depend "
            "on the order of pictures; theirs are drawn from one stream, seed 21."
        ),
        "Pictures below 148 x 138 pixels have a step of 8 pixels; theirs stop there with a step of 0.",
        "Pictures below 128 pixels are repeated with the phase of the 8 x 8 grid kept; theirs are refused.",
    ),
    limits=(
        "812 patches through an EfficientNet-B4 for a picture of 256 pixels: minutes on a small machine.",
        "Trained on GANs; the any-patch rule makes false alarms grow with a picture's size.",
    ),
)


def official(networks: str) -> OfficialLayout | None:
    """method_A.pth to method_E.pth: {"net": {"efficientnet.*", "classifier.*"}}, generated = 1."""
    parts = [
        OfficialLayout(
            rename=(("", f"network.nets.{name}."),),
            head="",
            fake_is_one=True,
            wrappers=("net",),
            file=f"method_{name}.pth",
            licence="GPL-3.0 repository; the weights' own terms are not stated",
        )
        for name in networks
    ]
    return replace(parts[0], beside=tuple(parts[1:]))


class PatchNet(nn.Module):
    """Patches (P, 3, h, w) -> two logits (P, 2)."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.efficientnet = EfficientNet(variant, traced=False)
        self.classifier = nn.Linear(self.efficientnet.features, 2)

    def forward(self, patches: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.efficientnet(patches))
        return logits


def step(length: int, patch: int, count: int) -> int:
    """Pixels between patches: (length - patch) // count, up to a multiple of 8, at least 8."""
    return max(GRID, -(-((length - patch) // count) // GRID) * GRID)


def repeated(x: Tensor, side: int) -> Tensor:
    """Repeat a picture smaller than `side`, with a period that is a multiple of 8 (or 2 below 8 pixels)."""
    for dim in (-2, -1):
        length = x.shape[dim]
        if length < side:
            period = length - length % (GRID if length >= GRID else min(2, length))
            x = x.index_select(dim, torch.arange(side, device=x.device) % period)
    return x


class Ensemble(nn.Module):
    """D: (N, 3, H, W) -> logits (N,).

    Args:
        variant: of the EfficientNets.
        networks: letters of those that are built; "A" takes random patches, the others the grid.
        patch: side of the patches.
        random: patches of network A.
        rows, columns: about how many patches the grid has each way.
    """

    def __init__(
        self, variant: str, networks: str, *, patch: int, random: int, rows: int, columns: int
    ) -> None:
        super().__init__()
        if not networks or set(networks) - set(NAMES) or len(set(networks)) < len(networks):
            raise ConfigError(f"gandetection: networks {networks!r}, expected letters of {NAMES}, each once")
        self.patch, self.random, self.rows, self.columns = patch, random, rows, columns
        self.nets = nn.ModuleDict({name: PatchNet(variant) for name in networks})

    def origins(self, name: str, height: int, width: int) -> list[tuple[int, int]]:
        """Top-left corners of a network's patches in a picture of this size."""
        if name == "A":
            draw = np.random.default_rng(SEED)
            tops = draw.integers(height - self.patch + 1, size=self.random)
            lefts = draw.integers(width - self.patch + 1, size=self.random)
            return list(zip(tops.tolist(), lefts.tolist(), strict=True))
        rows = range(0, height - self.patch + 1, step(height, self.patch, self.rows))
        columns = range(0, width - self.patch + 1, step(width, self.patch, self.columns))
        return [(top, left) for top in rows for left in columns]

    def patch_logits(self, x: Tensor) -> Iterator[Tensor]:
        """For each network the two logits of all patches, (N, P, 2)."""
        x = repeated(x, self.patch)
        for name, net in self.nets.items():
            places = self.origins(name, x.shape[-2], x.shape[-1])
            cut = [x[..., top : top + self.patch, left : left + self.patch] for top, left in places]
            if torch.is_grad_enabled() or torch.compiler.is_compiling():
                yield net(torch.stack(cut, 1).flatten(0, 1)).unflatten(0, (-1, len(places)))
            else:  # the same, patch by patch: some 200 of them would fill the memory
                yield torch.stack([net(part) for part in cut], 1)

    def forward(self, x: Tensor) -> Tensor:
        scores = []
        for logits in self.patch_logits(x):
            any_generated = (logits[..., 1] > logits[..., 0]).any(1)
            scores.append(torch.where(any_generated, logits[..., 1].amax(1), -logits[..., 0].amax(1)))
        return torch.stack(scores).mean(0)


class GanDetection(Detector):
    """Cross-entropy over every patch of every network."""

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        network = self.network
        assert isinstance(network, Ensemble)
        losses = []
        for logits in network.patch_logits(self.representation(images)):
            margins = logits[..., 1].float() - logits[..., 0].float()
            spread = labels.to(margins)[:, None].expand_as(margins)
            losses.append(functional.binary_cross_entropy_with_logits(margins, spread))
        return torch.stack(losses).mean()


@register
def gandetection(
    networks: str = NAMES,
    variant: str = "b4",
    side: int = 256,
    patch: int = PATCH,
    random: int = RANDOM_PATCHES,
    rows: int = ROWS,
    columns: int = COLUMNS,
) -> Detector:
    """GANDetection, whole or in part.

    Args:
        networks: which of the five, as letters.
        variant: EfficientNet "b4" as published, or "b0".
        side: of the pictures that an exported graph takes; torch takes any.
        patch, random, rows, columns: patches, as in `Ensemble`.

    Raises:
        ConfigError: other networks or variants.
    """
    network = Ensemble(variant, networks, patch=patch, random=random, rows=rows, columns=columns)
    options = {
        "networks": networks,
        "variant": variant,
        "side": side,
        "patch": patch,
        "random": random,
        "rows": rows,
        "columns": columns,
    }
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return GanDetection(Standardise.imagenet(), network, card, official(networks))
