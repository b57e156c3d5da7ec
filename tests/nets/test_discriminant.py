from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from upprint.nets.discriminant import HistogramDiscriminant
from upprint.result import DataError


def maps(count: int, seed: int, tilt: float = 0.0) -> torch.Tensor:
    """Local histograms of 6 entries on a 2x3 map."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([5 + tilt, 5, 4, 3, 2, 1], (count, 2, 3))
    return torch.from_numpy(p.transpose(0, 3, 1, 2).astype(np.float32))


def fitted(ridge: float = 0.0) -> tuple[HistogramDiscriminant, torch.Tensor, torch.Tensor]:
    x = torch.cat((maps(200, 0), maps(200, 1, 2.0)))[:, :5]
    labels = torch.cat((torch.zeros(200), torch.ones(200)))
    network = HistogramDiscriminant(5, ridge)
    with torch.no_grad():
        network.fit(lambda: zip(x.split(64), labels.split(64), strict=True))
    return network, x, labels


def test_it_is_fishers_discriminant() -> None:
    network, x, labels = fitted()
    roots = x.mean((2, 3)).sqrt().double().numpy()
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5]).fit(roots, labels.numpy())
    found = network(x)[:, 0].detach().numpy()
    assert np.allclose(found, theirs.decision_function(roots), atol=1e-3)


def test_the_ridge_is_on_the_correlations() -> None:
    network, x, labels = fitted(0.3)
    roots = x.mean((2, 3)).sqrt().double().numpy()
    photos, generated = roots[labels.numpy() == 0], roots[labels.numpy() == 1]
    within = (np.cov(photos.T, bias=True) + np.cov(generated.T, bias=True)) / 2
    spread = np.sqrt(np.diag(within))
    correlation = within / np.outer(spread, spread) + 0.3 * np.eye(5)
    weight = np.linalg.solve(correlation, (generated.mean(0) - photos.mean(0)) / spread) / spread
    assert np.allclose(network.head.weight[0].numpy(), weight, rtol=1e-4)


def test_the_map_is_exact() -> None:
    network, x, _ = fitted()
    with torch.no_grad():
        pooled = network.class_activation_map(x).mean((1, 2)) + network.head.bias
        assert torch.allclose(pooled, network(x)[:, 0], atol=1e-4)


def test_an_entry_that_never_occurs_says_nothing() -> None:
    x = torch.cat((maps(50, 0), maps(50, 1, 2.0)))
    x[:, 3] = 0
    labels = torch.cat((torch.zeros(50), torch.ones(50)))
    network = HistogramDiscriminant(6, 1e-2)
    with torch.no_grad():
        network.fit(lambda: [(x, labels)])
        assert network.head.weight[0, 3] == 0
        assert network.class_activation_map(x).isfinite().all()


def test_one_class_is_refused() -> None:
    network = HistogramDiscriminant(6, 1e-2)
    with pytest.raises(DataError, match="4 photos and 0 generated"):
        network.fit(lambda: [(maps(4, 0), torch.zeros(4))])
