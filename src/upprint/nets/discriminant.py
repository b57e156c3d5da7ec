"""Fisher's linear discriminant on histograms, fitted in one streamed pass, kept as a linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from upprint.detector import Batches
from upprint.result import DataError

SMALLEST = 1e-12
"""A histogram's entry up to this is empty."""


class HistogramDiscriminant(nn.Module):
    """D: local histograms (N, d, h, w) -> logits (N,): log odds of two normal classes with one covariance.

    What is normal is the square roots of the picture's histogram, which is the mean over the map. Its map of
    scores is exact: the logit is linear in sqrt(p) = p / sqrt(p), and p is a mean over places.

    Args:
        features: d.
        ridge: added to the diagonal of the features' correlation matrix. Few pictures ask for more.
    """

    def __init__(self, features: int, ridge: float) -> None:
        super().__init__()
        self.ridge = ridge
        self.head = nn.Linear(features, 1)
        for parameter in self.head.parameters():
            parameter.requires_grad_(False).zero_()

    def class_activation_map(self, x: Tensor) -> Tensor:
        """Scores of places (N, h, w); their mean plus the head's bias is the logit."""
        whole = x.mean((2, 3), keepdim=True)
        weights = self.head.weight.reshape(1, -1, 1, 1)
        return (x * weights / whole.clamp_min(SMALLEST).sqrt()).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1)."""
        logits: Tensor = self.head(x.mean((2, 3)).sqrt())
        return logits

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Means and covariance in double precision, in one pass; memory does not grow with the pictures.

        Raises:
            DataError: one class only.
        """
        size = self.head.in_features
        counts = torch.zeros(2, dtype=torch.float64)
        sums = torch.zeros(2, size, dtype=torch.float64)
        products = torch.zeros(size, size, dtype=torch.float64)
        for maps, labels in batches():
            x, generated = maps.mean((2, 3)).sqrt().double().cpu(), labels.cpu().bool()
            for label, part in enumerate((x[~generated], x[generated])):
                counts[label] += len(part)
                sums[label] += part.sum(0)
            products += x.T @ x
        if not bool((counts > 0).all()):
            raise DataError(
                f"fitting on {int(counts[0])} photos and {int(counts[1])} generated pictures: expected both"
            )
        means = sums / counts[:, None]
        within = (products - (means * counts[:, None]).T @ means) / counts.sum()
        spread = within.diagonal().clamp_min(0).sqrt()
        # A feature that never varies says nothing.
        inverse = torch.where(spread > 1e-7, 1 / spread.clamp_min(1e-7), 0.0)
        correlation = within * inverse[:, None] * inverse
        correlation += self.ridge * torch.eye(size, dtype=torch.float64)
        weight = torch.linalg.solve(correlation, (means[1] - means[0]) * inverse) * inverse
        self.head.weight.copy_(weight[None])
        self.head.bias.copy_(-(means.mean(0) @ weight))
        return {}
