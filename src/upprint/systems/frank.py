"""DCT-2d: Leveraging frequency analysis for deep fake image recognition (Frank, Eisenhofer, Schönherr,
Fischer, Kolossa, Holz; ICML 2020).

Idea: up-sampling leaves peaks on a grid in the two-dimensional DCT of a picture. A linear model, or a tiny
network, on standardised logarithms of the coefficients separates camera-made from generated.

f   orthonormal DCT-II of each channel of the whole picture in [0, 255], ln(|X| + 1e-12), standardised by the
    mean and the population variance of every coefficient over the training set.
D   "cnn": four convolutions and a Dense layer (137,189 parameters at 256²); "ridge", "lasso", "elastic" and
    "linear": one Dense layer (196,609) with or without penalty; "nn": a hidden layer of 128; "resnet": ten
    residual blocks of 64 channels (814,337); "fredect": AIGCDetectBenchmark's variant at 224², a ResNet-50
    from random weights, which is not Frank's model.

Recipe (configs/frank_paper.toml): resize 256², no augmentation, Adam 1e-3, batch 32, at most 50 epochs, stop
after five without a lower validation loss, best weights kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from upprint.card import InputRule, SystemCard
from upprint.detector import Batches, Detector
from upprint.nets import frank as nets
from upprint.nets.resnet import resnet
from upprint.ops.dct import FLOOR, dct_basis
from upprint.ops.sizes import check_side
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

CARD = SystemCard(
    name="frank",
    title="DCT-2d (Frank et al.)",
    paper="Frank et al., Leveraging frequency analysis for deep fake image recognition, ICML 2020",
    year=2020,
    faithful=True,
    idea="standardised log-DCT coefficients of the whole picture, into a tiny network or a linear model",
    parameters=137_189,
    narrow=False,
    input=InputRule(tile=256, exact=True),
    departures=(
        (
            "The DCT is taken in double precision, and coefficients below 1e-9, which is rounding, count as "
            "0: the logarithm would magnify what one library rounds and another does not."
        ),
        "A coefficient that does not vary over the training set becomes 0; theirs divides by zero.",
        (
            "Statistics are those of the logarithms, as in training. Their script for new statistics leaves "
            "the logarithm out, and their deployment code adds 1e-13."
        ),
        "The combined L1 and L2 penalty uses the two single ones, 0.1 and 0.01.",
    ),
    limits=(
        "Weights belong to positions: pictures of one size, resized or cut alike in training and test.",
        "Resizing and JPEG change the grid that it looks for.",
        "The official weights, Keras models, are not read; AIGCDetectBenchmark's ResNet variant is.",
    ),
)

PENALTIES = {"linear": (0.0, 0.0), "lasso": (0.1, 0.0), "ridge": (0.0, 0.01), "elastic": (0.1, 0.01)}
"""(L1, L2) factors of the Dense layer's weights."""

FREDECT = OfficialLayout(
    rename=(("", "network."),),
    head="network.fc",
    fake_is_one=True,
    wrappers=("netC", "model", "state_dict"),
    file="the checkpoint (netC)",
    beside=(
        OfficialLayout((("", "representation.mean"),), head="", fake_is_one=True, file="dct_mean", cast=True),
        OfficialLayout(
            (("", "representation.variance"),), head="", fake_is_one=True, file="dct_var", cast=True
        ),
    ),
)
"""DCTAnalysis.pth, dct_mean and dct_var (float64, 3 x 224 x 224)."""


VANISHING = 1e-9
STILL = 1e-12
"""A variance up to this is rounding: the coefficient does not vary."""


class StandardisedLogDct(nn.Module):
    """f: (N, 3, side, side) in [0, 255] -> (N, 3, side, side) float32."""

    mean: Tensor
    variance: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        # No buffer: `float()` would round it to single precision, and so would an exporter in the graph.
        self.basis = dct_basis(side, dtype=torch.float64, device=torch.device("cpu")).numpy()
        self.register_buffer("mean", torch.zeros(3, side, side))
        self.register_buffer("variance", torch.ones(3, side, side))

    def logarithms(self, images: Tensor) -> Tensor:
        check_side(images, self.side, "frank")
        basis = torch.from_numpy(self.basis).to(images.device)
        magnitudes = (basis @ images.double() @ basis.T).abs()
        # Coefficients that vanish keep only the floor, not the rounding of one library or another.
        magnitudes = torch.where(magnitudes < VANISHING, 0.0, magnitudes)
        # ln(|X| + floor), with the floor brought to 1: exporters drop what they take for adding nothing.
        return torch.log(magnitudes / FLOOR + 1) + math.log(FLOOR)

    def forward(self, images: Tensor) -> Tensor:
        deviation = torch.where(self.variance > STILL, self.variance, torch.inf).sqrt()
        return ((self.logarithms(images) - self.mean) / deviation).to(self.mean.dtype)

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Mean and population variance over all pictures, in two passes."""
        total, count = torch.zeros_like(self.mean, dtype=torch.float64), 0
        for images, _ in batches():
            total += self.logarithms(images.to(self.mean.device)).sum(0)
            count += len(images)
        mean = total / count
        squares = torch.zeros_like(total)
        for images, _ in batches():
            squares += ((self.logarithms(images.to(self.mean.device)) - mean) ** 2).sum(0)
        self.mean.copy_(mean)
        self.variance.copy_(squares / count)
        return {}


class Frank(Detector):
    """Adds the penalty of the linear models (Keras regularisers) to the loss."""

    penalty: tuple[float, float] = (0.0, 0.0)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        loss = super().loss(images, labels)
        for factor, power in zip(self.penalty, (1, 2), strict=True):
            if factor:
                loss = loss + factor * nets.dense_of(self.network).weight.abs().pow(power).sum()
        return loss


@register
def frank(network: str = "cnn", side: int = 256) -> Detector:
    """DCT-2d.

    Args:
        network: "cnn", "linear", "ridge", "lasso", "elastic", "nn", "resnet" or "fredect".
        side: of the pictures, in pixels: 256 as in NPR's tables, 128 in most of the paper, 224 for "fredect".

    Raises:
        ConfigError: another network.
    """
    penalty, layout = PENALTIES.get(network, (0.0, 0.0)), None
    if network == "cnn":
        built: nn.Module = nets.cnn(side)
    elif network in PENALTIES:
        built = nets.linear(side)
    elif network == "nn":
        built, penalty = nets.hidden(side), (0.0, 0.01)
    elif network == "resnet":
        built = nets.Residual()
    elif network == "fredect":
        built, layout = resnet(50), FREDECT
    else:
        known = ", ".join(("cnn", *PENALTIES, "nn", "resnet", "fredect"))
        raise ConfigError(f"frank: network {network!r}, expected one of {known}")
    card = replace(CARD, input=replace(CARD.input, tile=side), options={"network": network, "side": side})
    detector = Frank(StandardisedLogDct(side), built, card, layout)
    detector.penalty = penalty
    return detector
