"""Plants change nothing; damage is stated, never raised."""

import json
import random
import struct
import zlib
from io import BytesIO
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from upprint.provenance import Provenance, read

XMP_PLANT = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><e:DigitalSourceType>'
    b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</e:DigitalSourceType>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF")
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
NOVEL = b"tEXtSoftware\0NovelAI"
JUMBF = b"\0\0\1\0jumb\0\0\0\x1ejumd" + bytes.fromhex("6332706100110010800000aa00389b71") + b"\x03c2pa\0"
PLANTS = {
    "thirteen bytes": b"c2pa.created ",
    "code": b"trainedAlgorithmicMedia",
    "uri": b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "xmp packet": XMP_PLANT,
    "app1 segment": b"\xff\xe1" + struct.pack(">H", len(XMP_PLANT) + 31) + XMP_HEAD + XMP_PLANT,
    "jumbf box": JUMBF,
    "app11 segment": b"\xff\xeb" + struct.pack(">H", len(JUMBF) + 10) + b"JP\0\1\0\0\0\1" + JUMBF,
    "parameters": b"parameters\0a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, Seed: 1",
    "png chunk": b"\0\0\0\x10" + NOVEL + struct.pack(">I", crc32(NOVEL)),
    "comfy": b'prompt\0{"1": {"class_type": "KSampler", "inputs": {}}}',
    "exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x31\x01\x02\0\x08\0\0\0\x1a\0\0\0\0\0\0\0NovelAI\0",
    "credit": b"Made with Google AI",
    "label": b'AIGC\0{"AIGC": {"Label": "1", "ContentProducer": "someone"}}',
    "iptc": b"8BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x41\0\x07NovelAI",
    "uuid box": b"\0\0\0\x40uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"\0\0\0\0manifest\0",
}  # fmt: skip


def _raw_png(make, plant):
    """A PNG whose stored (not compressed) pixels are the plant."""
    picture = np.zeros((40, 56, 3), np.uint8)
    data = np.frombuffer(plant[: picture.size], np.uint8)
    picture.reshape(-1)[: len(data)] = data
    return make.image("PNG", picture, compress_level=0)


def _icc_png(make, plant):
    return make.with_chunks(make.chunk(b"iCCP", b"icc\0\0" + zlib.compress(plant)))


def _bad_sum(make, plant):
    return make.with_chunks(make.chunk(b"tEXt", plant)[:-4] + b"\0\0\0\0")


def _gif_comment(make, plant):
    data = make.image("GIF")
    parts = [plant[i : i + 255] for i in range(0, len(plant), 255)]
    blocks = b"".join(bytes([len(part)]) + part for part in parts)
    return data[:-1] + b"\x21\xfe" + blocks + b"\0" + data[-1:]


def _gif_application(make, plant):
    block = bytes([min(len(plant), 255)]) + plant[:255]
    return make.image("GIF")[:-1] + b"\x21\xff\x0bNETSCAPE9.9" + block + b"\0\x3b"


def _tiff_tag(make, plant):
    buffer = BytesIO()
    Image.fromarray(make.pixels()).save(buffer, "TIFF", tiffinfo={65000: plant.decode("latin-1")})
    return buffer.getvalue()


def _bmff_free(make, plant):
    data = make.image("AVIF")
    return data + make.box(b"free", plant)


def _jpeg_scan(make, plant):
    """Entropy-coded data may hold anything once its markers are stuffed."""
    data = make.image("JPEG")
    return data[:-2] + plant.replace(b"\xff", b"\xff\0") + data[-2:]


