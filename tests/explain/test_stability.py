from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from upprint.explain import stability
from upprint.result import ConfigError, ScanResult, Verdict

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def row(logit, verdict=Verdict.GENERATED):
    return ScanResult("x", "s", logit=logit, probability=0.5 if verdict else None, verdict=verdict)


def saved(quality):
    buffer = BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", quality=quality, subsampling=2)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def test_the_copies_are_what_their_words_say():
    met = []
    steps = []

    def score(pixels):
        met.append(pixels)
        return row(float(len(met)))

    found = stability.check(score, PIXELS, row(0.5), progress=lambda done, total: steps.append((done, total)))
    np.testing.assert_array_equal(met[0], saved(85))
    np.testing.assert_array_equal(met[1], saved(70))
    reduced = Image.fromarray(PIXELS).resize((48, 36), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(met[2], np.asarray(reduced))
    assert [variant.text for variant in found.variants] == ["jpeg(85)", "jpeg(70)", "resize(0.75)"]
    assert [variant.logit for variant in found.variants] == [1.0, 2.0, 3.0]
    assert "quality 70" in found.variants[1].words
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("own", "copies", "holds"),
    [
        (Verdict.GENERATED, [Verdict.GENERATED] * 3, True),
        (Verdict.GENERATED, [Verdict.GENERATED, Verdict.INCONCLUSIVE, Verdict.GENERATED], False),
        (Verdict.NO_TRACE, [Verdict.NO_TRACE, Verdict.NO_TRACE, Verdict.GENERATED], False),
        (None, [None] * 3, None),
    ],
)
def test_whether_a_verdict_holds(own, copies, holds):
    rest = iter(copies)
    found = stability.check(lambda _: row(1.0, next(rest)), PIXELS, row(0.25, own))
    assert found.holds is holds
    assert (found.verdict, found.logit) == (own, 0.25)
    assert [variant.verdict for variant in found.variants] == copies


def test_other_steps():
    found = stability.check(lambda _: row(1.0), PIXELS, row(1.0), steps=["webp(50)"])
    assert [(variant.text, variant.words) for variant in found.variants] == [("webp(50)", "webp(50)")]
    with pytest.raises(ConfigError, match="no perturbation"):
        stability.check(lambda _: row(1.0), PIXELS, row(1.0), steps=["blue(1)"])
