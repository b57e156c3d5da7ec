"""NPR: Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable
Deepfake Detection (Tan, Liu, Zhao, Wei, Gu, Liu, Wei; CVPR 2024).

Idea: a generator's last x2 up-sampling ties the pixels of each 2x2 block together. Take every
pixel minus the top-left pixel of its own block (f) and classify with a small network (D).

f   ImageNet standardisation of [0, 255] RGB, then NPR with block l and anchor j, times 2/3.
    The means cancel in the difference, so f is a per-channel gain on the integer difference.
D   ResNet-50 cut after its second stage, 3x3 stem, one logit: 1,437,761 parameters, no pretraining.

Recipe (configs/npr_paper.toml): ProGAN car/cat/chair/horse, resize 256² without aspect, crop 224²,
flip, Adam 2e-4, batch 32, 50 epochs, learning rate x 0.9 every 10. Four test protocols
(upprint.data.protocol): all resize to 256² except GANGen-Detection, AIGCDetectBenchmark, GenImage.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from upprint.card import SystemCard
from upprint.detector import Detector
from upprint.nets.resnet import ResNet
from upprint.ops.anchor import Anchor, check_block_anchor
from upprint.ops.npr import npr as npr_of
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

IMAGENET_STD = (0.229, 0.224, 0.225)

CARD = SystemCard(
    name="npr",
    title="Neighbouring Pixel Relationships",
    paper="Tan et al., Rethinking the Up-Sampling Operations in CNN-based Generative Network for "
    "Generalizable Deepfake Detection, CVPR 2024",
    year=2024,
    faithful=True,
    idea="x minus the first pixel of its own 2x2 block, into a ResNet-50 cut after stage 2",
    parameters=1_437_761,
    departures=(
        (
            "Differences are taken on integers, exactly, and scaled afterwards. The authors standardise, "
            "subtract, multiply by 2/3: the same, because the means cancel."
        ),
        "Odd heights and widths work: the last blocks are partial. The authors' code stops there.",
        "The constant 2/3 stands in their code, not in the paper; it is kept, weights bind to it.",
        "Their article writes an absolute value in one place; their code has none. Neither has ours.",
    ),
    limits=(
        "Evidence is a few grey levels between neighbours: strong JPEG, resizing and blur remove it.",
        "A picture resampled by a camera or an editor can carry similar block relations.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("", "network."),),
    head="network.fc1",
    fake_is_one=True,
    known=(("NPR.pth", "3939297e9399e0b992f87211610769d87d899de50d56da0204d6cbda2d483a53"),),
)
"""NPR.pth: {"model": {"module.<key>": ...}, "optimizer", "total_steps"}; model_epoch_last_3090.pth: bare.
The hash was reported by a third party."""


class NeighbouringPixelRelationships(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> scaled NPR (N, 3, H, W), float32."""

    gain: Tensor

    def __init__(self, block: int = 2, anchor: Anchor = 1) -> None:
        super().__init__()
        check_block_anchor(block, anchor)
        self.block, self.anchor = block, anchor
        gain = (2 / 3) / (255 * torch.tensor(IMAGENET_STD))
        self.register_buffer("gain", gain.reshape(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        # Channels last: an exported graph, which reads (N, H, W, 3), then moves whole pixels.
        relations = npr_of(images.permute(0, 2, 3, 1), self.block, self.anchor, dims=(1, 2))
        return relations.permute(0, 3, 1, 2).to(self.gain.dtype) * self.gain


@register
def npr(block: int = 2, anchor: Anchor = 1) -> Detector:
    """NPR as published (block 2, anchor 1), or one of Table 7's variants.

    Args:
        block: l, 2 or more.
        anchor: j in 1..l², "mean" or "max".
    """
    representation = NeighbouringPixelRelationships(block, anchor)
    network = ResNet((3, 4), stem_kernel=3, head="fc1")
    card = replace(CARD, options={"block": block, "anchor": anchor})
    return Detector(representation, network, card, OFFICIAL)
