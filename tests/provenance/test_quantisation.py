import pytest
from PIL import Image

from upprint.provenance import jpeg, quantisation, read


def compression(data):
    return next(claim.text for claim in read(data).claims if claim.kind == "compression")


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_library_s_own_qualities(make, quality):
    """Pillow writes with the library that the tables belong to."""
    told = compression(make.image("JPEG", quality=quality))
    found = int(told.split(",")[0].removeprefix("IJG quality "))
    parts = [jpeg.walk(make.image("JPEG", quality=q)).tables for q in (quality, found)]
    assert parts[0] == parts[1]
    assert found == quality or quality < 3  # the two coarsest share their tables


@pytest.mark.parametrize(("option", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0"), ("4:1:1", "4:2:0")])
def test_subsampling(make, option, name):
    assert f", {name}, " in compression(make.image("JPEG", subsampling=option))


def test_grey_cmyk_and_progressive(make):
    grey, four = (Image.fromarray(make.pixels()).convert(mode) for mode in ("L", "CMYK"))
    for image, words in ((grey, "grey"), (four, "four components")):
        from io import BytesIO

        buffer = BytesIO()
        image.save(buffer, "JPEG")
        assert words in compression(buffer.getvalue())
    assert "progressive" in compression(make.image("JPEG", progressive=True))


def test_tables_of_others_are_custom(make):
    luma = [min(255, 3 + index) for index in range(64)]
    told = compression(make.image("JPEG", qtables=[luma, luma]))
    assert told.startswith("custom tables, about as coarse as IJG quality ")


def test_luma_and_colour_of_different_quality(make):
    tables = [jpeg.walk(make.image("JPEG", quality=q)).tables for q in (90, 50)]
    assert quantisation.quality(tables[0][0], tables[1][1]) == "IJG quality 90, colour 50"
    assert quantisation.quality(tables[0][0], None) == "IJG quality 90"
    assert quantisation.quality(tables[0][0], tables[0][0]) == "IJG quality 90"


def test_nearest_is_monotone(make):
    found = [
        quantisation.nearest(jpeg.walk(make.image("JPEG", quality=q)).tables[0]) for q in range(5, 101, 5)
    ]
    assert found == sorted(found)
    assert found[10] == 55


def test_save_for_web(make):
    ducky = b"Ducky\0\x01\0\x04" + (60).to_bytes(4, "big") + b"\0\0"
    claims = read(make.with_segments(make.segment(0xEC, ducky))).claims
    assert [(c.text, c.says) for c in claims if c.kind == "software"] == [
        ("Adobe Save for Web, quality 60", "edited")
    ]
