"""The idea: score = D(f(x)). A representation f, a network D, one logit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from upprint.card import SystemCard
    from upprint.systems._official import OfficialLayout
    from upprint.systems._pretrained import Pretrained


Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Starts one pass over (images or features, labels (N,)); every call passes over the same ones."""


@runtime_checkable
class Fitted(Protocol):
    """A part that learns from whole passes over the training pictures instead of gradients."""

    def fit(self, batches: Batches) -> Mapping[str, Any]:
        """Learn. f is given images (N, 3, H, W), D is given what f makes of them.

        Returns:
            Builder options that changed with it, such as the number of support vectors; they go on the card,
            so that a detector of the right shape is built before its weights are loaded.
        """
        ...


class Detector(nn.Module):
    """A system: f, then D.

    Args:
        representation: f, maps images (N, 3, H, W) to whatever D reads. It owns every normalisation.
        network: D, maps f's output to logits (N,) or (N, 1).
        card: what the system is.
        official: how the authors' own checkpoints are laid out, where there are any.
        pretrained: which published weights the recipe starts from, where it starts from some.
    """

    needs_parts: tuple[str, ...] = ()
    """Submodules that are not trained with the rest and must be given their weights before."""

    def __init__(
        self,
        representation: nn.Module,
        network: nn.Module,
        card: SystemCard,
        official: OfficialLayout | None = None,
        pretrained: Pretrained | None = None,
    ) -> None:
        super().__init__()
        self.representation = representation
        self.network = network
        self.card = card
        self.official = official
        self.pretrained = pretrained

    def forward(self, images: Tensor) -> Tensor:
        """Score images.

        Args:
            images: (N, 3, H, W), RGB, uint8, or floating point in [0, 255] where gradients are wanted.

        Returns:
            Logits (N,), float. Label 1 = generated, so higher = more likely generated.
        """
        logits: Tensor = self.network(self.representation(images))
        return logits.reshape(images.shape[0])

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """What training minimises: binary cross-entropy on logits. A system with another loss overrides it.

        Args:
            images: as in `forward`.
            labels: (N,), 1 = generated.

        Returns:
            A scalar.
        """
        return functional.binary_cross_entropy_with_logits(self(images).float(), labels.float())

    def fit(self, batches: Batches) -> None:
        """Fit the parts that learn without gradients: first f, then D on f's output; others are left alone.

        Args:
            batches: of (images, labels), as in `loss`.
        """
        changed: dict[str, Any] = {}
        if isinstance(self.representation, Fitted):
            changed |= self.representation.fit(batches)
        if isinstance(self.network, Fitted):
            changed |= self.network.fit(
                lambda: ((self.representation(images), labels) for images, labels in batches())
            )
        self.card = replace(self.card, options=self.card.options | changed)
