from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upprint import perturb
from upprint.perturb import KINDS, Chain, parse
from upprint.perturb.kinds import File, Number, Word
from upprint.result import ConfigError


@pytest.fixture
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 60)[None, :, None] + np.linspace(0, 40, 48)[:, None, None]
    return np.clip(ramp + rng.normal(0, 8, (48, 60, 3)), 0, 255).astype(np.uint8)


def example(name: str) -> str:
    """A valid text of every kind that needs no file."""
    kind = KINDS[name]
    if kind.group:
        return f"{name}(blur(1)|jpeg(75))"
    values = {Number: lambda p: "3" if p.low <= 3 <= p.high else str(p.high), Word: lambda p: p.words[-1]}
    return f"{name}({','.join(values[type(p)](p) for p in kind.parameters)})"


TEXTS = [
    example(name) for name, kind in KINDS.items() if not any(isinstance(p, File) for p in kind.parameters)
]


def test_empty_text_changes_nothing(pixels: np.ndarray) -> None:
    assert np.array_equal(parse("")(pixels, 0), pixels)
    assert np.array_equal(parse("  ")(pixels, 0), pixels)


@pytest.mark.parametrize("text", TEXTS)
def test_every_kind_gives_bytes_and_repeats(pixels: np.ndarray, text: str) -> None:
    before = pixels.copy()
    out = parse(text)(pixels, 5)
    assert out.dtype == np.uint8
    assert out.ndim == 3
    assert out.shape[2] == 3
    assert np.array_equal(out, parse(text)(pixels, 5))
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("text", TEXTS)
@settings(max_examples=8, deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=st.integers(0, 2**63))
def test_every_kind_takes_every_size(text: str, height: int, width: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = parse(text)(grey, seed)
    assert out.dtype == np.uint8
    assert min(out.shape) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "resize(1)",
        "fit(60)",
        "fit(1000)",
        "crop(60)",
        "zoom(0)",
        "blur(0)",
        "kernel(1)",
        "median(1)",
        "sharpen(0)",
        "noise(0)",
        "noisevar(0)",
        "gamma(1)",
        "screenshot(1,0)",
        "social(feed)|0*jpeg(1)",
        "0*jpeg(10)",
        "chain(blur(0)|chain(gamma(1)))",
    ],
)
def test_what_should_change_nothing(pixels: np.ndarray, text: str) -> None:
    expected = parse("jpeg(85)")(pixels, 0) if "social" in text else pixels
    assert np.array_equal(parse(text)(pixels, 1), expected)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_same_seed_same_draws_whatever_the_picture(seed: int) -> None:
    chain = parse("0.5*resize(0.5..1.5)|0.5*crop(10..40)|0.5*chain(0.5*resize(0.5/0.7)|fit(9/11))")
    black, white = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)
    assert chain(black, seed).shape == chain(white, seed).shape
    assert np.array_equal(chain(white, seed), chain(white, seed))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_the_draws_of_trained_configs_stay(seed: int) -> None:
    """0.3*resize(0.5..1.5)|0.6*jpeg(60..98)|noise(1..3), restated: shipped weights and numbers hang on it."""
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    rng, expected = np.random.default_rng(seed), pixels
    chance, u = rng.random(), rng.random(1)[0]
    rng.spawn(1)
    if chance < 0.3:
        expected = perturb.resize(expected, 0.5 + 1.0 * u)
    chance, u = rng.random(), rng.random(1)[0]
    rng.spawn(1)
    if chance < 0.6:
        expected = perturb.jpeg(expected, 60.0 + 38.0 * u)
    rng.random()
    u, child = rng.random(1)[0], rng.spawn(1)[0]
    added = child.normal(0, 1.0 + 2.0 * u, expected.shape)
    expected = np.clip(np.rint(expected + added), 0, 255).astype(np.uint8)
    found = parse("0.3*resize(0.5..1.5)|0.6*jpeg(60..98)|noise(1..3)")(pixels, seed)
    assert np.array_equal(found, expected)


