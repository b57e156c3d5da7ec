"""NPR as a whole against the article, stated a second time without the library's parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems.npr import CARD, OFFICIAL

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def randomised(seed: int = 0) -> torch.nn.Module:
    """NPR with BatchNorm statistics and scales as a trained network has them: anything but 0 and 1."""
    torch.manual_seed(seed)
    detector = create("npr")
    for name, value in detector.state_dict().items():
        if name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight", "downsample.1.weight")):
            value.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bn1.bias", "bn2.bias", "bn3.bias", "downsample.1.bias")):
            value.uniform_(-0.3, 0.3)
    return detector.eval()


@pytest.mark.parametrize("size", [(8, 8), (16, 22), (64, 30)])
def test_f_in_the_authors_order_of_operations(size: tuple[int, int]) -> None:
    """Standardise, subtract nearest-up(nearest-down), times 2/3; float64."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, *size), dtype=np.uint8)
    shape = (1, 3, 1, 1)
    x = (torch.from_numpy(pixels).double() / 255 - torch.tensor(MEAN).double().view(shape)) / torch.tensor(
        STD
    ).double().view(shape)
    down = functional.interpolate(x, scale_factor=0.5, mode="nearest")
    expected = (x - functional.interpolate(down, scale_factor=2, mode="nearest")) * 2 / 3
    found = create("npr").representation(torch.from_numpy(pixels))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)
    floating = create("npr").representation(torch.from_numpy(pixels).float())
    torch.testing.assert_close(floating, found, rtol=0, atol=1e-6)


def test_gain_per_grey_level() -> None:
    step = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    step[..., 1, 1] = 1
    found = create("npr").representation(step)[0, :, 1, 1]
    torch.testing.assert_close(found, torch.tensor([0.01142, 0.01167, 0.01162]), rtol=0, atol=5e-6)


@pytest.mark.parametrize(("block", "anchor"), [(2, 1), (2, 4), (3, 4), (2, "mean"), (3, "max")])
@pytest.mark.parametrize("size", [(8, 9), (11, 7)])
def test_variants_on_partial_blocks(block: int, anchor: int | str, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, *size), dtype=np.uint8)
    expected = np.zeros(pixels.shape)
    for c in range(3):
        x = (pixels[0, c] / 255 - MEAN[c]) / STD[c]
        for row in range(size[0]):
            for column in range(size[1]):
                top, left = row // block * block, column // block * block
                inside = x[top : top + block, left : left + block]
                if anchor == "mean":
                    reference = inside.mean()
                elif anchor == "max":
                    reference = inside.max()
                else:
                    down, right = divmod(anchor - 1, block)
                    reference = inside[min(down, inside.shape[0] - 1), min(right, inside.shape[1] - 1)]
                expected[0, c, row, column] = 2 / 3 * (x[row, column] - reference)
    found = create("npr", block=block, anchor=anchor).representation(torch.from_numpy(pixels))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-5)


def restated(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The network from the article's table alone: convolutions and their strides, written out."""

    def norm(y: Tensor, key: str) -> Tensor:
        parts = [state[f"{key}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(y, *parts, training=False, eps=1e-5)

    y = functional.conv2d(x, state["conv1.weight"], stride=2, padding=1)
    y = functional.max_pool2d(functional.relu(norm(y, "bn1")), 3, 2, 1)
    for stage, depth in ((1, 3), (2, 4)):
        for block in range(depth):
            at, stride = f"layer{stage}.{block}", 2 if (stage, block) == (2, 0) else 1
            z = functional.relu(norm(functional.conv2d(y, state[f"{at}.conv1.weight"]), f"{at}.bn1"))
            z = functional.conv2d(z, state[f"{at}.conv2.weight"], stride=stride, padding=1)
            z = functional.relu(norm(z, f"{at}.bn2"))
            z = norm(functional.conv2d(z, state[f"{at}.conv3.weight"]), f"{at}.bn3")
            if block == 0:
                y = functional.conv2d(y, state[f"{at}.downsample.0.weight"], stride=stride)
                y = norm(y, f"{at}.downsample.1")
            y = functional.relu(z + y)
    pooled = functional.adaptive_avg_pool2d(y, 1).flatten(1)
    return functional.linear(pooled, state["fc1.weight"], state["fc1.bias"])


@pytest.mark.parametrize("size", [(64, 64), (34, 50)])
def test_network_equals_its_restatement(size: tuple[int, int]) -> None:
    detector = randomised()
    images = torch.randint(0, 256, (3, 3, *size), dtype=torch.uint8)
    state = {k.removeprefix("network."): v.double() for k, v in detector.state_dict().items()}
    shape = (1, 3, 1, 1)
    x = (images.double() / 255 - torch.tensor(MEAN).double().view(shape)) / torch.tensor(STD).view(shape)
    x = (x - x[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)) * (2 / 3)
    with torch.no_grad():
        expected = restated(state, x)[:, 0]
        found = detector(images).double()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 1e-3


def test_state_dict_is_that_of_the_specification() -> None:
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    keys = {"conv1.weight", "fc1.weight", "fc1.bias", *(f"bn1.{part}" for part in norm)}
    for stage, depth in ((1, 3), (2, 4)):
        for block in range(depth):
            at = f"layer{stage}.{block}"
            keys |= {f"{at}.conv{i}.weight" for i in (1, 2, 3)}
            keys |= {f"{at}.bn{i}.{part}" for i in (1, 2, 3) for part in norm}
        keys |= {f"layer{stage}.0.downsample.0.weight", *(f"layer{stage}.0.downsample.1.{p}" for p in norm)}
    state = create("npr").state_dict()
    assert set(state) == {f"network.{key}" for key in keys}
    assert len(state) == 146
    assert sum(key.endswith("num_batches_tracked") for key in state) == 24
    assert sum(value.numel() for value in state.values()) == 1_447_897
    assert state["network.fc1.weight"].shape == (1, 512)


def test_variants_are_on_the_card() -> None:
    assert create("npr").card.options == {"block": 2, "anchor": 1}
    assert create("npr", block=3, anchor="max").card.options == {"block": 3, "anchor": "max"}
    assert CARD.parameters == 1_437_761
    assert CARD.faithful
    assert OFFICIAL.fake_is_one


@pytest.mark.parametrize("options", [{"block": 1}, {"anchor": 5}, {"anchor": "median"}, {"block": 2.0}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        create("npr", **options)


def test_upsampled_images_all_score_alike() -> None:
    """A nearest-enlarged picture has no relations, so what it shows cannot matter."""
    detector = randomised()
    small = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    with torch.no_grad():
        logits = detector(small.repeat_interleave(2, 2).repeat_interleave(2, 3))
        others = detector(small)
    torch.testing.assert_close(logits, logits[:1].expand(4), rtol=0, atol=1e-6)
    assert others.std() > 1e-4
