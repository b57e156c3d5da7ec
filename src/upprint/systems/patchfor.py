"""Patchfor: What makes fake images detectable? Understanding properties that generalize (Chai, Bau, Lim,
Isola; ECCV 2020).

Idea: cut a classifier after an early block, so that every cell of its output sees a small patch only;
classify every patch, and average over the picture.

f   x / 127.5 - 1.
D   Xception cut after block 1 to 5, or ResNet-18 after stage 1 to 3, then a 1x1 convolution to two classes
    ("xception_block2": 191,330 parameters, a patch of 43 pixels). A picture's score is the logit of the mean
    over patches of their probabilities.

Recipe (configs/patchfor_paper.toml): cross-entropy over every patch, Adam 1e-3, batch 32, stop when the best
validation is 5 x 20 epochs ago. Which cut NPR's tables use is not stated.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.margin import margin
from upprint.nets.no_bias import NoBias
from upprint.nets.resnet import resnet
from upprint.nets.xception import Xception
from upprint.ops.standardise import Standardise
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

NETWORKS = (*(f"xception_block{k}" for k in (1, 2, 3, 4, 5)), *(f"resnet18_layer{k}" for k in (1, 2, 3)))
AGGREGATES = ("softmax", "logits", "vote")
CHANNELS = {"xception": (128, 256, 728, 728, 728), "resnet18": (64, 128, 256)}
INIT_GAIN = 0.02

CARD = SystemCard(
    name="patchfor",
    title="Patchfor (Chai et al.)",
    paper="Chai et al., What makes fake images detectable? Understanding properties that generalize, "
    "ECCV 2020",
    year=2020,
    faithful=True,
    idea="a truncated classifier judges every patch; a picture is the mean of its patches",
    parameters=191_330,
    input=InputRule(tile=256),
    departures=(
        "Class 1 is generated; theirs is 0. Official checkpoints are turned on their way in.",
        "The mean probability is given as its logit, which changes no order and no decision.",
        "Training stops by the loss of whole pictures, not by the accuracy of patches.",
        "Validation and test cut what training cuts; theirs enlarge the crop to the size before cropping.",
    ),
    limits=(
        "Early cuts see texture of a few dozen pixels, nothing of the scene.",
        "Trained on faces, it knows faces; patches of plain background say little.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("convout.", "network.convout."), ("", "network.trunk.")),
    head="network.convout",
    fake_is_one=False,
    two_class=True,
    wrappers=("state_dict", "model"),
)
"""bestval_net_D.pth: {"state_dict", "optimizer", "scheduler", "epoch", ...}, no prefix; generated = 0."""


class PatchClassifier(nn.Module):
    """D: (N, 3, H, W) -> logits (N,); the patches' own logits are its map.

    Args:
        network: one of `NETWORKS`.
        aggregate: "softmax" (mean of probabilities), "logits" (mean of logits) or "vote" (share of patches
            called generated, as a logit with half a patch added to both sides).
    """

    def __init__(self, network: str, aggregate: str = "softmax") -> None:
        super().__init__()
        if network not in NETWORKS:
            raise ConfigError(f"patchfor: network {network!r}, expected one of {', '.join(NETWORKS)}")
        if aggregate not in AGGREGATES:
            raise ConfigError(f"patchfor: aggregate {aggregate!r}, expected one of {', '.join(AGGREGATES)}")
        self.aggregate = aggregate
        kind, last = network.split("_")[0], int(network[-1])
        self.trunk: nn.Module = Xception(last=last) if kind == "xception" else _resnet18(last)
        self.head = NoBias()
        self.convout = nn.Conv2d(CHANNELS[kind][last - 1], 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight, INIT_GAIN)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1, INIT_GAIN)

    def patch_logits(self, x: Tensor) -> Tensor:
        """One logit per patch, (N, h, w), higher = generated."""
        return margin(self.convout(self.trunk(x)))

    def class_activation_map(self, x: Tensor) -> Tensor:
        """The patches' logits (N, h, w), moved alike until their mean is the picture's logit.

        A mean of probabilities and a vote are not linear: what they change is spread evenly over the map.
        """
        patches = self.patch_logits(x)
        whole = self._aggregated(patches.flatten(1))
        return patches + (whole - patches.mean((1, 2)))[:, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N,)."""
        return self._aggregated(self.patch_logits(x).flatten(1))

    def _aggregated(self, patches: Tensor) -> Tensor:
        if self.aggregate == "logits":
            return patches.mean(1)
        if self.aggregate == "vote":
            votes = (patches > 0).float()
            return torch.log((votes.sum(1) + 0.5) / ((1 - votes).sum(1) + 0.5))
        # logit(mean p) = log sum p - log sum (1 - p), which never rounds p to 0 or 1
        return functional.logsigmoid(patches).logsumexp(1) - functional.logsigmoid(-patches).logsumexp(1)


def _resnet18(last: int) -> nn.Module:
    whole = resnet(18)
    trunk = nn.Sequential()
    for name in ("conv1", "bn1", "relu", "maxpool", *(f"layer{k}" for k in range(1, last + 1))):
        trunk.add_module(name, whole.get_submodule(name))
    return trunk


class Patchfor(Detector):
    """Cross-entropy over every patch, the picture's label on each."""

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        network = self.network
        assert isinstance(network, PatchClassifier)
        patches = network.patch_logits(self.representation(images)).float()
        spread = labels.to(patches)[:, None, None].expand_as(patches)
        return functional.binary_cross_entropy_with_logits(patches, spread)


@register
def patchfor(network: str = "xception_block2", aggregate: str = "softmax") -> Detector:
    """Patchfor.

    Args:
        network: "xception_block1" to "xception_block5", "resnet18_layer1" to "resnet18_layer3".
        aggregate: "softmax", "logits" or "vote".

    Raises:
        ConfigError: another network or aggregate.
    """
    card = replace(CARD, options={"network": network, "aggregate": aggregate})
    return Patchfor(Standardise.symmetric(), PatchClassifier(network, aggregate), card, OFFICIAL)
