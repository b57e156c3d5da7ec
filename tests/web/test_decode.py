"""The same bytes give the same pixels, logit and verdict in the browser as in Python.

Tolerance: pixels of JPEG, PNG and WebP are equal, by their SHA-256. Logits then differ by the order of the
network's sums only: at most 1e-4 or a hundred-thousandth, whichever is larger. What the browser itself
decodes (GIF, BMP, AVIF, CMYK, animated WebP) carries a note; of these only what is lossless must be equal.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from upprint.images import decode_bytes
from upprint.perturb import parse
from upprint.result import ImageError

BY_BROWSER = "decoded by the browser"


def near(logit: float) -> Any:
    return pytest.approx(logit, abs=1e-4, rel=1e-5)


def photo(height: int, width: int) -> np.ndarray:
    """Waves and grain, uint8 (height, width, 3)."""
    rng = np.random.default_rng(height * width)
    y, x, c = np.mgrid[:height, :width, :3]
    waves = (
        127
        + 70 * np.sin(x / 30 + c)
        + 40 * np.cos(y / 17 * (1 + c / 3))
        + rng.normal(0, 6, (height, width, 3))
    )
    return waves.clip(0, 255).astype(np.uint8)


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def encoded(kind: str, image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def files() -> dict[str, bytes]:
    rgb = Image.fromarray(photo(263, 289))
    small = Image.fromarray(photo(61, 83))
    alpha = rgb.convert("RGBA")
    alpha.putalpha(Image.fromarray(photo(263, 289)[..., 1]))
    made = {
        **{f"subsampling-{n}.jpg": encoded("JPEG", rgb, quality=88, subsampling=n) for n in (0, 1, 2)},
        "progressive.jpg": encoded("JPEG", rgb, progressive=True, quality=70),
        "restarts.jpg": encoded("JPEG", rgb, restart_marker_blocks=7),
        "low.jpg": encoded("JPEG", rgb, quality=12),
        "best.jpg": encoded("JPEG", rgb, quality=100, subsampling=0),
        "grey.jpg": encoded("JPEG", rgb.convert("L")),
        "rgb-inside.jpg": encoded("JPEG", rgb, keep_rgb=True),
        "one-pixel.jpg": encoded("JPEG", rgb.crop((0, 0, 1, 1))),
        "narrow.jpg": encoded("JPEG", rgb.crop((0, 0, 7, 290))),
        **{f"turned-{n}.jpg": encoded("JPEG", small, exif=exif(n)) for n in range(2, 9)},
        "rgb.png": encoded("PNG", rgb),
        "grey.png": encoded("PNG", rgb.convert("L")),
        "grey16.png": encoded("PNG", Image.fromarray(photo(90, 70)[..., 0].astype(np.uint16) * 250 + 3)),
        "palette.png": encoded("PNG", small.quantize(50)),
        "alpha.png": encoded("PNG", alpha),
        "grey-alpha.png": encoded("PNG", alpha.convert("LA")),
        "turned.png": encoded("PNG", small, exif=exif(6)),
        "lossy.webp": encoded("WEBP", rgb, quality=80),
        "lossy-alpha.webp": encoded("WEBP", alpha, quality=60),
        "lossless.webp": encoded("WEBP", alpha, lossless=True, exact=True),
        "turned.webp": encoded("WEBP", small, exif=exif(8)),
        "plain.bmp": encoded("BMP", small),
        "plain.gif": encoded("GIF", small.quantize(200)),
    }
    return made


FILES = files()


@pytest.fixture(scope="module")
def opened(browser, address, helpers):
    return helpers.site.open_page(browser, address)


@pytest.mark.parametrize("name", FILES)
def test_pixels_logit_and_verdict_equal_pythons(name, opened, tmp_path, helpers, scorer):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    expected = scorer(path)
    facts = helpers.site.look_at(opened, path)
    assert facts["error"] == ""
    notes = [
        note for note in facts["notes"].split("; ") if not note.startswith(BY_BROWSER) and note != "none"
    ]
    assert facts["sha256"] == expected.sha256
    assert facts["pixels"] == hashlib.sha256(decode_bytes(FILES[name]).pixels.tobytes()).hexdigest()
    assert float(facts["logit"]) == near(expected.logit)
    assert facts["verdict"] == str(expected.verdict)
    assert facts["format"] == expected.format
    assert notes == (expected.notes.split("; ") if expected.notes else [])


# Damage that only Python finds, in formats that the browser decodes, and what only Python decodes.
BROWSER_IS_LENIENT = {
    "cut_first_frame.gif",
    "third.bmp",
    "third.gif",
    "third.avif",
    "noise_after_signature.bmp",
}
NOT_IN_BROWSER = (".tif", ".tiff", ".heic")


def test_hostile_files_are_named_as_in_python(opened, tmp_path, helpers, scorer):
    contents = helpers.hostile_files.contents()
    wrong: dict[str, tuple[str, str]] = {}
    unequal: dict[str, tuple[float, str]] = {}
    for number, (name, (data, _)) in enumerate(contents.items()):
        path = tmp_path / f"{number}{name[name.rfind('.') :] if '.' in name else ''}"
        path.write_bytes(data)
        try:
            expected, row = "", scorer(path)
        except ImageError as error:
            expected, row = type(error).__name__, None
        facts = helpers.site.look_at(opened, path)
        if facts["error"] != expected:
            wrong[name] = (expected or "ok", facts["error"] or "ok")
        elif row and BY_BROWSER not in facts["notes"] and float(facts["logit"]) != near(row.logit):
            unequal[name] = (row.logit, facts["logit"])
    assert unequal == {}
    allowed = {name for name in wrong if name in BROWSER_IS_LENIENT or name.endswith(NOT_IN_BROWSER)}
    assert {name: found for name, found in wrong.items() if name not in allowed} == {}
    for name in allowed:
        assert wrong[name][1] in ("ok", "UnsupportedImage", "CorruptImage", "ImageTooLarge")


def test_treatments_equal_pythons_perturbations(opened, tmp_path, helpers, scorer):
    path = tmp_path / "photo.png"
    Image.fromarray(photo(263, 289)).save(path)
    helpers.site.look_at(opened, path)
    helpers.site.wait(opened, ".stability[data-done]")
    found = opened.execute_script(
        """return Object.fromEntries([...document.querySelectorAll('[data-treatment]')].map(
            row => [row.dataset.treatment, row.querySelector('[data-logit]').dataset.logit]))"""
    )
    pixels = decode_bytes(path.read_bytes()).pixels
    assert set(found) == {"jpeg(85)", "jpeg(70)", "resize(0.75)"}
    for text, logit in found.items():
        assert float(logit) == near(scorer(parse(text)(pixels, 0)).logit)