PLACES = {
    "jpeg: behind the end": lambda m, p: m.image("JPEG") + p,
    "jpeg: comment": lambda m, p: m.with_segments(m.segment(0xFE, p)),
    "jpeg: colour profile": lambda m, p: m.with_segments(m.segment(0xE2, b"ICC_PROFILE\0\1\1" + p)),
    "jpeg: unknown segment": lambda m, p: m.with_segments(m.segment(0xE5, p)),
    "jpeg: APP15": lambda m, p: m.with_segments(m.segment(0xEF, p)),
    "jpeg: APP1 of another kind": lambda m, p: m.with_segments(m.segment(0xE1, b"Other\0" + p)),
    "jpeg: APP1 extended XMP": lambda m, p: m.with_segments(
        m.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + p)
    ),
    "jpeg: APP11 of another kind": lambda m, p: m.with_segments(m.segment(0xEB, b"HDR_RI ver=1" + p)),
    "jpeg: APP13 of another kind": lambda m, p: m.with_segments(m.segment(0xED, b"Adobe_CM" + p)),
    "jpeg: other Photoshop resource": lambda m, p: m.with_segments(
        m.segment(0xED, b"Photoshop 3.0\0" + m.resource(0x03ED, p))
    ),
    "jpeg: inside the scan": _jpeg_scan,
    "jpeg: EXIF description": lambda m, p: m.image("JPEG", exif=m.exif(ImageDescription="a " + p.hex())),
    "jpeg: XMP title": lambda m, p: m.image(
        "JPEG", xmp=m.xmp(f"<dc:title>{p.hex()} trainedAlgorithmicMedia NovelAI</dc:title>")
    ),
    "jpeg: XMP comment": lambda m, p: m.image("JPEG", xmp=m.xmp(f"<!-- {p.hex()} NovelAI -->")),
    "jpeg: between segments": lambda m, p: m.with_segments(m.segment(0xFE, b"c") + b"x" + p),
    "png: behind the end": lambda m, p: m.image("PNG") + p,
    "png: private chunk": lambda m, p: m.with_chunks(m.chunk(b"prVt", p)),
    "png: wrong checksum": _bad_sum,
    "png: colour profile": _icc_png,
    "png: stored pixels": _raw_png,
    "png: text of another key": lambda m, p: m.with_chunks(m.chunk(b"tEXt", b"Title\0" + p)),
    "png: text 'comment'": lambda m, p: m.with_chunks(m.chunk(b"tEXt", b"Comment\0" + p)),
    "png: XMP key in tEXt": lambda m, p: m.with_chunks(m.chunk(b"tEXt", b"XML:com.adobe.xmp\0" + p)),
    "png: text in upper case": lambda m, p: m.with_chunks(m.chunk(b"tEXt", b"PARAMETERS\0" + p)),
    "png: caBX that is no box": lambda m, p: m.with_chunks(m.chunk(b"caBX", b"...." + b"text" + p)),
    "webp: behind the end": lambda m, p: m.image("WEBP") + p,
    "webp: unknown chunk": lambda m, p: m.riff(
        (b"VP8X", b"\0" * 10), (b"VP8L", m.image("WEBP", lossless=True)[20:]), (b"abcd", p)
    ),
    "webp: not extended": lambda m, p: m.riff((b"VP8L", m.image("WEBP", lossless=True)[20:]), (b"XMP ", p)),
    "gif: behind the end": lambda m, p: m.image("GIF") + p,
    "gif: comment": _gif_comment,
    "gif: other application": _gif_application,
    "tiff: behind the end": lambda m, p: m.image("TIFF") + p,
    "tiff: unknown tag": _tiff_tag,
    "avif: free box": _bmff_free,
    "heif: free box": lambda m, p: m.image("HEIF") + m.box(b"skip", p),
    "bmp: anywhere": lambda m, p: m.image("BMP") + p,
}  # fmt: skip


def statements(data):
    return [claim for claim in read(data).claims if claim.kind not in ("compression", "unreadable")]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("place", PLACES)
def test_plants_change_nothing(make, place, plant):
    assert statements(PLACES[place](make, PLANTS[plant])) == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_same_packet_counts_in_its_place(make, kind):
    """The check above can fail: in the place that the format gives it, the packet is read."""
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP_PLANT.decode())
        data = make.image("PNG", pnginfo=info)
    elif kind == "TIFF":
        data = make.image("TIFF", tiffinfo={700: XMP_PLANT})
    else:
        data = make.image(kind, xmp=XMP_PLANT)
    assert [(c.kind, c.says) for c in statements(data)] == [("digital source type", "generated")]
    assert [(c.kind, c.says) for c in statements(data + b"trainedAlgorithmicMedia")][:1] in (
        [("digital source type", "generated")],
        [],  # boxes that do not fill a HEIF or AVIF file are no valid container
    )