def test_probability_is_the_share_of_applications(pixels: np.ndarray) -> None:
    for text in ("0.3*crop(8)", "0.3*chain(crop(8))"):
        chain = parse(text)
        applied = sum(chain(pixels, seed).shape == (8, 8, 3) for seed in range(500))
        assert 110 < applied < 190


def test_ranges_and_choices_cover_what_they_say(pixels: np.ndarray) -> None:
    widths = {parse("crop(10..30)")(pixels, seed).shape[0] for seed in range(300)}
    assert widths == set(range(10, 31))
    counts = Counter(parse("crop(8/16/24)")(pixels, seed).shape[0] for seed in range(300))
    assert set(counts) == {8, 16, 24}
    assert min(counts.values()) > 70
    kernels = {parse("resize(0.5,box/nearest)")(pixels, seed).tobytes() for seed in range(20)}
    assert kernels == {parse(f"resize(0.5,{name})")(pixels, 0).tobytes() for name in ("box", "nearest")}


def test_a_group_is_its_steps(pixels: np.ndarray) -> None:
    grouped = parse("1*chain(resize(0.5) | jpeg(80))|crop(16)")
    assert np.array_equal(grouped(pixels, 3), parse("resize(0.5)|jpeg(80)|crop(16)")(pixels, 3))


@pytest.mark.parametrize("text", [*TEXTS, " jpeg(75) |0.5* ".replace("* ", "*crop(8)"), ""])
def test_text_parses_back_to_an_equal_chain(text: str) -> None:
    chain = parse(text)
    assert isinstance(chain, Chain)
    assert parse(chain.text) == chain


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("jpg(75)", "position 0.*nearest: 'jpeg'"),
        ("jpeg(75)|rezise(0.5)", "position 9.*nearest: 'resize'"),
        ("0.5*rezise(0.5)", "position 4.*nearest: 'resize'"),
        ("chain(jpeg(75)|chain(meadian(3)))", "position 21.*nearest: 'median'"),
        ("jpeg(75)| ", "position 10"),
        ("jpeg", "position 0.*not name.*nearest: 'jpeg'"),
        ("Blur 2", "position 0.*nearest: 'blur'"),
        ("jpeg()", r"takes 1 to 2 arguments \(quality, subsampling\), found \[\]"),
        ("median(3,3)", "takes 1 arguments"),
        ("jpeg(0)", "position 5.*expected 1"),
        ("jpeg(95..75)", "low <= high"),
        ("jpeg(75,411)", "position 8.*subsampling.*known: 444, 422, 420"),
        ("jpeg(75,420..444)", "subsampling"),
        ("resize(0.5, lancos)", "position 12: no kernel 'lancos'; nearest: 'lanczos'"),
        ("social(feeed)", "position 7: no chain 'feeed'; nearest: 'feed'"),
        ("combination(stated)", "takes 2 arguments"),
        ("resize(x)", "'x' is not a number"),
        ("resize(1/x)", "'x' is not a number"),
        ("resize(1/2..3)", "single values"),
        ("median(4)", "odd whole size"),
        ("median(3..5)", "odd whole size"),
        ("1.5*crop(8)", "probability 1.5"),
        ("..*crop(8)", "not a number"),
        ("resize(nan)", "expected"),
        ("jpeg(75", "position 4: a '\\(' that is never closed"),
        ("jpeg(75))", "position 8: a '\\)' that closes nothing"),
        ("chain()", "position 6: chain\\(\\) holds no steps"),
        ("jpeg(75)crop(8)", "position 7"),
    ],
)
def test_malformed_text_names_position_and_way_out(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse(text)


@given(text=st.text("jpegcroblu()|.,*/0123456789 ", max_size=30))
def test_any_text_is_a_chain_or_a_named_error(text: str) -> None:
    try:
        chain = parse(text)
    except ConfigError as error:
        position = re.search(r"position (\d+): ", str(error))
        assert position is not None
        assert 0 <= int(position[1]) <= len(text)
    else:
        assert parse(chain.text) == chain
