"""Two class outputs as one logit."""

from __future__ import annotations

from torch import Tensor, nn


class Margin(nn.Module):
    """Output 1 (generated) minus output 0 of a network with two: all that their softmax depends on.

    Both outputs stay, so that published weights and their gradients are the published ones.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """(N,)"""
        return margin(self.net(x))


def margin(outputs: Tensor) -> Tensor:
    """(N, 2, ...) -> (N, ...)."""
    return outputs[:, 1] - outputs[:, 0]
