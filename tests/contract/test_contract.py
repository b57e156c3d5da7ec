"""What every registered system must do; a new file in systems/ is tested here without being named.

Where the published size is too slow for a test, NAME.toml beside this file gives the builder options of a
smaller one, and what else it needs: `side` of the pictures, `lr`, `steps`, and `warm` where a network says
nothing before its BatchNorm layers have seen a batch. The published size is counted
on the meta device of torch, which allocates nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import SystemCard
from upprint.checkpoints import import_official, load_detector, load_safetensors, save_safetensors
from upprint.detector import Detector
from upprint.export import TOLERANCE, export
from upprint.result import ConfigError, WeightsError
from upprint.runtime.session import load
from upprint.systems import card_of, create, list_systems

SYSTEMS = list_systems()
pytestmark = pytest.mark.parametrize("system", SYSTEMS)


@dataclass(frozen=True)
class Small:
    """How a system is tested."""

    options: dict[str, Any] = field(default_factory=dict)
    side: int = 64
    lr: float = 2e-4
    steps: int = 6
    warm: bool = False


def small(system: str) -> Small:
    path = Path(__file__).with_name(f"{system}.toml")
    return Small(**tomllib.loads(path.read_text(encoding="utf-8"))) if path.exists() else Small()


def test_every_small_size_belongs_to_a_system(system: str) -> None:
    assert {path.stem for path in Path(__file__).parent.glob("*.toml")} <= set(SYSTEMS)
    assert small(system).side >= 32


def build(system: str, seed: int = 0) -> Detector:
    torch.manual_seed(seed)
    return create(system, **small(system).options)


def trained_by_steps(detector: Detector) -> bool:
    return detector.card.trained_by == "gradient"


def tiny_set(system: str, count: int = 4) -> tuple[Tensor, Tensor]:
    """Smooth noise, and the same enlarged by repetition, which is label 1."""
    side = small(system).side
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(count, 3, side + 4, side + 4, generator=generator) * 255
    real = functional.avg_pool2d(noise, 5, 1)
    half = (side + 1) // 2
    fake = real[:, :, :half, :half].repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :side, :side]
    images = torch.cat((real, fake)).round().to(torch.uint8)
    return images, torch.cat((torch.zeros(count), torch.ones(count)))


def differ(a: Detector, b: Detector) -> list[str]:
    other = b.state_dict()
    return [key for key, value in a.state_dict().items() if not torch.equal(value, other[key])]


def fitted(system: str, seed: int = 0) -> Detector:
    """Built, what needs whole passes over data has had them, and (`warm`) BatchNorm has seen a batch."""
    detector = build(system, seed)
    images, labels = tiny_set(system)
    norms = [m for m in detector.modules() if isinstance(m, nn.BatchNorm2d) and small(system).warm]
    with torch.no_grad():
        detector.eval().fit(lambda: [(images, labels)])
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = None  # take the batch's statistics as they are
        if norms:
            detector.train()(images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return detector.eval()


def test_card(system: str) -> None:
    with torch.device("meta"):
        published = create(system)
    counted = published.parameters() if trained_by_steps(published) else published.network.parameters()
    trainable = trained_by_steps(published)
    assert sum(p.numel() for p in counted if p.requires_grad == trainable) == published.card.parameters
    assert card_of(system) == published.card
    detector = build(system)
    card = detector.card
    assert card.name == system
    assert SystemCard.from_json(card.to_json()) == card
    assert card.exportable or card.export_note
    assert card.paper
    assert card.limits
    assert not differ(build(system), create_from(card))


def create_from(card: SystemCard) -> Detector:
    torch.manual_seed(0)
    return create(card.name, **card.options)


def test_one_finite_logit_per_picture(system: str) -> None:
    detector = fitted(system).eval()
    images, _ = tiny_set(system)
    with torch.no_grad():
        logits = detector(images)
        floating = detector(images.float())
    assert logits.shape == (len(images),)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    torch.testing.assert_close(floating, logits, rtol=1e-5, atol=1e-5)


def test_batch_equals_singles(system: str) -> None:
    detector = fitted(system).eval()
    images, _ = tiny_set(system)
    with torch.no_grad():
        batch = detector(images)
        singles = torch.cat([detector(image[None]) for image in images])
    torch.testing.assert_close(batch, singles, rtol=1e-5, atol=1e-5)
    assert batch.unique().numel() > 1


def test_every_parameter_gets_a_gradient(system: str) -> None:
    detector = fitted(system).train()
    images, labels = tiny_set(system)
    if not trained_by_steps(detector):
        assert not any(p.requires_grad for p in detector.parameters())
        return
    detector.loss(images, labels).backward()
    for name, parameter in detector.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def test_training_lowers_the_loss(system: str) -> None:
    images, labels = tiny_set(system)
    detector = fitted(system)
    if not trained_by_steps(detector):
        with torch.no_grad():
            before, after = build(system).loss(images, labels), detector.loss(images, labels)
        assert after < 0.95 * before
        return
    detector.train()
    optimiser = torch.optim.Adam([p for p in detector.parameters() if p.requires_grad], lr=small(system).lr)
    losses = []
    for _ in range(small(system).steps):
        loss = detector.loss(images, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_mixed_precision_trains(system: str) -> None:
    """bf16, as recipes may ask for with `precision`."""
    detector = fitted(system).train()
    if not trained_by_steps(detector):
        return
    images, labels = tiny_set(system)
    with torch.autocast("cpu", torch.bfloat16):
        loss = detector.loss(images, labels)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in detector.parameters())


def test_a_seed_decides_everything(system: str) -> None:
    assert not differ(fitted(system, 7), fitted(system, 7))
    if trained_by_steps(build(system)):
        assert differ(build(system, 7), build(system, 8))
    images, _ = tiny_set(system)
    with torch.no_grad():
        assert torch.equal(fitted(system, 7).eval()(images), fitted(system, 7).eval()(images))


def test_weights_go_round(system: str, tmp_path: Path) -> None:
    detector, path = fitted(system, 1), tmp_path / "w.safetensors"
    digest = save_safetensors(detector, path, {})
    loaded = load_detector(path, sha256=digest)
    assert not differ(detector, loaded)
    images, _ = tiny_set(system)
    with torch.no_grad():
        assert torch.equal(detector.eval()(images), loaded.eval()(images))


def test_wrong_weights_are_refused_whole(system: str, tmp_path: Path) -> None:
    detector, other = fitted(system, 1), fitted(system, 2)
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
    detector, side = fitted(system).eval(), small(system).side
    if not detector.card.exportable:
        with pytest.raises(ConfigError, match=r"cannot be exported"):
            export(detector, tmp_path, system)
        return
    path = export(detector, tmp_path, system, tile=side)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images, _ = tiny_set(system)
    for height, width in ((side, side), (side - 3, side - 10))[: 1 if detector.card.input.exact else 2]:
        cut = images[:, :, :height, :width]
        outputs = session.run(["logit"], {"images": np.ascontiguousarray(cut.permute(0, 2, 3, 1).numpy())})
        with torch.no_grad():
            expected = detector(cut).numpy()
        # The rule of export: absolute up to |logit| 10, in proportion beyond; a fit to eight pictures is.
        limit = TOLERANCE * max(1.0, float(np.abs(expected).max()) / 10)
        np.testing.assert_allclose(outputs[0], expected, rtol=0, atol=limit)
    assert SystemCard.read(path.with_suffix(".json")).name == system
    found = load(path)(np.random.default_rng(0).integers(0, 256, (side + 5, side + 9, 3), dtype=np.uint8))
    assert np.isfinite(found.logit)  # what is exported can be scanned with


@pytest.mark.parametrize("wrapper", [None, "first"])
@pytest.mark.parametrize("prefixed", [False, True])
def test_the_official_layout_is_accepted(
    system: str, tmp_path: Path, wrapper: str | None, prefixed: bool
) -> None:
    """The authors' files, rebuilt from the layout with random numbers, score as the donor does."""
    donor = fitted(system, 3).eval()
    first = donor.official
    if first is None:
        pytest.skip(f"{system} has no official checkpoint")
    layouts = (first, *first.beside)
    states: list[dict[str, Tensor]] = [{} for _ in layouts]
    for name, value in donor.state_dict().items():
        place, layout, (old, new) = next(
            (place, layout, pair)
            for place, layout in enumerate(layouts)
            for pair in layout.rename
            if name.startswith(pair[1])
        )
        head = bool(layout.head) and name.startswith(layout.head + ".") and not layout.fake_is_one
        turned = (value.flip(0) if layout.two_class else -value) if head else value
        states[place][(layout.prefix if prefixed else "") + old + name.removeprefix(new)] = turned
    files = [tmp_path / f"official{place}.pth" for place in range(len(layouts))]
    for layout, state, file in zip(layouts, states, files, strict=True):
        torch.save(state if wrapper is None else {layout.wrappers[0]: state, "total_steps": 5}, file)
    done = import_official(
        system, files[0], tmp_path / "ours.safetensors", beside=files[1:], options=donor.card.options
    )
    images, _ = tiny_set(system)
    with torch.no_grad():
        torch.testing.assert_close(load_detector(done.path).eval()(images), donor(images), rtol=0, atol=0)
    assert done.flipped == (not first.fake_is_one)
