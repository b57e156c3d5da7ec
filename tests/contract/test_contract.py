"""What every registered system must do; a new file in systems/ is tested here without being named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from upprint.card import SystemCard
from upprint.checkpoints import import_official, load_detector, load_safetensors, save_safetensors
from upprint.detector import Detector
from upprint.export import export
from upprint.result import ConfigError, WeightsError
from upprint.systems import create, list_systems

SIDE = 64
SYSTEMS = list_systems()
pytestmark = pytest.mark.parametrize("system", SYSTEMS)


def build(system: str, seed: int = 0) -> Detector:
    torch.manual_seed(seed)
    return create(system)


def tiny_set(count: int = 4) -> tuple[Tensor, Tensor]:
    """Smooth noise, and the same enlarged by repetition, which is label 1."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(count, 3, SIDE + 4, SIDE + 4, generator=generator) * 255
    real = functional.avg_pool2d(noise, 5, 1)
    fake = real[:, :, : SIDE // 2, : SIDE // 2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    images = torch.cat((real, fake)).round().to(torch.uint8)
    return images, torch.cat((torch.zeros(count), torch.ones(count)))


def differ(a: Detector, b: Detector) -> list[str]:
    other = b.state_dict()
    return [key for key, value in a.state_dict().items() if not torch.equal(value, other[key])]


def test_card(system: str) -> None:
    detector = build(system)
    card = detector.card
    assert card.name == system
    assert sum(p.numel() for p in detector.parameters() if p.requires_grad) == card.parameters
    assert SystemCard.from_json(card.to_json()) == card
    assert card.exportable or card.export_note
    assert card.paper
    assert card.limits
    assert not differ(build(system), create_from(card))


def create_from(card: SystemCard) -> Detector:
    torch.manual_seed(0)
    return create(card.name, **card.options)


def test_one_finite_logit_per_picture(system: str) -> None:
    detector = build(system).eval()
    images, _ = tiny_set()
    with torch.no_grad():
        logits = detector(images)
        floating = detector(images.float())
    assert logits.shape == (len(images),)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    torch.testing.assert_close(floating, logits, rtol=1e-5, atol=1e-5)


def test_batch_equals_singles(system: str) -> None:
    detector = build(system).eval()
    images, _ = tiny_set()
    with torch.no_grad():
        batch = detector(images)
        singles = torch.cat([detector(image[None]) for image in images])
    torch.testing.assert_close(batch, singles, rtol=1e-5, atol=1e-5)
    assert batch.unique().numel() > 1


def test_every_parameter_gets_a_gradient(system: str) -> None:
    detector = build(system).train()
    images, labels = tiny_set()
    functional.binary_cross_entropy_with_logits(detector(images), labels).backward()
    for name, parameter in detector.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def test_a_few_steps_lower_the_loss(system: str) -> None:
    detector = build(system).train()
    images, labels = tiny_set()
    optimiser = torch.optim.Adam([p for p in detector.parameters() if p.requires_grad], lr=2e-4)
    losses = []
    for _ in range(6):
        loss = functional.binary_cross_entropy_with_logits(detector(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_a_seed_decides_everything(system: str) -> None:
    assert not differ(build(system, 7), build(system, 7))
    assert differ(build(system, 7), build(system, 8))
    images, _ = tiny_set()
    with torch.no_grad():
        assert torch.equal(build(system, 7).eval()(images), build(system, 7).eval()(images))


def test_weights_go_round(system: str, tmp_path: Path) -> None:
    detector, path = build(system, 1), tmp_path / "w.safetensors"
    digest = save_safetensors(detector, path, {})
    loaded = load_detector(path, sha256=digest)
    assert not differ(detector, loaded)
    images, _ = tiny_set()
    with torch.no_grad():
        assert torch.equal(detector.eval()(images), loaded.eval()(images))


def test_wrong_weights_are_refused_whole(system: str, tmp_path: Path) -> None:
    detector, other = build(system, 1), build(system, 2)
    before = {key: value.clone() for key, value in other.state_dict().items()}
    state = dict(detector.state_dict())
    dropped = max(state, key=lambda key: state[key].numel())
    state["never.heard.of"] = state.pop(dropped)
    path = tmp_path / "w.safetensors"
    from safetensors.torch import save_file

    save_file(state, path)
    with pytest.raises(WeightsError) as caught:
        load_safetensors(other, path)
    for text in (str(path), f"1 missing ({dropped})", "1 unexpected (never.heard.of)"):
        assert text in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())


def test_export_equals_torch(system: str, tmp_path: Path) -> None:
    detector = build(system).eval()
    if not detector.card.exportable:
        with pytest.raises(ConfigError, match=r"cannot be exported"):
            export(detector, tmp_path, system)
        return
    path = export(detector, tmp_path, system, tile=SIDE)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images, _ = tiny_set()
    for height, width in ((SIDE, SIDE), (SIDE - 3, SIDE - 10)):
        cut = images[:, :, :height, :width]
        outputs = session.run(["logit"], {"images": np.ascontiguousarray(cut.permute(0, 2, 3, 1).numpy())})
        with torch.no_grad():
            np.testing.assert_allclose(outputs[0], detector(cut).numpy(), rtol=0, atol=1e-4)
    assert SystemCard.read(path.with_suffix(".json")).name == system


@pytest.mark.parametrize("wrapper", [None, "first"])
@pytest.mark.parametrize("prefixed", [False, True])
def test_the_official_layout_is_accepted(
    system: str, tmp_path: Path, wrapper: str | None, prefixed: bool
) -> None:
    """The authors' file, rebuilt from the layout with random numbers, scores as the donor does."""
    donor = build(system, 3).eval()
    layout = donor.official
    if layout is None:
        pytest.skip(f"{system} has no official checkpoint")
    state: dict[str, Tensor] = {}
    for name, value in donor.state_dict().items():
        old, new = next(pair for pair in layout.rename if name.startswith(pair[1]))
        head = name.startswith(layout.head + ".") and not layout.fake_is_one
        state[(layout.prefix if prefixed else "") + old + name.removeprefix(new)] = -value if head else value
    content = state if wrapper is None else {layout.wrappers[0]: state, "total_steps": 5}
    torch.save(content, tmp_path / "official.pth")
    done = import_official(system, tmp_path / "official.pth", tmp_path / "ours.safetensors")
    images, _ = tiny_set()
    with torch.no_grad():
        torch.testing.assert_close(load_detector(done.path).eval()(images), donor(images), rtol=0, atol=0)
    assert done.flipped == (not layout.fake_is_one)
