import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upprint import preprocess
from upprint.card import InputRule
from upprint.explain.cam import CamMap, tile_cam, upsample, whole_cam
from upprint.result import ConfigError, WeightsError

BIAS = 0.75


class Fake:
    """A graph of known map: a cell is the mean of its 8 x 8 pixels (0 beyond the border), smoothed 3 x 3."""

    stride = 8

    def __init__(self, bias=BIAS, smooth=True):
        self.bias, self.smooth, self.shapes = bias, smooth, []

    def map(self, pixels):
        height, width = pixels.shape[:2]
        rows, columns = -(-height // 8), -(-width // 8)
        padded = np.zeros((rows * 8, columns * 8))
        padded[:height, :width] = pixels.mean(axis=-1) / 64 - 2
        cells = padded.reshape(rows, 8, columns, 8).mean(axis=(1, 3))
        if not self.smooth:
            return cells
        rim = np.pad(cells, 1)
        return sum(rim[y : y + rows, x : x + columns] for y in range(3) for x in range(3)) / 9

    def run(self, batch):
        self.shapes.append(batch.shape)
        cam = np.stack([self.map(pixels) for pixels in batch]).astype(np.float32)
        return (cam.mean(axis=(1, 2)) + self.bias).astype(np.float32), cam


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


RULE = InputRule(tile=64, grid=8)


@pytest.mark.parametrize("size", [(64, 64), (40, 72), (37, 101), (5, 3), (1, 1)])
def test_whole_map_is_exact_and_adds_up_to_the_logit(size):
    fake, pixels = Fake(), picture(*size)
    cam = whole_cam(fake, pixels, RULE)
    np.testing.assert_allclose(cam.cells, fake.map(pixels), atol=1e-6)
    assert cam.stride == 8
    assert cam.bias == pytest.approx(BIAS, abs=1e-5)
    assert cam.cells.mean() + cam.bias == pytest.approx(cam.logit, abs=1e-5)
    assert cam.logit == pytest.approx(float(fake.run(pixels[None])[0][0]), abs=1e-5)
    assert (cam.height, cam.width) == size
    assert cam.tiles == ()


@pytest.mark.parametrize("size", [(300, 1100), (1000, 970), (961, 1921), (1925, 100)])
def test_windows_give_the_map_of_one_run(size):
    fake, pixels = Fake(), picture(*size)
    steps = []
    cam = whole_cam(fake, pixels, RULE, limit=1, progress=lambda done, total: steps.append((done, total)))
    np.testing.assert_allclose(cam.cells, fake.map(pixels), atol=1e-6)
    assert cam.logit == pytest.approx(float(fake.run(pixels[None])[0][0]), abs=1e-5)
    number = -(-size[0] // 960) * -(-size[1] // 960)
    assert steps == [(i + 1, number) for i in range(number)]
    assert max(max(shape[1:3]) for shape in fake.shapes[:-1]) <= 960 + 2 * 120


def test_windows_reach_beyond_the_receptive_field_of_npr():
    import torch

    from upprint.systems import create

    torch.manual_seed(0)
    detector = create("npr").eval()

    class Torch:
        def run(self, batch):
            with torch.no_grad():
                x = detector.representation(torch.from_numpy(batch.copy()).permute(0, 3, 1, 2))
                cam = detector.network.class_activation_map(x)
                return detector.network(x)[:, 0].numpy(), cam.numpy()

    pixels = picture(51, 1021)
    whole, windows = (whole_cam(Torch(), pixels, RULE, limit=limit) for limit in (2**20, 1))
    np.testing.assert_allclose(windows.cells, whole.cells, atol=2e-4 * np.abs(whole.cells).max())
    assert windows.logit == pytest.approx(whole.logit, abs=1e-4 * float(np.abs(whole.cells).max()))


def test_windows_start_on_the_phase_of_common_blocks():
    class Phase(Fake):
        def run(self, batch):
            for pixels in batch[batch.any(axis=(1, 2, 3))]:
                self.shapes.append(tuple(int(v) for v in pixels[0, 0, :2]))
            return super().run(np.zeros_like(batch))

    rows, columns = np.mgrid[0:2000, 0:2000]
    pixels = np.stack([rows % 120, columns % 120, np.ones_like(rows)], axis=-1).astype(np.uint8)
    fake = Phase()
    whole_cam(fake, pixels, RULE, limit=1)
    starts = [entry for entry in fake.shapes if len(entry) == 2]
    assert starts == [(0, 0)] * 9


@pytest.mark.parametrize("size", [(64, 64), (128, 192), (70, 131), (200, 64)])
def test_tile_map_is_the_mean_over_tiles(size):
    fake, pixels = Fake(), picture(*size)
    cam = tile_cam(fake, pixels, RULE)
    origins = preprocess.tile_origins(*size, RULE, None)
    total, count = np.zeros((size[0] // 8, size[1] // 8)), np.zeros((size[0] // 8, size[1] // 8))
    logits = []
    for y, x in origins:
        cells = fake.map(pixels[y : y + 64, x : x + 64])
        logits.append(cells.mean() + BIAS)
        for i, j in np.ndindex(8, 8):
            total[y // 8 + i, x // 8 + j] += cells[i, j]
            count[y // 8 + i, x // 8 + j] += 1
    np.testing.assert_allclose(cam.cells, total / count, atol=1e-6)
    assert [(tile.top, tile.left) for tile in cam.tiles] == origins
    assert [tile.logit for tile in cam.tiles] == pytest.approx(logits, abs=1e-5)
    assert cam.logit == pytest.approx(np.mean(logits), abs=1e-5)
    assert cam.tile == 64


def test_adjacent_tiles_add_up_to_the_logit():
    cam = tile_cam(Fake(), picture(128, 192), RULE)
    assert len(cam.tiles) == 6
    assert cam.cells.mean() + cam.bias == pytest.approx(cam.logit, abs=1e-5)


def test_pooling_follows_the_card():
    pixels = picture(128, 64)
    pixels[64:] //= 2
    cam = tile_cam(Fake(), pixels, InputRule(tile=64, grid=8, pooling="max"))
    assert cam.logit == max(tile.logit for tile in cam.tiles)
    assert cam.logit != pytest.approx(np.mean([tile.logit for tile in cam.tiles]))


@pytest.mark.parametrize("size", [(24, 100), (16, 16), (3, 70), (20, 20)])
def test_small_picture_is_repeated_and_its_first_copy_shown(size):
    fake, pixels = Fake(smooth=False), picture(*size)
    cam = tile_cam(fake, pixels, RULE)
    rows, columns = (max(1, side // 8) for side in size)
    assert cam.cells.shape == (rows, columns)
    own = [slice(0, side // 8) for side in size]
    np.testing.assert_allclose(cam.cells[own[0], own[1]], fake.map(pixels)[own[0], own[1]], atol=1e-6)


def test_tile_origins_off_the_stride():
    """A grid finer than the stride: cells are split so that tiles still lie where they belong."""
    rule, fake = InputRule(tile=64, grid=4), Fake(smooth=False)
    pixels = picture(68, 64)
    cam = tile_cam(fake, pixels, rule)
    assert cam.stride == 4
    assert [tile.top for tile in cam.tiles] == [0, 4]
    upper, lower = fake.map(pixels[:64]), fake.map(pixels[4:])
    assert cam.cells[0, 0] == pytest.approx(upper[0, 0], abs=1e-6)
    assert cam.cells[1, 0] == pytest.approx((upper[0, 0] + lower[0, 0]) / 2, abs=1e-6)
    assert cam.cells[2, 0] == pytest.approx((upper[1, 0] + lower[0, 0]) / 2, abs=1e-6)
    assert cam.cells[16, 0] == pytest.approx(lower[7, 0], abs=1e-6)


def test_a_graph_whose_map_explains_another_score_is_refused():
    class Broken(Fake):
        def run(self, batch):
            logits, cam = super().run(batch)
            return logits + batch.any(axis=(1, 2, 3)), cam

    for draw in (whole_cam, tile_cam):
        with pytest.raises(WeightsError, match="another score"):
            draw(Broken(), picture(64, 64), RULE)


def test_a_map_that_does_not_divide_the_tile_is_refused():
    class Odd(Fake):
        def run(self, batch):
            return np.zeros(len(batch), np.float32), np.zeros((len(batch), 7, 7), np.float32)

    with pytest.raises(WeightsError, match="divisor of the tile"):
        whole_cam(Odd(), picture(64, 64), RULE)


def bilinear(cells, stride, y, x):
    """The value at picture position (y, x), written out."""
    value = 0.0
    at = [min(max(p / stride - 0.5, 0), n - 1) for p, n in zip((y, x), cells.shape, strict=True)]
    for i, j in np.ndindex(*cells.shape):
        value += cells[i, j] * max(0, 1 - abs(at[0] - i)) * max(0, 1 - abs(at[1] - j))
    return value


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([2, 8]),
    st.sampled_from([0.25, 0.5, 1, 2, 3]),
    st.integers(0, 1000),
)
def test_upsample_is_bilinear_about_cell_centres(rows, columns, stride, step, seed):
    cells = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    size = (max(1, int(rows * stride / step)), max(1, int(columns * stride / step)))
    out = upsample(cells, stride, size, step)
    assert out.shape == size
    assert out.dtype == np.float32
    for y in range(0, size[0], 3):
        for x in range(0, size[1], 3):
            expected = bilinear(cells, stride, (y + 0.5) * step, (x + 0.5) * step)
            assert out[y, x] == pytest.approx(expected, abs=1e-5)


def test_upsample_puts_a_single_cell_over_its_own_pixels():
    cells = np.zeros((5, 5), np.float32)
    cells[1, 3] = 1
    out = upsample(cells, 8, (40, 40))
    weights = out / out.sum()
    centre = [(weights.sum(axis=1 - axis) * (np.arange(40) + 0.5)).sum() for axis in (0, 1)]
    assert centre == pytest.approx([12, 28])


def test_map_of_a_constant_is_constant():
    cam = CamMap(np.full((3, 4), 2.5, np.float32), 8, 0.0, 2.5, 20, 30)
    np.testing.assert_array_equal(upsample(cam.cells, cam.stride, (20, 30)), 2.5)


class Mapless(Fake):
    def run(self, batch):
        return super().run(batch)[0], None


@pytest.mark.parametrize("size", [(64, 64), (128, 192), (70, 131)])
def test_without_a_map_tiles_show_their_logits(size):
    fake, pixels = Mapless(), picture(*size)
    cam = tile_cam(fake, pixels, RULE)
    assert not cam.own
    assert cam.name == "tile_scores"
    covered, side = preprocess.repeat_to(pixels, RULE.tile, grid=RULE.grid), RULE.tile
    cut = [covered[None, t.top : t.top + side, t.left : t.left + side] for t in cam.tiles]
    logits = [float(fake.run(one)[0][0]) for one in cut]
    assert [t.logit for t in cam.tiles] == pytest.approx(logits, abs=1e-5)
    assert cam.cells.min() >= min(logits) - 1e-5
    assert cam.cells.max() <= max(logits) + 1e-5
    assert cam.logit == pytest.approx(np.mean(logits), abs=1e-5)
    with pytest.raises(ConfigError, match="no class activation map"):
        whole_cam(fake, pixels, RULE)
