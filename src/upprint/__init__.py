"""upprint: tells generated images from camera-made ones by the print that up-sampling leaves.

    for row in upprint.scan(["photos/"]): print(row.path, row.verdict)
    upprint.load("npr")("photo.jpg").verdict

Neither needs torch. `upprint.systems` holds the torch detectors for training and research.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from upprint.card import SystemCard
    from upprint.result import ScanResult, UpprintError, Verdict
    from upprint.runtime.scan import scan
    from upprint.runtime.session import Scorer, load

_HOME = {
    "ScanResult": "upprint.result",
    "Scorer": "upprint.runtime.session",
    "SystemCard": "upprint.card",
    "UpprintError": "upprint.result",
    "Verdict": "upprint.result",
    "load": "upprint.runtime.session",
    "scan": "upprint.runtime.scan",
}

__all__ = ["ScanResult", "Scorer", "SystemCard", "UpprintError", "Verdict", "__version__", "load", "scan"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'upprint' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
