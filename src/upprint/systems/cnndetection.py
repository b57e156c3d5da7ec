"""CNNDetection: CNN-generated images are surprisingly easy to spot... for now (Wang, Wang, Zhang, Owens,
Efros; CVPR 2020).

Idea: one ordinary classifier, trained on one generator (ProGAN) with blur and JPEG as augmentation, finds the
pictures of other CNN generators too.

f   ImageNet standardisation.
D   torchvision's ResNet-50 with one logit, started from ImageNet weights: 23,510,081 parameters.

Recipe (configs/cnndetection_paper.toml): shorter side to 256, blur with sigma U[0, 3] and JPEG of quality
30..100, each with probability 0.5 (or 0.1), crop 224², flip, Adam 1e-4, batch 64; whenever validation
accuracy
has not gained 0.001 for five epochs the rate is divided by 10, until it would fall below 1e-6. Test: centre
crop 224² or whole pictures, never resized.
"""

from __future__ import annotations

from dataclasses import replace

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.resnet import resnet
from upprint.ops.standardise import Standardise
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import RESNET50
from upprint.systems._registry import register

CARD = SystemCard(
    name="cnndetection",
    title="CNNDetection (Wang et al.)",
    paper="Wang et al., CNN-generated images are surprisingly easy to spot... for now, CVPR 2020",
    year=2020,
    faithful=True,
    idea="a ResNet-50 on pixels, trained on one generator with blur and JPEG as augmentation",
    parameters=23_510_081,
    input=InputRule(tile=224),
    needs="to train as published: torchvision's ImageNet weights of ResNet-50 (`init` in the config)",
    departures=(
        "Both JPEG codecs of the authors (OpenCV, Pillow) encode by libjpeg with 4:2:0; one is used.",
        "Validation crops are augmented as training crops are, seeded; theirs fix sigma 1.5 and quality 65.",
        (
            "The best weights are kept over the whole run. Theirs forget the best at every drop of the rate, "
            "so that the file called best may hold worse ones."
        ),
        "Small pictures are repeated, not padded with black.",
    ),
    limits=(
        "It learns what tells its training generator's pictures apart; diffusion models are mostly missed.",
        "The official weights' terms are CC BY-NC-SA 4.0: no commercial use.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("", "network."),),
    head="network.fc",
    fake_is_one=True,
    licence="CC BY-NC-SA 4.0, as the official repository states",
)
"""blur_jpg_prob0.5.pth, blur_jpg_prob0.1.pth: {"model": {...}, "optimizer", "total_steps"}, 320 entries."""

HEAD_STD = 0.02


@register
def cnndetection(depth: int = 50) -> Detector:
    """CNNDetection as published, or with a smaller ResNet.

    Args:
        depth: layers of the ResNet.
    """
    network = resnet(depth)
    network.head.weight.data.normal_(0, HEAD_STD)
    network.head.bias.data.zero_()
    card = replace(CARD, options={"depth": depth})
    return Detector(Standardise.imagenet(), network, card, OFFICIAL, RESNET50)
