from io import BytesIO

import pytest
from PIL import Image, IptcImagePlugin

from upprint.provenance import iptc, read


def test_program_and_credit(make):
    data = make.iim((2, 65, b"GIMP"), (2, 70, b"2.10"), (2, 110, b"Made with Google AI"))
    assert [(c.kind, c.text, c.says) for c in iptc.read(data)] == [
        ("software", "GIMP 2.10", "edited"),
        ("credit", "Made with Google AI", "generated"),
    ]


def test_other_credits_say_nothing(make):
    assert iptc.read(make.iim((2, 110, b"Reuters"), (2, 120, b"Made with Google AI"))) == []


@pytest.mark.parametrize("data", [b"\x1c\x02", b"\x1c\x02\x41\0\x09abc", b"x" * 20, b"\x1c\x02\x41\xff\xff"])
def test_broken_sets_are_value_errors(data):
    with pytest.raises(ValueError, match="data set"):
        iptc.read(data)


def test_pillow_finds_the_same_sets_in_the_same_file(make):
    data = make.iim((2, 65, b"Canva"))
    title = make.resource(0x0425, b"odd")
    file = make.with_segments(make.segment(0xED, b"Photoshop 3.0\0" + title + make.resource(0x0404, data)))
    with Image.open(BytesIO(file)) as image:
        assert IptcImagePlugin.getiptcinfo(image)[(2, 65)] == b"Canva"
    assert [c.text for c in read(file).claims if c.kind == "software"] == ["Canva"]


def test_a_tiff_holds_it_as_a_tag(make):
    data = make.image("TIFF", tiffinfo={33723: make.iim((2, 65, b"Canva"))})
    assert [c.text for c in read(data).claims] == ["Canva"]


def test_broken_resources_are_stated(make):
    file = make.with_segments(make.segment(0xED, b"Photoshop 3.0\0" + b"9BIM" + b"\0" * 20))
    assert "unreadable Photoshop resources" in read(file).summary()
