"""How a data set's pictures reach a network: the NPR paper's protocols and ours, as data.

Sources: NPR's test.py, data/datasets.py and README (four test settings, two training settings).
Numbers of different protocols are not comparable; a result names the one it used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from upprint import preprocess
from upprint.card import InputRule
from upprint.images import as_pixels
from upprint.result import ConfigError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way from decoded pixels to the network's input.

    Steps run in this order, each only if set: `resize` to (height, width), bilinear, aspect not kept;
    `small` "repeat" lays whole copies of a picture whose shorter side is below `crop` side by side; `crop`
    to a square; `flip` mirrors left-right with that probability; `even` drops an odd last row and column.

    Args:
        batch: pictures per batch in the original setting; 1 where shapes differ.
        random_crop: the crop's place is drawn (training) instead of the centre.
        tiles: the picture becomes several native tiles as the card says; excludes all other steps.
    """

    name: str
    resize: tuple[int, int] | None = None
    crop: int | None = None
    even: bool = False
    batch: int = 64
    small: Literal["repeat"] | None = None
    note: str = ""
    random_crop: bool = False
    flip: float = 0.0
    tiles: bool = False

    @property
    def random(self) -> bool:
        """Whether `apply` needs a generator of random numbers."""
        return self.random_crop or self.flip > 0


PROTOCOLS: Mapping[str, Protocol] = {
    p.name: p
    for p in (
        Protocol(
            "npr-resize256",
            resize=(256, 256),
            note="The paper's setting for ForenSynths, DiffusionForensics and UniversalFakeDetect; "
            "presumably also for Diffusion1kStep, which its test script leaves out.",
        ),
        Protocol(
            "npr-native",
            note="The paper's setting for GANGen-Detection: neither resized nor cropped. Pictures of one "
            "subset must share a size to be stacked.",
        ),
        Protocol(
            "npr-aigc",
            even=True,
            batch=1,
            note="The authors' setting for AIGCDetectBenchmark: neither resized nor cropped, one picture at "
            "a time, odd last row and column dropped.",
        ),
        Protocol(
            "npr-genimage",
            crop=224,
            small="repeat",
            note="The authors' test setting for GenImage: centre crop, small pictures repeated, no resize.",
        ),
        Protocol(
            "npr-train",
            resize=(256, 256),
            crop=224,
            batch=32,
            random_crop=True,
            flip=0.5,
            note="The paper's training setting on ProGAN car, cat, chair, horse.",
        ),
        Protocol(
            "npr-val",
            resize=(256, 256),
            crop=224,
            batch=32,
            note="The authors' validation setting during training.",
        ),
        Protocol(
            "npr-genimage-train",
            crop=224,
            batch=32,
            small="repeat",
            random_crop=True,
            flip=0.5,
            note="The authors' training setting on GenImage's Stable Diffusion V1.4.",
        ),
        Protocol(
            "resize256-crop224",
            resize=(256, 256),
            crop=224,
            note="The tables' 256x256, then the centre of 224 that UnivFD, FFT-2d and DIRE take.",
        ),
        Protocol("resize128", resize=(128, 128), note="For networks of exactly 128x128 pixels: Image (Yu)."),
        Protocol("resize299", resize=(299, 299), note="For networks of exactly 299x299 pixels: F3Net."),
        Protocol("resize380", resize=(380, 380), note="For networks of exactly 380x380 pixels: SBI."),
        Protocol(
            "tiles",
            tiles=True,
            batch=1,
            note="Ours: native-resolution tiles as the scan takes them; no picture is resized.",
        ),
    )
}

PROTOCOL_OF: Mapping[str, str] = {
    "forensynths": "npr-resize256",
    "forensynths/train": "npr-train",
    "forensynths/val": "npr-val",
    "gangen-detection": "npr-native",
    "diffusionforensics": "npr-resize256",
    "universalfakedetect": "npr-resize256",
    "diffusion1kstep": "npr-resize256",
    "aigcdetectbenchmark": "npr-aigc",
    "genimage": "npr-genimage",
    "genimage/train": "npr-genimage-train",
    "plain": "tiles",
    "photos": "tiles",
    "twins": "tiles",
    "manifest": "tiles",
}
"""Layout (and split, where it differs) -> protocol."""

