"""FrePGAN: which loss moves which part, the way through the frequency domain, what the card says."""

from __future__ import annotations

import pytest
import torch

from upprint.result import ConfigError
from upprint.systems import card_of, create

SMALL = {"slim": 16, "depth": 10, "side": 32}


def pictures() -> torch.Tensor:
    return torch.randint(
        0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def test_the_card_says_that_it_is_an_interpretation() -> None:
    card = card_of("frepgan")
    assert not card.faithful
    assert "our interpretation" in card.title


def test_perturbation_is_added_in_pixels() -> None:
    torch.manual_seed(0)
    detector, images = create("frepgan", **SMALL).eval(), pictures()
    with torch.no_grad():
        x = images.double() / 127.5 - 1
        generator = detector.double().representation.generator
        made = generator(x)
        assert made.shape == x.shape
        torch.testing.assert_close(detector.representation(images), x + made)
        torch.nn.init.zeros_(generator.out.weight)
        torch.nn.init.zeros_(generator.out.bias)
        assert not generator(x).any()


@pytest.mark.parametrize("target", ["map", "sum"])
def test_each_loss_moves_its_own_part(target: str) -> None:
    """Gradients of the sum are those of three losses taken one by one."""
    torch.manual_seed(0)
    detector, images = create("frepgan", target=target, **SMALL).train(), pictures()
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
    detector.loss(images, labels).backward()
    found = {name: p.grad.clone() for name, p in detector.named_parameters()}
    f, judge = detector.representation, detector.discriminator
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    x = f.pixels(images)
    made = f.generator(x)
    shown = made if target == "map" else x + made
    fooled = judge(shown)
    generator = bce(fooled, torch.zeros_like(fooled)) + (made.abs().mean() if target == "sum" else 0)
    parts = {"representation.generator": (f.generator, generator)}
    for_judge = bce(judge(shown.detach()), torch.ones(4, 1)) + bce(judge(x[::2]), torch.zeros(2, 1))
    parts["discriminator"] = (judge, for_judge)
    for start, (part, loss) in parts.items():
        gradients = torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)
        for (name, _), gradient in zip(part.named_parameters(), gradients, strict=True):
            torch.testing.assert_close(found[f"{start}.{name}"], gradient, rtol=1e-3, atol=1e-6)


def test_other_sizes_and_targets_are_refused() -> None:
    detector = create("frepgan", **SMALL)
    with pytest.raises(ConfigError, match="multiples of 8"):
        detector(torch.zeros(1, 3, 30, 32))
    with pytest.raises(ConfigError, match="target 'both'"):
        create("frepgan", target="both")
