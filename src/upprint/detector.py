"""The idea: score = D(f(x)). A representation f, a network D, one logit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from upprint.card import SystemCard
    from upprint.systems._official import OfficialLayout


class Detector(nn.Module):
    """A system: f, then D.

    Args:
        representation: f, maps images (N, 3, H, W) to whatever D reads. It owns every normalisation.
        network: D, maps f's output to logits (N,) or (N, 1).
        card: what the system is.
        official: how the authors' own checkpoints are laid out, where there are any.
    """

    def __init__(
        self,
        representation: nn.Module,
        network: nn.Module,
        card: SystemCard,
        official: OfficialLayout | None = None,
    ) -> None:
        super().__init__()
        self.representation = representation
        self.network = network
        self.card = card
        self.official = official

    def forward(self, images: Tensor) -> Tensor:
        """Score images.

        Args:
            images: (N, 3, H, W), RGB, uint8, or floating point in [0, 255] where gradients are wanted.

        Returns:
            Logits (N,), float. Label 1 = generated, so higher = more likely generated.
        """
        logits: Tensor = self.network(self.representation(images))
        return logits.reshape(images.shape[0])
