"""Re-Synthesis against its formulas: residuals, branches, average, fine-tuning, official files, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from upprint.checkpoints import import_official, load_detector
from upprint.detector import Detector
from upprint.export import export_with_report
from upprint.nets.resnet import ResNet
from upprint.ops.extend import extend
from upprint.ops.reconstruction import STAGE_WEIGHTS, reconstruction_loss
from upprint.result import ConfigError, WeightsError
from upprint.systems import create
from upprint.systems.resynthesis import Average, Residuals

SMALL: dict[str, Any] = {"light": True, "rdn": [4, 4, 1, 2], "perceptual": "small"}


def build(seed: int = 0, **options: Any) -> Detector:
    torch.manual_seed(seed)
    return create("resynthesis", **SMALL | options).eval()


def pictures(height: int = 36, width: int = 44, count: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("options", "classifier"),
    [({}, 23_635_906), ({"branch": 1}, 23_671_042), ({"branch": 2}, 23_707_906), ({"branch": 3}, 23_781_634),
     ({"branch": 4}, 23_929_090), ({"branch": 5}, 23_929_090)],
)  # fmt: skip
def test_published_sizes(options: dict[str, Any], classifier: int) -> None:
    with torch.device("meta"):
        detector = create("resynthesis", **options)
    count = sum(p.numel() for p in detector.parameters() if p.requires_grad)
    assert count + 2049 == classifier  # the authors' second output
    f = detector.representation
    assert isinstance(f, Residuals)
    assert sum(p.numel() for p in f.phi.parameters()) == 22_271_107
    if options:
        assert f.theta is not None
        assert (
            sum(p.numel() for p in f.theta.parameters())
            == [1_792, 112_576, 555_328, 3_505_728, 12_944_960][options["branch"] - 1]
        )


def test_the_pixel_residual_is_the_formula() -> None:
    detector, images = build(), pictures()
    f = detector.representation
    x = images.double().numpy() / 255
    low = np.mean([x[:, :, i::4, j::4] for i in range(4) for j in range(4)], axis=0)
    with torch.no_grad():
        y = f.phi[0](torch.from_numpy(low).float()).numpy()
        np.testing.assert_allclose(f(images).numpy(), np.abs(x - y), atol=1e-6)


@pytest.mark.parametrize("stage", [1, 3, 5])
def test_a_stage_residual_is_the_formula(stage: int) -> None:
    detector, images = build(branch=stage), pictures(32, 48)
    f = detector.representation
    x = images.float() / 255
    with torch.no_grad():
        y = f.phi[0](functional.avg_pool2d(x, 4))
        expected = (f.theta(x)[stage - 1] - f.theta(y)[stage - 1]).abs()
        torch.testing.assert_close(f(images), expected)
    assert expected.shape[-2:] == (32 >> (stage - 1), 48 >> (stage - 1))


@pytest.mark.parametrize("branch", ["pixel", 5, "avg"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 18)])
def test_any_size_gives_one_finite_logit(branch: Any, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = build(branch=branch)(pictures(*size))
    assert logits.shape == (2,)
    assert logits.isfinite().all()


def test_extension_repeats_the_last_row_and_column() -> None:
    x = pictures(6, 5)
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (0, 2), (0, 3)), mode="edge")
    np.testing.assert_array_equal(extend(x, 4).numpy(), expected)
    assert extend(x, 4, 16).shape == (2, 3, 16, 16)
    whole = pictures(8, 12)
    assert extend(whole, 4) is whole


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.integers(1, 8), least=st.integers(1, 20)
)
def test_extension_is_the_smallest_that_fits(height: int, width: int, multiple: int, least: int) -> None:
    found = extend(torch.zeros(1, 1, height, width), multiple, least)
    for size, now in zip((height, width), found.shape[-2:], strict=True):
        fitting = next(n for n in range(size, size + 8) if n % multiple == 0)
        assert now == max(fitting, least)


@given(
    logits=st.lists(st.floats(-30, 30), min_size=3, max_size=3),
    shares=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
def test_an_average_lies_between_its_branches(logits: list[float], shares: list[float]) -> None:
    beta = [share / sum(shares) for share in shares]
    for averaging in ("softmax", "logit"):
        network = Average([nn.Identity()] * 3, beta, averaging)  # type: ignore[list-item, arg-type]
        found = float(network.combine(torch.tensor([logits])))
        assert min(logits) - 1e-3 <= found <= max(logits) + 1e-3


def test_extension_keeps_the_map_of_what_is_there() -> None:
    f, images = build().representation, pictures(40, 40)
    with torch.no_grad():
        assert f(images[:, :, :38, :37]).shape == (2, 3, 38, 37)


def logits_of(network: nn.Module, maps: tuple[Tensor, ...]) -> Tensor:
    assert isinstance(network, Average)
    return torch.cat([c(x) for c, x in zip(network.classifiers, maps, strict=True)], 1)


@pytest.mark.parametrize("averaging", ["softmax", "logit"])
def test_the_average_is_equation_four(averaging: str) -> None:
    beta = [0.2, 0, 0.3, 0, 0, 0.5]
    detector, images = build(branch="avg", averaging=averaging, beta=beta), pictures(64, 64)
    with torch.no_grad():
        maps = detector.representation(images)
        singles = logits_of(detector.network, maps).double()
        weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        if averaging == "logit":
            expected = (singles * weights).sum(1)
        else:
            mean = (singles.sigmoid() * weights).sum(1)
            expected = torch.log(mean / (1 - mean))
        torch.testing.assert_close(detector(images).double(), expected, atol=1e-5, rtol=1e-5)
        cam = detector.network.class_activation_map(maps)
        torch.testing.assert_close(cam.mean((1, 2)) + detector.network.head.bias, detector(images))


def test_averaging_probabilities_survives_extreme_logits() -> None:
    network = Average([ResNet((1,)), ResNet((1,))], [0.5, 0.5], "softmax")
    found = network.combine(torch.tensor([[200.0, -200.0], [300.0, 300.0], [-90.0, -80.0]]))
    assert found[0] == pytest.approx(0.0, abs=1e-5)
    assert found[1] == pytest.approx(300.0)
    assert found[2] == pytest.approx(-80 + np.log(0.5 * (1 + np.exp(-10))), abs=1e-4)


def test_every_branch_may_have_its_own_resynthesiser() -> None:
    both = build(branch="avg", own_phi=True)
    maps = both.representation(images := pictures())
    assert len(both.representation.phi) == 2
    with torch.no_grad():
        alone = build()
        alone.representation.phi[0].load_state_dict(both.representation.phi[0].state_dict())
        torch.testing.assert_close(maps[0], alone.representation(images))


def test_reconstruction_loss_is_equation_three() -> None:
    torch.manual_seed(0)
    theta = build(branch=5).representation.theta
    x, y = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        pairs = list(zip(theta(x), theta(y), strict=True))
        l1 = (x - y).abs().mean()
        paper = l1 + sum(w * (a - b).abs().mean() for w, (a, b) in zip(STAGE_WEIGHTS, pairs, strict=True))
        code = l1 + 0.2 * sum(
            w * ((a - b) ** 2).mean() for w, (a, b) in zip(STAGE_WEIGHTS, pairs, strict=True)
        )
        torch.testing.assert_close(reconstruction_loss(y, x, theta), paper)
        torch.testing.assert_close(reconstruction_loss(y, x, theta, "train_sr"), code)
        torch.testing.assert_close(reconstruction_loss(y, x, None), l1)
    assert STAGE_WEIGHTS == (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    with pytest.raises(ConfigError, match="expected one of paper, train_sr"):
        reconstruction_loss(x, y, None, "theirs")  # type: ignore[arg-type]


@pytest.mark.parametrize("auxiliary", ["none", "gray", "noise"])
def test_end_to_end_gradients_reach_the_resynthesiser(auxiliary: str) -> None:
    detector = build(end_to_end=True, auxiliary=auxiliary).train()
    images, labels = pictures(32, 32, 4), torch.tensor([0.0, 1.0, 0.0, 1.0])
    loss = detector.loss(images, labels)
    assert torch.equal(loss, build(end_to_end=True, auxiliary=auxiliary).train().loss(images, labels))
    loss.backward()
    for name, parameter in detector.named_parameters():
        if name.startswith(("representation.phi", "network")):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name  # the perceptual network


def test_the_reconstruction_loss_sees_real_pictures_alone() -> None:
    options = {"end_to_end": True, "perceptual": "none"}
    images = pictures(32, 32, 2)
    both, plain = build(**options), build()
    plain.load_state_dict(both.state_dict())
    with torch.no_grad():
        generated = torch.ones(2)
        torch.testing.assert_close(both.loss(images, generated), Detector.loss(both, images, generated))
        mixed = torch.tensor([0.0, 1.0])
        x = images[:1].float() / 255
        extra = (both.representation.phi[0](functional.avg_pool2d(x, 4)) - x).abs().mean()
        torch.testing.assert_close(both.loss(images, mixed) - plain.loss(images, mixed), extra)


def test_autocast_leaves_the_residual_alone() -> None:
    f, images = build().representation, pictures()
    with torch.no_grad():
        plain = f(images)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(f(images), plain)


def official(detector: Detector, folder: Path) -> list[Path]:
    """The authors' two files, with two outputs and real = 1, for a detector's weights."""
    state = dict(detector.network.state_dict())
    for name in ("fc.weight", "fc.bias"):
        mine = state[name]
        shared = torch.randn_like(mine)
        state[name] = torch.cat((shared + mine, shared))  # row 0 = fake, row 1 = real
    sr = {f"module.{k}": v for k, v in detector.representation.phi[0].state_dict().items()}
    files = [folder / "cls.pth.tar", folder / "sr.pth.tar"]
    optimizer = {"state": {}, "param_groups": [{"lr": 0.01}]}
    torch.save({"epoch": 100, "arch": "resnet50", "state_dict": state, "optimizer": optimizer}, files[0])
    torch.save({"state_dict": sr}, files[1])
    return files


def test_official_files_come_out_with_generated_as_one(tmp_path: Path) -> None:
    detector, images = build(3), pictures(64, 64)
    files = official(detector, tmp_path)
    options = detector.card.options
    done = import_official(
        "resynthesis", files[0], tmp_path / "w.safetensors", beside=files[1:], options=options
    )
    assert done.flipped
    with torch.no_grad():
        torch.testing.assert_close(
            load_detector(done.path).eval()(images), detector(images), atol=1e-4, rtol=1e-4
        )


def test_a_stage_takes_vgg_from_torchvisions_file(tmp_path: Path) -> None:
    detector, images, out = (
        build(3, branch=1, perceptual="vgg19"),
        pictures(64, 64),
        tmp_path / "w.safetensors",
    )
    files = official(detector, tmp_path)
    beyond = {
        name: torch.zeros(1) for name in ("features.2.weight", "features.34.bias", "classifier.6.weight")
    }
    vgg = tmp_path / "vgg19.pth"
    torch.save(detector.representation.theta.state_dict() | beyond, vgg)
    options = detector.card.options
    import_official("resynthesis", files[0], out, beside=[files[1], vgg], options=options)
    with torch.no_grad():
        torch.testing.assert_close(load_detector(out).eval()(images), detector(images), atol=1e-4, rtol=1e-4)
    torch.save({"conv1.weight": torch.zeros(1)}, vgg)
    with pytest.raises(WeightsError, match=r"do not fit.*features\.0"):
        import_official("resynthesis", files[0], out, beside=[files[1], vgg], options=options)


def test_official_files_of_another_depth_or_scale_are_refused(tmp_path: Path) -> None:
    files, out = official(build(3), tmp_path), tmp_path / "w.safetensors"
    for rdn in ([4, 4, 2, 2], [4, 4, 1, 1], [8, 8, 1, 2]):
        with pytest.raises(WeightsError, match="the weights do not fit"):
            import_official("resynthesis", files[0], out, beside=files[1:], options=SMALL | {"rdn": rdn})
    with pytest.raises(WeightsError, match=r"2 files .*re-synthesiser"):
        import_official("resynthesis", files[0], out, options=SMALL)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"branch": 6}, "expected 'pixel', 1, 2"), ({"branch": True}, "expected 'pixel'"),
     ({"rdn": [4, 4]}, "features, growth, blocks"), ({"beta": [1, 1, 0, 0, 0, 0]}, "six weights"),
     ({"branch": "avg", "averaging": "mean"}, "expected 'softmax' or 'logit'"),
     ({"branch": 2, "perceptual": "none"}, "needs a perceptual network"),
     ({"branch": 2, "perceptual": "vgg16"}, "expected 'vgg19'")],
)  # fmt: skip
def test_impossible_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(**options)


def test_the_average_exports_with_its_map(tmp_path: Path) -> None:
    report = export_with_report(build(branch="avg"), tmp_path, "avg", tile=64)
    assert report.logit_difference < 1e-4
    assert report.cam_difference is not None
    assert report.cam_difference < 1e-4


def test_the_stated_cost_is_that_of_the_layers() -> None:
    """Multiplications of every convolution, counted on the meta device."""

    def count(side: int, **options: Any) -> dict[str, float]:
        done = {"phi": 0, "theta": 0, "network": 0}

        def hook(key: str) -> Any:
            def add(module: nn.Conv2d, _inputs: Any, output: Tensor) -> None:
                done[key] += output[0].numel() * module.weight[0].numel()

            return add

        with torch.device("meta"):
            detector = create("resynthesis", **options).eval()
            for name, module in detector.named_modules():
                if isinstance(module, nn.Conv2d):
                    key = next(k for k in done if k in name.split(".")[:2])
                    module.register_forward_hook(hook(key))
            detector(torch.zeros(1, 3, side, side))
        return {key: value / 1e9 for key, value in done.items()}

    paper = count(1024, branch=5)
    assert paper["phi"] == pytest.approx(1490, abs=1)
    assert paper["theta"] == pytest.approx(757, abs=1)
    assert count(1024)["network"] == pytest.approx(32.6, abs=0.1)
    assert sum(count(256).values()) == pytest.approx(95.1, abs=0.1)
    assert sum(count(256, light=True).values()) == pytest.approx(2.9, abs=0.05)
