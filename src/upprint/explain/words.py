"""What reports say about verdicts and about the method, in words."""

from __future__ import annotations

from typing import NamedTuple

from upprint.card import Calibration
from upprint.result import Verdict


class Meaning(NamedTuple):
    """A verdict explained: one sentence, what it means, what it does not mean."""

    headline: str
    means: str
    means_not: str


_HEADLINES = {
    Verdict.GENERATED: "The print of an image generator was found.",
    Verdict.INCONCLUSIVE: "There are traces of a generator's print, too weak to decide.",
    Verdict.NO_TRACE: "No print of an image generator was found.",
}
_MEANS = {
    Verdict.GENERATED: "Neighbouring pixels relate to each other as the up-sampling in an image generator leaves "
    "them, more clearly than the threshold asks for.",
    Verdict.INCONCLUSIVE: "The score is higher than that of most camera-made pictures, and below the threshold "
    "from which a picture is called generated.",
    Verdict.NO_TRACE: "The relations between neighbouring pixels are as they usually are in camera-made pictures.",
}
_MEANS_NOT = {
    Verdict.GENERATED: "It does not say which program made the picture, whether all of it is generated, who made "
    "it or why. Computer-drawn, strongly processed or enlarged pictures can carry a similar print.",
    Verdict.INCONCLUSIVE: "It speaks neither for the picture nor against it. Look for the original file, for other "
    "copies, and for other evidence.",
    Verdict.NO_TRACE: "It does not show that the picture is real. Re-saving, reducing or photographing a screen can "
    "remove the print, and generators that the system never saw may leave another one.",
}
_UNCALIBRATED = Meaning(
    "No verdict: the system is uncalibrated.",
    "The score stands alone: higher means more likely generated, and that is all it says.",
    "Without a calibration there is no threshold, no probability and no verdict.",
)

METHOD_LIMITS = (
    "The score rests on pixels alone. It knows nothing of what the picture shows, where it was published or who "
    "sent it.",
    "The print is a matter of a few grey levels. Strong compression, reducing, filters, screenshots and "
    "photographed screens weaken or remove it.",
    "Generators that differ from those the system was trained on may leave no print that it knows.",
    "A picture that is generated only in part can score low as a whole: look at the map.",
    "Whoever wants to deceive can remove the print, or put one on a photo.",
    "The map shows what the network responded to, not which parts are generated.",
    "What a file says of itself stands beside the score and never enters it; apart from a signed manifest of a "
    "signer you trust, anyone can write it.",
    "A verdict is one piece of evidence. It should not decide alone about a person or a publication.",
)


def meaning(verdict: Verdict | None, calibration: Calibration | None, fpr: str | None) -> Meaning:
    """The verdict in words, with the false-positive rate that was chosen."""
    if verdict is None or calibration is None or fpr is None:
        return _UNCALIBRATED
    means = _MEANS[verdict]
    if verdict is Verdict.GENERATED:
        means += f" {rate(fpr)} of the {calibration.photos:,} camera-made pictures that it was set on reach it too."
    return Meaning(_HEADLINES[verdict], means, _MEANS_NOT[verdict])


def rate(fpr: str) -> str:
    """A false-positive rate in words: "About 1 in 100"."""
    return f"About 1 in {1 / float(fpr):,.0f}"


def stability(holds: bool | None) -> str:
    """Whether the verdict survives re-saving, in a sentence."""
    if holds is None:
        return "The system is uncalibrated: there is no verdict that could hold, only scores."
    if holds:
        return (
            "The verdict holds in every copy below. That makes it steadier; it does not make it right where the "
            "system is wrong."
        )
    return (
        "The verdict does not hold in every copy below. Treat it with care: other copies of this picture may be "
        "judged otherwise."
    )
