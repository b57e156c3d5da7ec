"""Nearest neighbours by cosine distance in a bank of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.detector import Batches
from upprint.result import DataError


class NearestNeighbours(nn.Module):
    """D: features (N, d) -> mean distance to the k nearest camera-made ones less that to the generated ones.

    Args:
        features: d.
        k: how many neighbours of each class.
        real, generated: sizes of the two banks; set by the fit.
    """

    def __init__(self, features: int, k: int, real: int = 0, generated: int = 0) -> None:
        super().__init__()
        self.k = k
        self.real = nn.Parameter(torch.zeros(real, features), requires_grad=False)
        self.generated = nn.Parameter(torch.zeros(generated, features), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        directions = functional.normalize(x, dim=1)
        return self._distance(directions, self.real) - self._distance(directions, self.generated)

    def _distance(self, directions: Tensor, bank: Tensor) -> Tensor:
        if not len(bank):
            return directions.new_zeros(len(directions))
        return 1 - (directions @ bank.T).topk(min(self.k, len(bank)), 1).values.mean(1)

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Keep all features.

        Raises:
            DataError: one class only.
        """
        parts = [(functional.normalize(x, dim=1), labels.to(x.device)) for x, labels in batches()]
        banks = [torch.cat([x[labels == label] for x, labels in parts]) for label in (0, 1)]
        if not all(len(bank) for bank in banks):
            raise DataError("nearest neighbours need camera-made and generated pictures, found one kind only")
        self.real, self.generated = (nn.Parameter(bank.clone(), requires_grad=False) for bank in banks)
        return {"real": len(banks[0]), "generated": len(banks[1])}