OWN_PROTOCOL: Mapping[str, str] = {
    "f3net": "resize299",
    "fft2d": "resize256-crop224",
    "image": "resize128",
    "sbi": "resize380",
    "univfd": "resize256-crop224",
}
"""System -> protocol on data sets whose own resizes or crops, because it takes one size alone."""


def protocol_for(system: str, protocol: Protocol) -> Protocol:
    """A data set's protocol, or the system's own where that takes another size."""
    if protocol.tiles or system not in OWN_PROTOCOL:
        return protocol
    return PROTOCOLS[OWN_PROTOCOL[system]]


def named(name: str) -> Protocol:
    """The protocol of that name, or `ConfigError` with the known ones."""
    if name not in PROTOCOLS:
        raise ConfigError(f"no protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def protocol_of(layout: str, split: str | None = None) -> Protocol:
    """The protocol that a data set of this layout (and split) is tested or trained with."""
    return PROTOCOLS[PROTOCOL_OF.get(f"{layout}/{split}", PROTOCOL_OF[layout])]


def apply(pixels: Pixels, protocol: Protocol, rng: np.random.Generator | None = None) -> Pixels:
    """One picture as the network sees it.

    Args:
        pixels: uint8 RGB (H, W, 3).
        rng: draws crop place and flip; needed by training protocols only.

    Returns:
        uint8 RGB (h, w, 3), contiguous.

    Raises:
        ConfigError: a random protocol without `rng`, a tile protocol (see `views`), or a picture smaller
            than the crop where the protocol has no rule for that.
        UnsupportedImage: pixels of another kind.
    """
    pixels = as_pixels(pixels).pixels
    if protocol.tiles:
        raise ConfigError(f"protocol {protocol.name!r} makes several tiles of a picture; use views()")
    if protocol.random and rng is None:
        raise ConfigError(f"protocol {protocol.name!r} draws a crop or a flip; pass rng")
    if protocol.resize is not None:
        pixels = preprocess.resize(pixels, protocol.resize)
    if protocol.crop is not None:
        if protocol.small == "repeat":
            pixels = whole_copies(pixels, protocol.crop)
        pixels = _crop(pixels, protocol.crop, protocol, rng)
    if rng is not None and protocol.flip > 0 and rng.random() < protocol.flip:
        pixels = pixels[:, ::-1]
    if protocol.even:
        pixels = preprocess.even(pixels)
    return np.ascontiguousarray(pixels)


def views(
    pixels: Pixels,
    protocol: Protocol,
    rule: InputRule | None = None,
    rng: np.random.Generator | None = None,
) -> Pixels:
    """All views of a picture whose logits are pooled into one: its tiles, or the one picture of `apply`.

    Args:
        pixels: uint8 RGB (H, W, 3).
        rule: the card's tile rule and budget, used by tile protocols only.

    Returns:
        uint8 RGB (n, h, w, 3); n is 1 but for tiles.
    """
    if protocol.tiles:
        rule = rule or InputRule()
        return preprocess.tiles(pixels, rule, rule.budget)
    return apply(pixels, protocol, rng)[np.newaxis]


def whole_copies(pixels: Pixels, side: int) -> Pixels:
    """Lay whole copies of a picture with a side below `side` beside and below each other until both reach it.

    NPR's README ("translate and duplicate"). Copies stay whole, so a centre crop may start inside one.
    """
    height, width = pixels.shape[:2]
    if min(height, width) >= side:
        return pixels
    return np.tile(pixels, (math.ceil(side / height), math.ceil(side / width), 1))


def _crop(pixels: Pixels, side: int, protocol: Protocol, rng: np.random.Generator | None) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) < side:
        raise ConfigError(
            f"protocol {protocol.name!r} crops {side}x{side}, the picture is {width}x{height}; "
            'resize first, or use a protocol with small="repeat"'
        )
    if protocol.random_crop and rng is not None:
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        return pixels[top : top + side, left : left + side]
    return preprocess.center_crop(pixels, side)
