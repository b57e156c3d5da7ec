"""What reports say about verdicts and about the method, in words."""

from __future__ import annotations

from typing import NamedTuple

from upprint.card import Calibration, SystemCard
from upprint.result import Verdict


class Meaning(NamedTuple):
    """A verdict explained: one sentence, what it means, what it does not mean."""

    headline: str
    means: str
    means_not: str


_MEANINGS = {
    Verdict.GENERATED: Meaning(
        "The print of an image generator was found.",
        "Neighbouring pixels relate to each other as the up-sampling in an image generator leaves them, more "
        "clearly than the threshold asks for.",
        "It does not say which program made the picture, whether all of it is generated, who made it or why. "
        "Computer-drawn, strongly processed or enlarged pictures can carry a similar print.",
    ),
    Verdict.INCONCLUSIVE: Meaning(
        "There are traces of a generator's print, too weak to decide.",
        "The score is higher than that of most camera-made pictures, and below the threshold from which a "
        "picture is called generated.",
        "It speaks neither for the picture nor against it. Look for the original file, for other copies, and "
        "for other evidence.",
    ),
    Verdict.NO_TRACE: Meaning(
        "No print of an image generator was found.",
        "The relations between neighbouring pixels are as they usually are in camera-made pictures.",
        "It does not show that the picture is real. Re-saving, reducing or photographing a screen can remove "
        "the print, and generators that the system never saw may leave another one.",
    ),
}
_UNCALIBRATED = Meaning(
    "No verdict: the system is uncalibrated.",
    "The score stands alone: higher means more likely generated, and that is all it says.",
    "Without a calibration there is no threshold, no probability and no verdict.",
)

METHOD_LIMITS = tuple(
    """\
The score rests on pixels alone. It knows nothing of what a picture shows, where it appeared or who sent it.
The print is a matter of a few grey levels. Compression, reducing, filters and screenshots weaken it.
Generators that differ from those the system was trained on may leave no print that it knows.
A picture that is generated only in part can score low as a whole: look at the map.
Whoever wants to deceive can remove the print, or put one on a photo.
The map shows what the network responded to, not which parts are generated.
What a file says of itself never enters the score. Unless it is signed, anyone can have written it.
A verdict is one piece of evidence. It should not decide alone about a person or a publication.
""".splitlines()
)

_HOLDS = "The verdict holds in every copy below. That makes it steadier; it does not make it right."
_HOLDS_NOT = (
    "The verdict does not hold in every copy below. Treat it with care: other copies of this picture may be "
    "judged otherwise."
)


def meaning(verdict: Verdict | None, calibration: Calibration | None, fpr: str | None) -> Meaning:
    """The verdict in words, with the false-positive rate that was chosen."""
    if verdict is None or calibration is None or fpr is None:
        return _UNCALIBRATED
    told = _MEANINGS[verdict]
    if verdict is Verdict.GENERATED:
        told = told._replace(means=f"{told.means} {promise(calibration, fpr)}")
    return told


def promise(calibration: Calibration, fpr: str) -> str:
    """What the threshold of a false-positive rate promises, in a sentence."""
    photos = f"{calibration.photos:,} camera-made pictures that it was set on"
    if calibration.confidence is None:
        return f"{rate(fpr)} of the {photos} reach it too."
    most, _, sure = kept_rate(calibration, fpr).partition(",")
    return f"{most} photos like the {photos} reach it,{sure}."


def kept_rate(calibration: Calibration, fpr: str) -> str:
    """How a false-positive rate is kept: "About 1 in 100", or "At most 1 in 100, with 95 % confidence"."""
    if calibration.confidence is None:
        return rate(fpr)
    return f"At most 1 in {_one_in(fpr)}, with {100 * calibration.confidence:g} % confidence"


def rate(fpr: str) -> str:
    """A false-positive rate in words: "About 1 in 100"."""
    return f"About 1 in {_one_in(fpr)}"


def _one_in(fpr: str) -> str:
    """The other end of the share: 100 of 0.01, 6.7 of 0.15, 1,000 of 0.001."""
    count = 1 / float(fpr)
    return f"{count:,.0f}" if count >= 20 or abs(count - round(count)) < 0.005 else f"{count:.1f}"


def map_test(card: SystemCard, name: str) -> str:
    """What is known of a map's worth: whether it beat chance on composites with known regions.

    Args:
        card: of the system; tests of other weights than its own do not count.
        name: of the map: "cam" of the whole picture, "tile_cam" or "tile_scores" of its tiles.
    """
    digest = None if card.weights is None else card.weights.onnx_sha256
    found = next((t for t in card.maps if t.map == name and t.weights_sha256 == digest), None)
    if found is None:
        return "This map was not tested: whether it shows which part of a picture is generated is unknown."
    figures = (
        f"pixel AUROC {found.auroc:.2f} [{found.low:.2f}, {found.high:.2f}], where 0.5 is chance, a guess at "
        f"the centre has {found.centre:.2f}, and this map {found.null:.2f} where the photo itself was pasted "
        f"in ({found.data})"
    )
    if found.beats_chance:
        return f"In our test this map found generated regions better than chance: {figures}."
    return (
        f"This map did not beat chance in our test: {figures}. Do not read from it which part is generated."
    )


def stability(holds: bool | None) -> str:
    """Whether the verdict survives re-saving, in a sentence."""
    if holds is None:
        return "The system is uncalibrated: there is no verdict that could hold, only scores."
    return _HOLDS if holds else _HOLDS_NOT
