"""Fitted attacks against their formulas written out, and what they must and must not do."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, ndimage

from upprint.attacks import METHODS, Attack, equalise, fit, load, peaks, spectrum
from upprint.attacks.signature import signature
from upprint.perturb import parse
from upprint.result import ConfigError, DataError, UnsupportedImage

SIDE = 48


def scene(seed: int, side: int = SIDE) -> np.ndarray:
    """1/f noise with grain, uint8 RGB."""
    rng = np.random.default_rng(seed)
    frequency = np.maximum(np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]), 1 / side)
    fields = np.fft.ifft2(np.fft.fft2(rng.standard_normal((3, side, side))) / frequency).real
    fields = 128 + 25 * fields / fields.std() + rng.normal(0, 3, fields.shape)
    return np.clip(np.rint(np.moveaxis(fields, 0, -1)), 0, 255).astype(np.uint8)


def made(seed: int, side: int = SIDE) -> np.ndarray:
    """As a generator: smoother than a photo, with a grid of period 4."""
    soft = ndimage.gaussian_filter(scene(seed, side).astype(float), (0.6, 0.6, 0))
    grid = 3.0 * np.cos(np.pi / 2 * np.arange(side))
    return np.clip(np.rint(soft + grid[None, :, None]), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def classes() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [scene(i) for i in range(40)], [made(1000 + i) for i in range(40)]


def profile_in_a_loop(pixels: np.ndarray) -> list[float]:
    """Azimuthal mean of 20 ln|F| per whole radius, coefficient by coefficient."""
    plane = pixels @ np.array([0.299, 0.587, 0.114])
    side = len(plane)
    values: list[list[float]] = [[] for _ in range(spectrum.bins(side))]
    transform = fft.fft2(plane) / side
    for row in range(side):
        for column in range(side):
            v, u = (x - side if x >= side / 2 else x for x in (row, column))
            values[min(int(math.hypot(u, v)), len(values) - 1)].append(
                20 * math.log(abs(transform[row, column]))
            )
    return [float(np.mean(found)) for found in values]


def test_profile_is_the_definition() -> None:
    pixels = scene(3, 24)
    found = spectrum.radial_mean(spectrum.log_magnitude(spectrum.grey(pixels)), 24)
    assert found == pytest.approx(profile_in_a_loop(pixels), rel=1e-6)
    assert [spectrum.bins(side) for side in (64, 128, 256)] == [46, 91, 182]


def test_profiles_of_sizes_share_a_scale() -> None:
    rng = np.random.default_rng(0)
    found = [
        np.mean(
            [
                spectrum.radial_mean(spectrum.log_magnitude(rng.normal(0, 5, shape)), 32)[3:20].mean()
                for _ in range(20)
            ]
        )
        for shape in ((128, 128), (64, 96), (25, 40))
    ]
    assert np.ptp(found) < 0.5


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_dct_is_scipys(seed: int) -> None:
    plane = np.random.default_rng(seed).normal(size=(2, 12, 12))
    np.testing.assert_allclose(spectrum.dct(plane), fft.dctn(plane, axes=(1, 2), norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(spectrum.inverse_dct(spectrum.dct(plane)), plane, atol=1e-12)


def test_set_gain_is_the_formula() -> None:
    side = 24
    photos, generated = [scene(i, side) for i in range(4)], [made(90 + i, side) for i in range(4)]
    attack = fit("equalise-set", photos, generated, side=side)
    means = [np.mean([profile_in_a_loop(p) for p in some], axis=0) for some in (photos, generated)]
    picture = made(77, side)
    out = np.empty((side, side, 3))
    for channel in range(3):
        transform = fft.fft2(picture[..., channel].astype(float))
        for row in range(side):
            for column in range(side):
                v, u = (x - side if x >= side / 2 else x for x in (row, column))
                if u or v:
                    gain = np.interp(math.hypot(u, v), np.arange(len(means[0])) + 0.5, means[0] - means[1])
                    transform[row, column] *= math.exp(gain / 20)
        out[..., channel] = fft.ifft2(transform).real
    assert np.abs(attack(picture) - np.clip(out, 0, 255)).max() <= 0.5 + 1e-6


def test_set_gain_closes_the_sets_and_image_gain_each_picture(classes) -> None:
    photos, generated = classes

    def profiles(pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([equalise.profile(p, SIDE) for p in pictures])

    target, band, apart = profiles(photos).mean(axis=0), slice(4, SIDE // 2), {}
    fresh = [made(500 + i) for i in range(12)]
    assert np.abs(profiles(fresh).mean(axis=0) - target)[band].max() > 15
    for method in ("equalise-set", "equalise-image"):
        attack = fit(method, photos, generated, side=SIDE)
        after = profiles([attack(p) for p in fresh])
        assert np.abs(after.mean(axis=0) - target)[band].max() < 2.5
        apart[method] = np.abs(after - target)[:, band].max()
    assert apart["equalise-image"] < apart["equalise-set"] / 2


def test_dct_mean_is_subtracted(classes) -> None:
    photos, generated = classes
    attack = fit("equalise-dct", photos, generated, side=SIDE, strength=0.5)
    means = [
        np.mean([fft.dctn(p.astype(float), axes=(0, 1), norm="ortho") for p in some], axis=0)
        for some in classes
    ]
    excess = means[1] - means[0]
    excess[0, 0] = 0
    picture = made(9)
    expected = fft.idctn(
        fft.dctn(picture.astype(float), axes=(0, 1), norm="ortho") - 0.5 * excess, axes=(0, 1), norm="ortho"
    )
    assert np.abs(attack(picture) - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3


def test_peaks_are_found_where_they_were_put_and_removed(classes) -> None:
    attack = fit("peaks", *classes, side=SIDE)
    places = set(zip(attack.arrays["rows"].astype(int), attack.arrays["columns"].astype(int), strict=True))
    assert places == {(0, SIDE // 4)}

    def height(pixels: np.ndarray) -> float:
        spectrum_of = np.abs(fft.fft2(pixels @ np.array([0.299, 0.587, 0.114])))
        return float(spectrum_of[0, SIDE // 4] / np.median(spectrum_of[:4, SIDE // 4 - 2 : SIDE // 4 + 3]))

    pictures = [made(700 + i) for i in range(8)]
    assert np.mean([height(p) for p in pictures]) > 10
    assert np.mean([height(attack(p)) for p in pictures]) < 4
    assert max(np.abs(attack(p).astype(int) - p).max() for p in pictures) <= 5


def test_peak_removal_has_nothing_to_do_between_photos(classes) -> None:
    photos, _ = classes
    with pytest.raises(DataError, match="nothing to remove"):
        fit("peaks", photos[:20], photos[20:], side=SIDE)


def test_local_median_is_scipys() -> None:
    plane = np.random.default_rng(0).normal(size=(20, 30))
    expected = ndimage.median_filter(plane, 2 * peaks.AROUND + 1, mode="wrap")
    np.testing.assert_array_equal(peaks.local_median(plane), expected)


def gridded(seed: int) -> np.ndarray:
    """A scene with a radial deficit and a grid of peaks in its spectrum, as up-sampling by eight leaves."""
    transform = fft.fft2(np.moveaxis(scene(seed).astype(float), -1, 0))
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    peak = np.ones((SIDE, SIDE))
    peak[:: SIDE // 8, :: SIDE // 8] = 12
    peak[0, 0] = 1
    changed = fft.ifft2(transform * (1 - 0.6 * radius) * peak).real
    return np.clip(np.rint(np.moveaxis(changed, 0, -1)), 0, 255).astype(np.uint8)


def test_only_a_radial_gain_has_the_papers_signature(classes) -> None:
    """Beyond the Spectrum, Table 1: +E defeats radial profiles, hurts FFT-2d and leaves DCT-2d at 100 %."""
    photos, generated = classes[0], [gridded(2000 + i) for i in range(40)]
    drops = {
        method: signature(photos, generated, fit(method, photos[:20], generated[:20], side=SIDE))
        for method in METHODS
    }
    for found in drops.values():
        assert min(drop.before for drop in found.values()) >= 0.95
    for radial in ("equalise-set", "equalise-image"):
        assert drops[radial]["spectrum-1d"].after < 0.6
        assert drops[radial]["fft-2d"].after < 0.85
        assert drops[radial]["dct-2d"].after > 0.95
    assert min(drop.after for drop in drops["equalise-dct"].values()) > 0.9
    assert drops["peaks"]["dct-2d"].after < 0.6
    assert drops["peaks"]["spectrum-1d"].after > 0.8


def test_signature_needs_equal_squares() -> None:
    with pytest.raises(DataError, match="at least 4"):
        signature([scene(0)] * 3, [made(0)] * 9, lambda p: p)
    with pytest.raises(DataError, match="one size"):
        signature([scene(0)] * 4, [made(0, 32)] * 4, lambda p: p)


@pytest.mark.parametrize("method", METHODS)
def test_files_hold_the_attack_and_its_hash(classes, tmp_path: Path, method: str) -> None:
    attack = fit(method, *classes, side=SIDE)
    attack.save(tmp_path / "a.npz")
    again = load(tmp_path / "a.npz")
    assert again == attack
    assert again.sha256 == attack.sha256
    assert (again.method, again.side, again.photos, again.generated) == (method, SIDE, 40, attack.generated)
    picture = made(5)
    out = again(picture)
    assert np.array_equal(out, attack(picture))
    assert (out.dtype, out.shape, out.flags.c_contiguous) == (np.uint8, picture.shape, True)
    assert (tmp_path / "a.npz").stat().st_size < 200_000
    weaker = fit(method, *classes, side=SIDE, strength=0.0)
    assert weaker != attack
    if method != "equalise-image":
        assert np.array_equal(weaker(picture), picture)


def test_the_text_form_carries_the_hash(classes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    attack = fit("equalise-set", *classes, side=SIDE)
    attack.save(Path("e.npz"))
    chain = parse("crop(48)|fitted(e.npz)|jpeg(90)")
    assert chain.text == f"crop(48)|fitted(e.npz@{attack.short_hash})|jpeg(90)"
    assert parse(chain.text) == chain
    picture = made(1, 64)
    expected = parse("jpeg(90)")(attack(parse("crop(48)")(picture, 0)), 0)
    assert np.array_equal(chain(picture, 0), expected)
    with pytest.raises(ConfigError, match=f"position 7.*{attack.short_hash}, expected 00000000"):
        parse("fitted(e.npz@00000000)")
    with pytest.raises(DataError, match="'none.npz' cannot be read"):
        parse("fitted(none.npz)")


def test_any_size_goes_through_a_radial_gain_and_no_other_through_squares(classes) -> None:
    for method, rule in METHODS.items():
        attack = fit(method, *classes, side=SIDE)
        for shape in ((30, 41, 3), (1, 1, 3), (70, 48, 3)):
            pixels = np.full(shape, 90, np.uint8)
            if rule.square:
                with pytest.raises(UnsupportedImage, match=r"crop\(48\)"):
                    attack(pixels)
            else:
                assert attack(pixels).shape == shape


def test_impossible_fits(classes, tmp_path: Path) -> None:
    photos, generated = classes
    with pytest.raises(ConfigError, match="nearest: 'equalise-set'"):
        fit("equalize-set", photos, generated)
    with pytest.raises(ConfigError, match="side 4"):
        fit("peaks", photos, generated, side=4)
    with pytest.raises(DataError, match="0 photos of at least 256 x 256"):
        fit("equalise-set", photos, generated)
    with pytest.raises(DataError, match="0 generated"):
        fit("equalise-set", photos, [], side=SIDE)
    assert fit("equalise-image", photos, [], side=SIDE).generated == 0
    for name, content in (("text.npz", b"no archive"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="upprint attack"):
            load(tmp_path / name)
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "other.npz")


def test_attacks_are_hashable_values(classes) -> None:
    attack = fit("equalise-set", *classes, side=SIDE)
    assert isinstance(attack, Attack)
    assert len({attack, fit("equalise-set", *classes, side=SIDE)}) == 1


def test_attacks_and_perturbations_need_numpy_and_pillow_only() -> None:
    code = (
        "import sys, upprint.attacks, upprint.attacks.signature, upprint.perturb\n"
        "print(sorted({'scipy', 'torch', 'sklearn', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
