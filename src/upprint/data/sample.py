"""One labelled picture of a data set."""

from __future__ import annotations

from dataclasses import dataclass

REAL, GENERATED = 0, 1
"""The labels, everywhere and whatever the original code did."""


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """A file and its label.

    Args:
        path: the file.
        label: 0 camera-made, 1 generated.
        subset: the test set it belongs to, as tables name it ("stylegan", "adm/bedroom").
        generator: what made it, or "real".
        source: key of the photo it goes back to; a twin has its photo's key. Splits and bootstraps keep
            equal keys together.
    """

    path: str
    label: int
    subset: str
    generator: str
    source: str

    def __post_init__(self) -> None:
        if self.label not in (REAL, GENERATED):
            raise ValueError(
                f"{self.path!r}: label {self.label!r}, expected 0 (camera-made) or 1 (generated)"
            )
