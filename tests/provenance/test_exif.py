from io import BytesIO

import pytest
from PIL import Image

from upprint.provenance import exif, read

COMMENT, TAKEN, LENS = 37510, 36867, 42036
A1111 = (
    "a cat, 4k\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Seed: 3, Model: some-model, Version: v1.9"
)


def told(data):
    return [(claim.kind, claim.source, claim.text, claim.says) for claim in exif.read(data)]


def block(make, inner=None, **tags):
    return make.exif(inner, **tags).removeprefix(b"Exif\0\0")


def test_a_camera_s_block(make):
    inner = {TAKEN: "2024:05:06 07:08:09", LENS: "RF 50mm"}
    data = block(
        make, inner, Make="Canon", Model="Canon EOS R5", Software="Firmware 1.1", DateTime="2025:01:01"
    )
    assert told(data) == [
        ("camera", "EXIF", "Canon EOS R5, lens RF 50mm", "camera"),
        ("software", "EXIF software", "Firmware 1.1", None),
        ("date", "EXIF", "taken 2024:05:06 07:08:09", None),
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"Make": "Google", "Model": "Pixel 8"}, [("camera", "Google Pixel 8", "camera")]),
        ({"Make": "Google"}, [("camera", "Google", None)]),
        ({"Software": "Adobe Photoshop 25.0"}, [("software", "Adobe Photoshop 25.0", "edited")]),
        ({"Software": "GIMP 2.10"}, [("software", "GIMP 2.10", "edited")]),
        ({"Software": "not Photoshop"}, [("software", "not Photoshop", None)]),
        ({"Software": "Midjourney"}, [("generator", "Midjourney", "generated")]),
        ({"DateTime": "0000:00:00 00:00:00"}, []),
        ({"ImageDescription": "trainedAlgorithmicMedia, Steps: 20"}, []),
        (
            {"Software": "AI generated;txt2img;flux", "Make": "Black Forest Labs", "Model": "flux-schnell"},
            [
                ("generator", "Black Forest Labs flux-schnell", "generated"),
                ("generator", "AI generated;txt2img;flux", "generated"),
            ],
        ),
    ],
)
def test_tags(make, tags, expected):
    assert [(kind, text, says) for kind, _, text, says in told(block(make, **tags))] == expected


@pytest.mark.parametrize(
    "coded",
    [
        b"ASCII\0\0\0" + A1111.encode(),
        b"\0" * 8 + A1111.encode(),
        b"UNICODE\0" + A1111.encode("utf-16-be"),
        b"UNICODE\0" + A1111.encode("utf-16-le"),
    ],
)
def test_a_web_ui_s_comment(make, coded):
    (claim,) = exif.read(block(make, {COMMENT: coded}))
    assert claim.source == "EXIF comment"
    assert claim.says == "generated"
    assert claim.text == (
        'Stable Diffusion web UI or a relative, model some-model, version v1.9; prompt "a cat, 4k"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "Steps: many, Sampler: Euler",
        "I took 20 Steps: nice, Sampler: cheese",
        "Model: Canon",
        '{"prompt": "x"}',
        "{" * 1000,
    ],
)
def test_other_comments_say_nothing(make, text):
    assert exif.read(block(make, {COMMENT: b"ASCII\0\0\0" + text.encode()})) == []


def test_comfy_s_camera_tags(make):
    graph = '{"3": {"class_type": "KSampler", "inputs": {"ckpt_name": "sdxl.safetensors"}}}'
    claims = told(block(make, Make='workflow:{"nodes": [{}], "links": []}', Model=f"prompt:{graph}"))
    assert [(source, says) for _, source, _, says in claims] == [
        ("EXIF make", "generated"),
        ("EXIF model", "generated"),
    ]
    assert claims[1][2] == "ComfyUI, a graph of 1 nodes, model sdxl.safetensors"


def test_a_position_is_mentioned_but_not_shown(make):
    made = Image.Exif()
    made.get_ifd(0x8825)[1] = "N"
    made.get_ifd(0x8825)[2] = (52.0, 31.0, 12.25)
    (claim,) = exif.read(made.tobytes().removeprefix(b"Exif\0\0"))
    assert claim.kind == "position"
    assert "52" not in claim.text


@pytest.mark.parametrize("data", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x05"])
def test_broken_blocks_are_value_errors(data):
    with pytest.raises(ValueError, match="directory|header"):
        exif.read(data)


def test_values_beyond_the_block_are_left_out(make):
    data = bytearray(block(make, Make="A long maker's name", Model="R5"))
    at = data.index(b"\x0f\x01\x02\0") + 8 if data[:2] == b"II" else data.index(b"\x01\x0f\0\x02") + 8
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    assert [(c.kind, c.text) for c in exif.read(bytes(data))] == [("camera", "R5")]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_container_that_has_exif(make, kind):
    if kind == "TIFF":
        buffer = BytesIO()
        Image.fromarray(make.pixels()).save(buffer, "TIFF", tiffinfo={271: "Canon", 272: "R5"})
        data = buffer.getvalue()
    else:
        data = make.image(kind, exif=make.exif(Make="Canon", Model="R5"))
    assert ("camera", "Canon R5") in [(c.kind, c.text) for c in read(data).claims]


def test_only_the_first_block_of_a_jpeg_counts(make):
    first, second = (make.exif(Make=maker, Model="X") for maker in ("Canon", "Nikon"))
    data = make.with_segments(make.segment(0xE1, first), make.segment(0xE1, second))
    assert [c.text for c in read(data).claims if c.kind == "camera"] == ["Canon X"]
