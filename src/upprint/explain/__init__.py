"""Where the evidence lies: NPR heat maps and exact class activation maps as PNG figures, without torch."""

from upprint.explain.cam import CamMap, Probe, tile_cam, whole_cam
from upprint.explain.files import Explained, describe, write
from upprint.explain.maps import differential, npr

__all__ = [
    "CamMap",
    "Explained",
    "Probe",
    "describe",
    "differential",
    "npr",
    "tile_cam",
    "whole_cam",
    "write",
]
