"""UnivFD: Towards universal fake image detectors that generalize across generative models (Ojha, Li, Lee;
CVPR 2023).

Idea: a network trained to tell real from fake learns the fakes it saw. Features of a model that was never
trained for it, CLIP's, keep both classes apart; a linear probe, or the nearest neighbour, is enough.

f   CLIP standardisation, CLIP ViT-L/14's projected image features (768), frozen, not normalised.
D   "linear": 768 weights and a bias (769 parameters), drawn from N(0, 0.02); "nearest": cosine distance to k
    camera-made and k generated pictures.

Recipe (configs/univfd_paper.toml): shorter side to 256, blur and JPEG with probability 0.5 each, crop 224²,
flip,
AdamW 1e-4 without decay, batch 256, rates and end as CNNDetection's. Test: centre crop 224², never resized.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Batches, Detector
from upprint.nets.clip import SIZES, TEXT, ClipVision, from_openai
from upprint.nets.neighbours import NearestNeighbours
from upprint.ops.sizes import check_side
from upprint.ops.standardise import Standardise
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import Pretrained
from upprint.systems._registry import register

HEAD_STD = 0.02

CARD = SystemCard(
    name="univfd",
    title="UnivFD (Ojha et al.)",
    paper="Ojha, Li, Lee, Towards universal fake image detectors that generalize across generative models, "
    "CVPR 2023",
    year=2023,
    faithful=True,
    idea="a linear probe, or nearest neighbours, on frozen CLIP features",
    parameters=769,
    input=InputRule(tile=224, exact=True),
    needs="CLIP ViT-L/14 (openai/clip-vit-large-patch14, model.safetensors): `init` in the config, or beside "
    "the official head at import",
    departures=(
        (
            "Validation pictures come from the training set's own validation split; theirs are ProGAN's test "
            "pictures, which leaks that column."
        ),
        "Their reader skips files with a dot in the name; ours reads them.",
        "Pictures smaller than 224 are repeated, not padded with black.",
        'The score of "nearest" is the difference of mean distances, whose sign is their decision for k = 1.',
    ),
    limits=(
        "Its cost is CLIP's: some 160 GFLOP for a crop of 224 pixels.",
        "It judges what a picture shows as much as how it was made; subjects far from CLIP's are uncertain.",
    ),
)

OFFICIAL = OfficialLayout(
    rename=(("", "network."),),
    head="network",
    fake_is_one=True,
    file="fc_weights.pth",
    licence="MIT",
    beside=(
        OfficialLayout(
            rename=(
                ("vision_model.", "representation.tower.vision_model."),
                ("visual_projection.", "representation.tower.visual_projection."),
            ),
            head="",
            fake_is_one=True,
            ignore=TEXT,
            cast=True,
            file="CLIP ViT-L/14 under transformers' names (model.safetensors)",
            licence="MIT",
        ),
    ),
)
"""fc_weights.pth: {"weight": [1, 768], "bias": [1]}."""

CLIP = Pretrained(
    "CLIP ViT-L/14: openai/clip-vit-large-patch14's model.safetensors, or a state dict with OpenAI's names",
    part="representation.tower",
    ignore=TEXT,
    fresh=(),
    adapt=from_openai,
)


class ClipFeatures(nn.Module):
    """f: (N, 3, side, side) in [0, 255] -> (N, features)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.needs_weights = name != "vit-tiny"
        self.standardise = Standardise.clip()
        self.tower = ClipVision(name).requires_grad_(False)

    def train(self, mode: bool = True) -> ClipFeatures:
        """The tower stays as it was trained."""
        super().train(mode)
        self.tower.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        check_side(images, self.tower.size.side, "univfd")
        features: Tensor = self.tower(self.standardise(images))
        return features

    def fit(self, _batches: Batches) -> Mapping[str, Any]:
        """Nothing to learn; refuse to go on with a tower of random weights."""
        if self.needs_weights and not self.tower.loaded:
            raise ConfigError(f"univfd: CLIP has no weights; give {CLIP.file} by `init` in the config")
        return {}


@register
def univfd(
    classifier: str = "linear", tower: str = "vit-l-14", k: int = 1, real: int = 0, generated: int = 0
) -> Detector:
    """UnivFD.

    Args:
        classifier: "linear" or "nearest".
        tower: "vit-l-14"; "vit-tiny" is a small one with random weights, for tests.
        k: neighbours, for "nearest"; the paper tries 1, 3, 5 and 9.
        real, generated: sizes of the banks of "nearest"; set by the fit.

    Raises:
        ConfigError: another classifier or tower.
    """
    f = ClipFeatures(tower)
    size = SIZES[tower]
    options = {"classifier": classifier, "tower": tower, "k": k, "real": real, "generated": generated}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=size.side))
    if classifier == "nearest":
        bank = NearestNeighbours(size.features, k, real, generated)
        return Detector(f, bank, replace(card, trained_by="fit"), None, CLIP)
    if classifier != "linear":
        raise ConfigError(f"univfd: classifier {classifier!r}, expected 'linear' or 'nearest'")
    probe = nn.Linear(size.features, 1)
    nn.init.normal_(probe.weight, 0, HEAD_STD)
    nn.init.zeros_(probe.bias)
    return Detector(f, probe, card, OFFICIAL, CLIP)
