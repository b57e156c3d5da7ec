"""Classifiers that scikit-learn fits, kept as tensors, so that they load, score and export like a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from upprint.detector import Batches
from upprint.result import ConfigError, DataError, require

KINDS = ("logistic", "linear", "rbf")
C, GAMMA = 6.37, 0.86
"""Of the radial kernel: the constants in Durall et al.'s notebooks."""


class FittedClassifier(nn.Module):
    """D: features (N, d) -> decision function (N,), higher = generated.

    Args:
        kind: "logistic" and "linear" (support vectors) keep weights (d) and a bias; "rbf" keeps its vectors.
        features: d.
        vectors: support vectors of "rbf"; none before the fit.
    """

    weight: Tensor
    bias: Tensor
    support: Tensor
    coefficients: Tensor

    def __init__(self, kind: str, features: int, vectors: int = 0) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError(f"classifier {kind!r}: expected one of {', '.join(KINDS)}")
        self.kind = kind
        if kind == "rbf":
            self._keep("support", torch.zeros(vectors, features))
            self._keep("coefficients", torch.zeros(vectors))
        else:
            self._keep("weight", torch.zeros(features))
        self._keep("bias", torch.zeros(1))

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_parameter(name, nn.Parameter(value, requires_grad=False))

    def forward(self, x: Tensor) -> Tensor:
        if self.kind != "rbf":
            return x @ self.weight + self.bias
        # |x - s|² written out: expanding it loses what float32 has.
        squares = ((x[:, None] - self.support[None]) ** 2).sum(-1)
        return torch.exp(-GAMMA * squares) @ self.coefficients + self.bias

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Fit on all features at once.

        Raises:
            DataError: one class only.
        """
        svm = require("sklearn.svm", extra="train", purpose="fitting a classifier")
        linear = require("sklearn.linear_model", extra="train", purpose="fitting a classifier")
        parts = [(x.double().cpu(), y) for x, y in batches()]
        x = torch.cat([part for part, _ in parts]).numpy()
        y = torch.cat([labels for _, labels in parts]).numpy().astype(int)
        if set(y.tolist()) != {0, 1}:
            raise DataError(f"fitting on labels {sorted(set(y.tolist()))}: expected both classes, 0 and 1")
        if self.kind == "rbf":
            model = svm.SVC(kernel="rbf", C=C, gamma=GAMMA).fit(x, y)
            self._keep("support", torch.tensor(model.support_vectors_).float())
            self._keep("coefficients", torch.tensor(model.dual_coef_[0]).float())
            self.bias.copy_(torch.tensor(model.intercept_))
            return {"vectors": len(model.support_vectors_)}
        if self.kind == "linear":
            model = svm.SVC(kernel="linear").fit(x, y)
        else:
            model = linear.LogisticRegression(solver="liblinear", max_iter=1000, random_state=0).fit(x, y)
        self.weight.copy_(torch.tensor(model.coef_[0]))
        self.bias.copy_(torch.tensor(model.intercept_))
        return {}
