"""F3-Net: Thinking in frequency: face forgery detection by mining frequency-aware clues (Qian, Yin, Sheng,
Chen, Shao; ECCV 2020).

Idea: two streams see frequencies. FAD splits the picture into DCT bands with learnt filters and goes back
to pixels;
LFS takes the energy of DCT bands in sliding windows. Each runs through an Xception; "mix" lets them attend
to each other.

f   x / 127.5 - 1 at 299².
D   FAD: filters base + 2 sigmoid(w) - 1 for low, middle, high and all frequencies, 12 channels. LFS: 10x10
    windows
    at stride 2 of the grey picture, six bands, 6 channels. Xception features, ReLU, mean, joined, dropout,
    one logit. No official code exists; counts and keys are those of the yyk-wew implementation.

Recipe (configs/f3net_paper.toml): 299², flip, Adam 2e-4, batch 12, 5 epochs.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.f3net import F3Network
from upprint.ops.standardise import Standardise
from upprint.systems._official import OfficialLayout
from upprint.systems._pretrained import Pretrained
from upprint.systems._registry import register

CARD = SystemCard(
    name="f3net",
    title="F3-Net (Qian et al.)",
    paper="Qian et al., Thinking in frequency: face forgery detection by mining frequency-aware clues, "
    "ECCV 2020",
    year=2020,
    faithful=True,
    idea="DCT bands of the picture and of sliding windows, each into an Xception",
    parameters=41_979_661,
    narrow=False,
    input=InputRule(tile=299, exact=True),
    needs="to train as published: ImageNet weights of Xception (`init` in the config)",
    departures=(
        "No official code exists; the public implementation that is followed calls itself personal.",
        (
            'LFS takes the logarithm last, as the paper does. `lfs = "each"` takes it of every coefficient, '
            "as the implementation does."
        ),
        "Grey values are mapped to 0..255 by 127.5; option lfs_scale=122.5 is the implementation's slip.",
        "The unused classifiers of the two Xceptions (2 x 2,049 parameters) are not built.",
        '"mix" is wired after the paper\'s words (blocks 7 and 12); no implementation with weights exists.',
        "The bands end at 299 // 2.82 and 299 // 2: shares of area, as the paper's figures are read.",
    ),
    limits=(
        "Filters have a weight for every frequency of a 299² picture: other sizes must be resized.",
        "Made for compressed videos of faces.",
    ),
)

MODES = {"fad": ("FAD",), "lfs": ("LFS",), "both": ("FAD", "LFS"), "mix": ("FAD", "LFS")}


def official(mode: str) -> OfficialLayout:
    """Keys of the yyk-wew implementation, whose transforms, band masks and unused heads are dropped."""
    constant = tuple(f"{stream}_head.{name}" for stream, name in (("FAD", "_DCT"), ("LFS", "_DCT"))) + tuple(
        f"{stream}_head.filters.{band}.{name}"
        for stream, bands, names in (("FAD", 4, ("base",)), ("LFS", 6, ("base", "ft_num")))
        for band in range(bands)
        for name in names
    )
    return OfficialLayout(
        rename=(("", "network."),),
        head="network.fc",
        fake_is_one=True,
        ignore=(*constant, *(f"{stream}_xcep.fc." for stream in MODES[mode])),
    )


def pretrained(mode: str) -> Pretrained:
    """ImageNet's Xception in every stream, its first layer spread over more channels."""

    def adapt(state: dict[str, Tensor]) -> dict[str, Tensor]:
        state = {
            key: value[..., None, None] if key.endswith("pointwise.weight") and value.ndim == 2 else value
            for key, value in state.items()
        }
        copies = {"FAD": 4, "LFS": 2}
        return {
            f"{stream}_xcep.{key}": value.repeat(1, copies[stream], 1, 1) / copies[stream]
            if key == "conv1.weight"
            else value.clone()
            for stream in MODES[mode]
            for key, value in state.items()
        }

    return Pretrained(
        "xception-b5690688.pth, the ImageNet weights of Cadene's pretrained-models",
        ignore=("fc.", "last_linear."),
        fresh=("fc.", "FAD_head.", "LFS_head.", "mix."),
        adapt=adapt,
    )


@register
def f3net(
    mode: str = "both",
    side: int = 299,
    lfs: str = "last",
    lfs_scale: float = 127.5,
    middle: int = 8,
) -> Detector:
    """F3-Net.

    Args:
        mode: "fad", "lfs", "both", or "mix" with attention between the streams.
        side: of the pictures.
        lfs: where LFS takes its logarithm, "last" (paper) or "each" (implementation).
        lfs_scale: grey = (x + 1) times this.
        middle: middle blocks of each Xception; 8 as published.

    Raises:
        ConfigError: another mode, or another place of the logarithm.
    """
    network: nn.Module = F3Network(mode, side, lfs=lfs, lfs_scale=lfs_scale, middle=middle)
    options = {"mode": mode, "side": side, "lfs": lfs, "lfs_scale": lfs_scale, "middle": middle}
    card = replace(CARD, options=options, input=replace(CARD.input, tile=side))
    return Detector(Standardise.symmetric(), network, card, official(mode), pretrained(mode))
