"""One bias at a time: it is found, named and ranked first. In clean sets nothing is found."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def exif(**tags: str) -> bytes:
    block = Image.Exif()
    for tag, value in tags.items():
        block[int(tag[1:])] = value
    return block.tobytes()


def sixteen_bits(image: Image.Image) -> bytes:
    """A PNG of 16 bits per sample, which Pillow does not write for colour."""
    wide = np.asarray(image).astype(">u2") * 257

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    head = struct.pack(">IIBBBBB", image.width, image.height, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CUSTOM = [[16 + (i * 5) % 30 for i in range(64)], [20 + (i * 7) % 40 for i in range(64)]]
ALIKE = [CUSTOM[0][::-1], CUSTOM[1]]


def pictures(sets):
    """Name of the cue -> encoders of the two classes."""

    def jpeg(**options):
        return lambda image, rng: sets.jpeg(image, **options)

    def as_png(change):
        return lambda image, rng: sets.png(change(image))

    def plain(image, rng):
        return sets.png(image)

    def bigger(image, rng):
        return sets.png(image.resize((120, 120)).crop((0, 0, 96, 96)))

    def doubled(image, rng):
        return sets.png(image.resize((192, 192), Image.Resampling.BILINEAR).crop((0, 0, 96, 96)))

    def off_grid(image, rng):
        grown = sets.picture(rng, 104, 104)
        return sets.png(through_jpeg(grown, 80).crop((3, 5, 99, 101)))

    def texted(image, rng):
        text = PngInfo()
        text.add_text("parameters", "steps")
        return sets.saved(image, "PNG", compress_level=1, pnginfo=text)

    def sized(width, height):
        return lambda image, rng: sets.png(sets.picture(rng, width, height))

    camera, software = exif(t271="Maker", t272="One"), exif(t305="Editor")
    profile = b"\0" * 128 + struct.pack(">I4sII", 1, b"desc", 144, 24) + b"desc\0\0\0\0\0\0\0\x05Mine\0"
    return {
        "format": (jpeg(quality=90), plain),
        "jpeg_quality": (jpeg(quality=75), jpeg(quality=92)),
        "jpeg_tables": (jpeg(qtables=CUSTOM), jpeg(qtables=ALIKE)),
        "subsampling": (jpeg(subsampling=2), jpeg(subsampling=0)),
        "jpeg_process": (jpeg(progressive=True), jpeg(progressive=False)),
        "colour_mode": (plain, as_png(lambda image: image.convert("RGBA"))),
        "bit_depth": (plain, lambda image, rng: sixteen_bits(image)),
        "exif": (jpeg(exif=camera), jpeg()),
        "exif_camera": (jpeg(exif=camera), jpeg(exif=software)),
        "icc": (jpeg(icc_profile=profile), jpeg()),
        "dpi": (jpeg(dpi=(300, 300)), jpeg(dpi=(72, 72))),
        "png_text": (plain, texted),
        "aspect": (sized(96, 64), sized(64, 96)),
        "size": (sized(96, 96), sized(112, 112)),
        "jpeg_history": (as_png(lambda image: through_jpeg(image, 85)), plain),
        "history_quality": (
            as_png(lambda image: through_jpeg(image, 60)),
            as_png(lambda image: through_jpeg(image, 90)),
        ),
        "grid_offset": (as_png(lambda image: through_jpeg(image, 80)), off_grid),
        "resampling": (plain, bigger),
        "doubling": (plain, doubled),
        "grey": (plain, as_png(lambda image: image.convert("L").convert("RGB"))),
    }


NAMES = tuple(pictures(type("Nothing", (), {})))


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_bias_is_found_named_and_ranked_first(name: str, plant, sets) -> None:
    real, fake = pictures(sets)[name]
    scope = plant(real, fake).everything
    assert scope.found, [(cue.cue, cue.p) for cue in scope.cues[:5]]
    first = scope.found[0]
    assert (first.cue, first.found) == (name, True)
    assert first.strength is not None
    assert first.strength > 0.8
    assert first.p is not None
    assert first.p < 0.05
    assert first.title.lower() in first.sentence.lower()


@pytest.mark.parametrize("name", ["format", "exif", "size", "jpeg_quality"])
def test_what_a_header_shows_is_solved_without_pixels(name: str, plant, sets) -> None:
    report = plant(*pictures(sets)[name])
    both = next(a for a in report.everything.baselines if a.name == "both")
    assert both.value is not None
    assert both.value > 0.9
    assert "can be solved without looking at a pixel" in report.everything.headline


@pytest.mark.parametrize("seed", range(1, 5))
def test_in_a_clean_set_nothing_is_found(seed: int, plant, sets) -> None:
    """All the things that may differ do, but alike in both classes."""

    def mixed(image: Image.Image, rng: np.random.Generator) -> bytes:
        image = sets.picture(rng, int(rng.choice([80, 96])), int(rng.choice([80, 96])))
        if rng.random() < 0.5:
            return sets.png(image)
        return sets.jpeg(image, quality=int(rng.integers(70, 95)), subsampling=int(rng.choice([0, 2])))

    report = plant(mixed, mixed, seed=seed)
    scope = report.everything
    assert scope.found == ()
    assert report.tests >= 8
    assert "can be solved" not in scope.headline
    assert report.duplicates == ()


def test_history_in_png_is_told_with_its_quality(plant, sets) -> None:
    report = plant(*pictures(sets)["jpeg_history"])
    cue = report.everything.found[0]
    assert cue.real.counts == {"yes": sets.files}
    assert cue.generated.counts == {"no": sets.files}
