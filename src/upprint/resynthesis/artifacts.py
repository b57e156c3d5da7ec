"""From pictures to `upprint.explain.artifacts`: what a detector's branches make of them."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from upprint.detector import Detector
from upprint.explain.artifacts import Artifacts
from upprint.nets.resnet import ResNet
from upprint.result import ConfigError
from upprint.resynthesis.tiles import residual_map
from upprint.systems.resynthesis import Average, Residuals


def branch_name(stage: int) -> str:
    return "pixel" if stage == 0 else f"stage {stage}"


def artifacts(detector: Detector, pixels: NDArray[np.uint8], name: str, group: str) -> Artifacts:
    """The maps of every branch, their class activation maps and logits, of a whole picture.

    Maps are computed tile by tile, classifiers read them whole.

    Args:
        detector: a Re-Synthesis detector in evaluation mode.
        pixels: uint8 (H, W, 3), RGB.
        name: label of the picture.
        group: what it is, e.g. "real".

    Raises:
        ConfigError: a detector of another system.
    """
    f = detector.representation
    if not isinstance(f, Residuals):
        raise ConfigError(f"artifact maps of system {detector.card.name!r}: only Re-Synthesis has them")
    network = detector.network
    several = list(network.classifiers) if isinstance(network, Average) else [network]
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    maps, cams, logits = {}, {}, {}
    with torch.no_grad():
        for index, (stage, classifier) in enumerate(zip(f.stages, several, strict=True)):
            found, label = residual_map(f, image, branch=index), branch_name(stage)
            cam = cast(ResNet, classifier).class_activation_map(found[None])[0]
            maps[label] = found.mean(0).numpy()
            cams[label] = cam.numpy()
            logits[label] = float(cam.double().mean() + cast(ResNet, classifier).head.bias)
    return Artifacts(name, group, pixels, maps, cams, logits)
