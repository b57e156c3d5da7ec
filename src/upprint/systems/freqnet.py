"""FreqNet: Frequency-aware deepfake detection: improving generalizability through frequency space learning
(Tan, Zhao, Wei, Gu, Liu, Wei; AAAI 2024).

Idea: make the network itself look at high frequencies: of the picture, of its features over space and over
channels, and let it convolve in the frequency domain.

f   ImageNet standardisation.
D   High-pass (middle half of the spectrum cut, ReLU) and 1x1 convolutions in turn with frequency layers
    (FFT, one
    1x1 convolution for the real and one for the imaginary part, back, ReLU), with the first two stages of a
    ResNet-50 between them: 1,850,433 parameters.

Recipe (configs/freqnet_paper.toml): as NPR, but Adam 1e-3, times 0.8 every 10 epochs, 85 epochs.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.resnet import ResNet
from upprint.ops.fft import widened
from upprint.ops.highpass import cut_channels, cut_space
from upprint.ops.standardise import Standardise
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

CARD = SystemCard(
    name="freqnet",
    title="FreqNet (Tan et al.)",
    paper="Tan et al., Frequency-aware deepfake detection: improving generalizability through frequency "
    "space learning, AAAI 2024",
    year=2024,
    faithful=True,
    idea="high-pass filters and convolutions in the frequency domain inside a small ResNet",
    parameters=1_850_433,
    narrow=False,
    input=InputRule(tile=256, exact=True),
    departures=(
        "Real and imaginary parts are convolved, as in their code. Their article says amplitude and phase.",
        "The network is read from a public fork; the authors' repository was not at hand.",
        "Weights are drawn on the device that trains; theirs need a GPU to be built at all.",
    ),
    limits=(
        "Cuts are shares of the spectrum, so that a picture's size changes which frequencies pass.",
        "Resizing and JPEG remove what it reads.",
    ),
)

OFFICIAL = OfficialLayout(rename=(("", "network."),), head="network.fc1", fake_is_one=True)
"""4-classes-freqnet.pth: a plain state dict; weight1..4, bias1..4, realconv1..4, imagconv1..4, layer1,
layer2, fc1."""


class FrequencyNetwork(nn.Module):
    """D: (N, 3, H, W) -> logits (N, 1)."""

    def __init__(self) -> None:
        super().__init__()
        for place, (channels, width) in enumerate(((3, 64), (64, 64), (256, 256), (256, 256)), start=1):
            self.register_parameter(f"weight{place}", nn.Parameter(torch.randn(width, channels, 1, 1)))
            self.register_parameter(f"bias{place}", nn.Parameter(torch.randn(width)))
            for part in ("realconv", "imagconv"):
                self.add_module(f"{part}{place}", nn.Conv2d(width, width, 1, bias=False))
        trunk = ResNet((3, 4), head="fc1")
        self.maxpool = trunk.maxpool
        self.layer1, self.layer2 = (trunk.get_submodule(name) for name in ("layer1", "layer2"))
        self.fc1 = trunk.head
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _convolve(self, x: Tensor, place: int, stride: int = 1) -> Tensor:
        """High-pass over space, 1x1 convolution, each with ReLU."""
        high = functional.relu(cut_space(x))
        weight, bias = self.get_parameter(f"weight{place}"), self.get_parameter(f"bias{place}")
        return functional.relu(functional.conv2d(high, weight, bias, stride))

    def _frequency_layer(self, x: Tensor, place: int) -> Tensor:
        spectrum = torch.fft.fft2(widened(x), norm="ortho")
        real = self.get_submodule(f"realconv{place}")(spectrum.real)
        imaginary = self.get_submodule(f"imagconv{place}")(spectrum.imag)
        both = torch.complex(widened(real), widened(imaginary))
        return functional.relu(torch.fft.ifft2(both, norm="ortho").real)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(cut_channels(self._convolve(x, 1)))
        x = self._frequency_layer(x, 1)
        x = functional.relu(cut_channels(self._convolve(x, 2, stride=2)))
        x = self._frequency_layer(x, 2)
        x = self.layer1(self.maxpool(x))
        x = self._frequency_layer(self._convolve(x, 3), 3)
        x = self._frequency_layer(self._convolve(x, 4, stride=2), 4)
        logits: Tensor = self.fc1(self.layer2(x).mean((-2, -1)))
        return logits


@register
def freqnet(side: int = 256) -> Detector:
    """FreqNet as published.

    Args:
        side: of the pictures that an exported graph takes; torch takes any.
    """
    card = replace(CARD, input=replace(CARD.input, tile=side), options={"side": side})
    return Detector(Standardise.imagenet(), FrequencyNetwork(), card, OFFICIAL)