@pytest.mark.parametrize("kind", [*FORMATS, "BMP"])
def test_a_bare_file_says_nothing(make, kind):
    found = read(make.image(kind), path="some/file")
    assert found.path == "some/file"
    assert found.summary() is None
    assert [claim.kind for claim in found.claims] == (["compression"] if kind == "JPEG" else [])


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"not a picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_what_is_no_picture_says_nothing(data):
    assert all(claim.kind == "unreadable" for claim in read(data).claims)


def test_an_invalid_container_is_not_believed(make):
    whole = make.image("JPEG", exif=make.exif(Make="Canon", Model="R5"))
    assert statements(whole)
    for broken in (
        whole[: len(whole) // 2],
        whole[:-2],
        make.with_segments(make.segment(0xFE, b"c") + b"garbage", data=whole),
    ):
        (claim,) = read(broken).claims
        assert claim.kind == "unreadable"
        assert claim.says is None
        assert "nothing in it is believed" in claim.text


def test_a_reader_s_failure_is_a_claim(make):
    data = make.with_segments(
        make.segment(0xE1, b"Exif\0\0not TIFF"),
        make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<unclosed>"),
        make.segment(0xED, b"Photoshop 3.0\0" + make.resource(0x0404, b"\x1c\x02")),
    )
    found = read(data)
    broken = [claim for claim in found.claims if claim.kind == "unreadable"]
    assert [claim.source for claim in broken] == ["XMP", "EXIF", "IPTC"]
    assert "unreadable EXIF: no TIFF header" in found.summary()


def rich(make):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler, Seed: 3, Model: some")
    info.add_text("prompt", json.dumps({"1": {"class_type": "KSampler", "inputs": {}}}), zip=True)
    info.add_itxt("XML:com.adobe.xmp", make.generated_xmp().decode())
    told = {"exif": make.exif(Make="Canon", Model="R5"), "xmp": make.generated_xmp()}
    return {
        "PNG": make.image("PNG", pnginfo=info, exif=told["exif"]),
        "TIFF": make.image("TIFF", tiffinfo={700: told["xmp"], 271: "Canon", 272: "R5"}),
        "GIF": make.gif_xmp(told["xmp"]),
        **{kind: make.image(kind, **told) for kind in ("JPEG", "WEBP", "AVIF", "HEIF")},
    }  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_never_raises(make, kind):
    data = rich(make)[kind]
    assert "generated" in {claim.says for claim in read(data).claims}
    random.seed(kind)
    for _ in range(300):
        broken = bytearray(data[: random.choice([len(data), random.randrange(len(data))])])
        for _ in range(random.randrange(8)):
            if broken:
                broken[random.randrange(min(len(broken), 1500))] = random.choice(
                    [0, 255, random.randrange(256)]
                )
        found = read(bytes(broken))
        assert isinstance(found, Provenance)
        assert all(len(claim.text) <= 300 and claim.text.isprintable() for claim in found.claims)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"GIF89a", b"II*\0"]),
    st.binary(),
)
def test_any_bytes_are_borne(head, rest):
    assert isinstance(read(head + rest).to_json(), str)


def test_texts_are_printable_and_bounded(make):
    hostile = "evil\u202e\x1b[31m\n" + "x" * 5000
    data = make.image("JPEG", exif=make.exif(Software=hostile.encode()))
    (claim,) = statements(data)
    assert claim.text.isprintable()
    assert len(claim.text) <= 300
    assert len(read(data).summary()) <= 600


def test_json_and_summary(make):
    block = make.exif(Make="Canon", Model="R5", Software="Photoshop")
    data = make.image("JPEG", exif=block, xmp=make.generated_xmp())
    found = read(data, path="x.jpg")
    told = json.loads(found.to_json())
    assert told["format"] == "JPEG"
    assert {claim["says"] for claim in told["claims"]} == {"generated", "camera", "edited", None}
    assert found.summary() == (
        "generated: trainedAlgorithmicMedia (made by generative AI) (XMP); "
        "edited: Photoshop (EXIF software); camera: Canon R5 (EXIF)"
    )
