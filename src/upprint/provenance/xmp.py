"""XMP (ISO 16684-1): digital source type, software, credit, and where a C2PA manifest is kept.

Parsed by expat, one property at a time and only where RDF puts properties. A document type, an entity, deep
nesting or more than `_LARGEST` bytes end the reading.
"""

from __future__ import annotations

from xml.parsers import expat

from upprint.provenance import generators, names, source_type
from upprint.provenance.claim import Claim, clean

_LARGEST, _DEEPEST = 4 << 20, 40
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP, _PHOTOSHOP = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/photoshop/1.0/"
_IPTC_EXT, _TIFF = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "http://ns.adobe.com/tiff/1.0/"
_EXIF, _DC_TERMS = "http://ns.adobe.com/exif/1.0/", "http://purl.org/dc/terms/"
_TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_HISTORY, _AGENT = (
    "http://ns.adobe.com/xap/1.0/mm/ History",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent# softwareAgent",
)
_META = "adobe:ns:meta/ xmpmeta"
_LISTS = (f"{_RDF} Seq", f"{_RDF} Bag", f"{_RDF} Alt")

Properties = dict[str, list[str]]


class _Refused(Exception):
    pass


def read(packet: bytes) -> list[Claim]:
    """Claims of an XMP packet.

    Raises:
        ValueError: it is no well-formed XML, too large, too deep, or holds a document type or an entity.
    """
    found = properties(packet)

    def first(namespace: str, name: str) -> str:
        return next((value for value in found.get(f"{namespace} {name}", []) if value), "")

    claims = []
    source = first(_IPTC_EXT, "DigitalSourceType") or first(_IPTC_EXT, "DigitalSourcefileType")
    if source:
        claims.append(source_type.claim(clean(source), "XMP"))
    system = first(_IPTC_EXT, "AISystemUsed")
    if system:
        claims.append(Claim("generator", "XMP", clean(f"AI system used: {system}")))
    claims += generators.aigc(first(_TC260, "AIGC"), "XMP AIGC")
    claims += generators.from_comment(first(_EXIF, "UserComment"), "XMP comment")
    credit = first(_PHOTOSHOP, "Credit")
    if names.credit(credit):
        claims.append(Claim("credit", "XMP credit", clean(credit), names.credit(credit)))
    tools = [first(_XMP, "CreatorTool"), *found.get(f"{_HISTORY} {_AGENT}", [])]
    for tool in list(dict.fromkeys(filter(None, tools)))[:8]:
        says = names.software(tool)
        claims.append(Claim("generator" if says == "generated" else "software", "XMP", clean(tool), says))
    make, model = first(_TIFF, "Make"), first(_TIFF, "Model")
    if make and model:
        claims.append(Claim("camera", "XMP", clean(f"{make} {model}"), "camera"))
    stored = first(_DC_TERMS, "provenance")
    if stored.startswith(("http://", "https://")):
        told = f"names a C2PA manifest kept at {stored}; it was not fetched"
        claims.append(Claim("c2pa", "XMP", clean(told)))
    return claims


def properties(packet: bytes) -> Properties:
    """Values by "namespace name", in their order; of structures only the software of the history.

    Raises:
        ValueError: see `read`.
    """
    packet = packet.strip(b"\0 \t\r\n")
    if len(packet) > _LARGEST:
        raise ValueError(f"a packet of {len(packet):,} bytes")
    collector = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(packet, True)
    except expat.ExpatError as error:
        raise ValueError(f"no well-formed XML ({error})") from error
    except _Refused as error:
        raise ValueError(str(error)) from error
    return collector.found


def _refuse(*_: object) -> int:
    raise _Refused("it declares a document type or an entity, which XMP has no use for")


class _Collector:
    """Follows the path of open elements; keeps text only of properties right below rdf:Description."""

    def __init__(self) -> None:
        self.found: Properties = {}
        self._path: list[str] = []
        self._words: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._words.clear()
        if len(self._path) > _DEEPEST:
            raise _Refused("it is nested too deeply")
        where = self._inside()
        if where == []:  # rdf:Description itself: simple properties as attributes
            for key, value in attributes.items():
                self._add(key, value)
        elif where is not None and len(where) == 1 and f"{_RDF} resource" in attributes:
            self._add(where[0], attributes[f"{_RDF} resource"])
        elif where is not None and len(where) >= 3 and where[0] == _HISTORY and _AGENT in attributes:
            self._add(f"{_HISTORY} {_AGENT}", attributes[_AGENT])

    def text(self, words: str) -> None:
        self._words.append(words)

    def end(self, _: str) -> None:
        where = self._inside()
        words = "".join(self._words).strip()
        if words and where:
            in_list = len(where) == 3 and where[1] in _LISTS and where[2] == f"{_RDF} li"
            if len(where) == 1 or in_list:
                self._add(where[0], words)
            elif where[0] == _HISTORY and where[-1] == _AGENT:
                self._add(f"{_HISTORY} {_AGENT}", words)
        self._path.pop()
        self._words.clear()

    def _inside(self) -> list[str] | None:
        """The path below rdf:Description; None outside of it."""
        path = self._path[1:] if self._path[:1] == [_META] else self._path
        return path[2:] if path[:2] == [f"{_RDF} RDF", f"{_RDF} Description"] else None

    def _add(self, key: str, value: str) -> None:
        if value.strip():
            self.found.setdefault(key, []).append(value.strip())
