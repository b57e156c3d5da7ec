"""IPTC digital source types: what kind of thing a picture is, in a controlled vocabulary.

The codes: https://cv.iptc.org/newscodes/digitalsourcetype/ (retired ones included, files still hold them).
"""

from __future__ import annotations

from upprint.provenance.claim import UNSIGNED, Claim, Says

_SCHEMES = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/",
    "https://cv.iptc.org/newscodes/digitalsourcetype/",
)
_C2PA_SCHEME = "http://c2pa.org/digitalsourcetype/"

_TYPES: dict[str, tuple[str, Says | None]] = {
    "trainedAlgorithmicMedia": ("made by generative AI", "generated"),
    "algorithmicMedia": ("made by an algorithm without training data", "generated"),
    "compositeWithTrainedAlgorithmicMedia": ("edited with generative AI", "edited"),
    "compositeSynthetic": ("a composite with synthetic parts", "edited"),
    "composite": ("a composite", "edited"),
    "compositeCapture": ("a composite of captures", "edited"),
    "algorithmicallyEnhanced": ("altered by an algorithm", "edited"),
    "humanEdits": ("edited by a person", "edited"),
    "minorHumanEdits": ("with minor edits by a person", "edited"),
    "digitalCapture": ("captured by a digital camera", "camera"),
    "computationalCapture": ("captured by a digital camera in several frames", "camera"),
    "negativeFilm": ("digitised from a negative", "camera"),
    "positiveFilm": ("digitised from a transparency", "camera"),
    "print": ("digitised from a print", "camera"),
    "digitalCreation": ("created by a person with digital tools", None),
    "digitalArt": ("created by a person with digital tools", None),
    "softwareImage": ("created by software", None),
    "dataDrivenMedia": ("a rendering of data", None),
    "screenCapture": ("a capture of a screen", None),
    "virtualRecording": ("a recording of a virtual event", None),
    "trainedAlgorithmicData": ("data made by generative AI", "generated"),
}


def claim(value: str, source: str, trust: str = UNSIGNED) -> Claim:
    """The claim that a digital source type makes; only an exact code counts, anything else says nothing."""
    code = value.strip()
    for scheme in (*_SCHEMES, _C2PA_SCHEME):
        code = code.removeprefix(scheme)
    kind = "digital source type"
    if code not in _TYPES:
        return Claim(kind, source, f"a digital source type outside the vocabulary: {value}", None, trust)
    meaning, says = _TYPES[code]
    return Claim(kind, source, f"{code} ({meaning})", says, trust)
