import pytest

from upprint.provenance import xmp

SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def told(packet):
    return [(claim.kind, claim.text, claim.says) for claim in xmp.read(packet)]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("trainedAlgorithmicMedia", "generated"),
        ("algorithmicMedia", "generated"),
        ("compositeWithTrainedAlgorithmicMedia", "edited"),
        ("compositeSynthetic", "edited"),
        ("humanEdits", "edited"),
        ("digitalCapture", "camera"),
        ("computationalCapture", "camera"),
        ("negativeFilm", "camera"),
        ("screenCapture", None),
        ("digitalCreation", None),
        ("nonsense", None),
        ("trainedAlgorithmicMedia!", None),
        ("TRAINEDALGORITHMICMEDIA", None),
    ],
)
def test_digital_source_types(make, code, says):
    ((kind, text, said),) = told(make.generated_xmp(code))
    assert kind == "digital source type"
    assert said == says
    assert code in text


@pytest.mark.parametrize("prefix", [SCHEME, SCHEME.replace("http:", "https:"), ""])
@pytest.mark.parametrize("form", ["element", "attribute", "resource", "list"])
def test_every_form_of_rdf(make, prefix, form):
    value = f"{prefix}trainedAlgorithmicMedia"
    name = "e:DigitalSourceType"
    packet = {
        "element": make.xmp(f"<{name}> {value} </{name}>"),
        "attribute": make.xmp(attributes=f'{name}="{value}"'),
        "resource": make.xmp(f'<{name} rdf:resource="{value}"/>'),
        "list": make.xmp(f"<{name}><rdf:Alt><rdf:li>{value}</rdf:li></rdf:Alt></{name}>"),
    }[form]
    assert [says for _, _, says in told(packet)] == ["generated"]


@pytest.mark.parametrize(
    "body",
    [
        "<dc:source>trainedAlgorithmicMedia</dc:source>",
        "<dc:DigitalSourceType>trainedAlgorithmicMedia</dc:DigitalSourceType>",
        "<!-- <e:DigitalSourceType>trainedAlgorithmicMedia</e:DigitalSourceType> -->",
        "<dc:title><e:DigitalSourceType>trainedAlgorithmicMedia</e:DigitalSourceType></dc:title>",
        "<dc:title><![CDATA[<e:DigitalSourceType>trainedAlgorithmicMedia</e:DigitalSourceType>]]></dc:title>",
        "<e:DigitalSourceType><dc:x>trainedAlgorithmicMedia</dc:x></e:DigitalSourceType>",
        "<ps:Credit>This was not made with Google AI</ps:Credit>",
        "<xmp:CreatorTool>My Midjourney</xmp:CreatorTool>",
        '<tc:AIGC>{"Label":"9"}</tc:AIGC>',
        "<tc:AIGC>Label 1</tc:AIGC>",
    ],
)
def test_other_places_do_not_count(make, body):
    assert {says for _, _, says in told(make.xmp(body))} <= {None}


def test_outside_of_a_description_nothing_counts(make):
    packet = make.generated_xmp().replace(b"rdf:Description", b"rdf:Nothing")
    assert told(packet) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<xmp:CreatorTool>Adobe Firefly 2</xmp:CreatorTool>", ("generator", "Adobe Firefly 2", "generated")),
        ("<xmp:CreatorTool>Adobe Lightroom 9</xmp:CreatorTool>", ("software", "Adobe Lightroom 9", "edited")),
        ("<ps:Credit>Made with Google AI</ps:Credit>", ("credit", "Made with Google AI", "generated")),
        ("<ps:Credit>Edited with Google AI.</ps:Credit>", ("credit", "Edited with Google AI.", "edited")),
        (
            '<tc:AIGC>{"Label":"1","ContentProducer":"maker"}</tc:AIGC>',
            ("generator", "AIGC label 1: the picture is generated, producer maker", "generated"),
        ),
        (
            '<tc:AIGC>{"Label":"3"}</tc:AIGC>',
            ("generator", "AIGC label 3: the picture is suspected to be generated", None),
        ),
        (
            '<mm:History><rdf:Seq><rdf:li ev:softwareAgent="Adobe Photoshop"/></rdf:Seq></mm:History>',
            ("software", "Adobe Photoshop", "edited"),
        ),
        (
            "<dct:provenance>https://example.org/m.c2pa</dct:provenance>",
            ("c2pa", "names a C2PA manifest kept at https://example.org/m.c2pa; it was not fetched", None),
        ),
        (
            "<tiff:Make>Apple</tiff:Make><tiff:Model>iPhone</tiff:Model>",
            ("camera", "Apple iPhone", "camera"),
        ),
        ("<e:AISystemUsed>some model</e:AISystemUsed>", ("generator", "AI system used: some model", None)),
    ],
)
def test_properties(make, body, expected):
    assert told(make.xmp(body)) == [expected]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (BOMB.encode() + b"<x>&b;</x>", "entity"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1/">]><x>&a;</x>', "entity"),
        (b"<x>&undefined;</x>", "well-formed"),
        (b"<x>" * 100_000, "deeply"),
        (b"<x>" + b" " * (5 << 20) + b"</x>", "bytes"),
        (b"", "well-formed"),
        (b"\xff\xfe\x00", "well-formed"),
        (b"<x", "well-formed"),
    ],
)
def test_hostile_packets_are_refused(packet, reason):
    with pytest.raises(ValueError, match=reason):
        xmp.read(packet)


def test_padding_and_processing_instructions_are_usual(make):
    head, tail = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>', b'\n  <?xpacket end="w"?>'
    assert told(head + make.generated_xmp() + tail + b"\0\0 \n")[0][2] == "generated"
