"""SBI (SelfBland): Detecting deepfakes with self-blended images (Shiohara, Yamasaki; CVPR 2022).

Idea: train on real faces only. A pseudo-fake is a picture blended with a slightly changed copy of itself
inside a deformed face mask; what is learnt is blending, not one forger.

f   x / 255.
D   EfficientNet-B4 with two outputs, started from AdvProp ImageNet weights: 17,552,202 parameters.

Recipe (configs/sbi_paper.toml): pairs of a face and its self-blend (upprint.data.selfblend), 380², SAM of
radius 0.05
round SGD 1e-3 with momentum 0.9, batch 32, 100 epochs, the rate constant to epoch 75, then linear to 0.
Test: faces cut with a margin of 12.5 %, resized to 380²; the largest score of a picture's faces.
"""

from __future__ import annotations

from dataclasses import replace

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.efficientnet import EfficientNet
from upprint.nets.margin import Margin
from upprint.ops.standardise import Standardise
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import Pretrained
from upprint.systems._registry import register

CARD = SystemCard(
    name="sbi",
    title="SBI, SelfBland (Shiohara & Yamasaki)",
    paper="Shiohara, Yamasaki, Detecting deepfakes with self-blended images, CVPR 2022",
    year=2022,
    faithful=True,
    idea="an EfficientNet-B4 that learnt faces blended with themselves",
    parameters=17_552_202,
    input=InputRule(tile=380, exact=True),
    needs="to train: face pictures with landmarks beside them (`upprint landmarks`, with dlib), and AdvProp "
    "weights of EfficientNet-B4 (`init` in the config)",
    departures=(
        "Masks are convex hulls. Where Face X-ray's library is installed theirs draws other shapes too.",
        "Hue, saturation and value are left alone: theirs shift them by 0.3 of 255, which rounds to nothing.",
        "Landmarks and boxes come from the user's detector; without a box that of the landmarks is used.",
        "No face detector is part of this: tiles or whole pictures are scored, as NPR's tables must be.",
        "One best checkpoint by validation AUROC is kept, not five.",
    ),
    limits=(
        "It knows blended faces. Wholly generated pictures and those without a face are not its subject.",
        "The official weights are for research only and may not be passed on.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("net.", "network.net."),),
    head="network.net._fc",
    fake_is_one=True,
    two_class=True,
    wrappers=("model",),
    licence="research only, no redistribution, as the official repository states",
)
"""FFraw.tar, FFc23.tar: {"model": {"net._conv_stem.weight", ...}, "optimizer", "epoch"}."""

ADVPROP = Pretrained(
    "adv-efficientnet-b4-44fb3a87.pth, AdvProp ImageNet weights of efficientnet_pytorch",
    part="network.net",
    ignore=("_fc.",),
    fresh=("_fc.",),
)


@register
def sbi(variant: str = "b4", side: int = 380) -> Detector:
    """SBI as published, or with a smaller network.

    Args:
        variant: EfficientNet "b4", or "b0".
        side: of the pictures that an exported graph takes; torch takes any.
    """
    network = Margin(EfficientNet(variant, outputs=2))
    options = {"variant": variant, "side": side}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return Detector(Standardise((0.0,) * 3, (1.0,) * 3), network, card, OFFICIAL, ADVPROP)
