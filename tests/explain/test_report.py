import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import upprint
from upprint.card import Calibration, InputRule, Number, SystemCard, Weights
from upprint.explain import page, report, scale, scan_report, words
from upprint.explain.cam import CamMap
from upprint.explain.stability import Stability, Variant
from upprint.provenance import Claim, Provenance
from upprint.result import ConfigError, ScanResult, Verdict

HOSTILE = "<img src=x onerror=alert(1)> \"a\" & 'b' </title><script>alert(2)</script>\n\u202e.png"
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
VOID = {"meta", "img", "br", "wbr", "stop", "rect", "line", "path"}


class Page(HTMLParser):
    """Parses a page and keeps its tags, attributes and text; `open` holds what was never closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.open, self.problems = [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


CARD = SystemCard(
    name="sys",
    title="A <system>",
    paper="Somebody, Something, 2024",
    year=2024,
    faithful=False,
    idea="an idea & more",
    parameters=1,
    input=InputRule(tile=32),
    limits=("cannot see <this>",),
    weights=Weights("s.onnx", "ab" * 32, "", "", "many <photos>", "none", "Apache-2.0"),
    calibration=Calibration(0.5, 0.25, {"0.01": 0.5, "0.001": 1.5}, "0.01", -0.5, 1234, "forty cameras"),
    numbers=(Number("AUROC", 0.9, "pictures", "all alike", "measured", 0.8, 0.95),),
)


def subject(name="photo.jpg", verdict=Verdict.GENERATED, logit=0.7, claims=(), copies=None, size=(40, 56)):
    random = np.random.default_rng(0)
    cells = random.normal(size=(5, 7)).astype(np.float32)
    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    calibrated = verdict is not None
    row = ScanResult(
        path=f"some/folder/{name}",
        system="sys",
        logit=logit,
        probability=scale.probability(logit, CARD.calibration) if calibrated else None,
        verdict=verdict,
        tiles=4,
        width=size[1],
        height=size[0],
        format="PNG",
        sha256="cd" * 32,
        notes="<b>notes</b>",
    )
    copies = [verdict] * 3 if copies is None else copies
    variants = tuple(Variant("jpeg(85)", "saved again", 0.1, 0.4 if v else None, v) for v in copies)
    stability = Stability(verdict, row.probability, logit, variants)
    told = Provenance(row.path, "PNG", tuple(claims))
    return report.Subject(row, pixels, CamMap(cells, 8, 0.1, 0.2, *size), told, stability, 12_345)


def html(*subjects, card=CARD, fpr="0.01"):
    return report.html(subjects or (subject(),), card, fpr, created=WHEN)


def safe_page(text):
    """Parsed, once it is certain that the page is closed in itself."""
    parsed = Page(text)
    assert parsed.open == []
    assert parsed.problems == []
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(parsed.tags)
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name in ("style", "href")]
    assert all(value.startswith("data:image/") for value in parsed.values("src"))
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    outside = re.findall(r"https?://[^\s\"'<]*", re.sub(r"<code>.*?</code>", "", text))
    assert outside == []
    return parsed


def test_it_holds_what_is_needed_to_judge_and_to_find_again():
    text = safe_page(html()).text
    for words_in in (
        "2026-01-02 03:04 UTC",
        f"upprint {upprint.__version__}",
        "photo.jpg",
        "some/folder/photo.jpg",
        "cd" * 32,
        "ab" * 32,
        "40",
        "12,345 bytes",
        "Generated from +0.500 (false-positive rate 0.01), inconclusive from -0.500",
        "71.1 %",
        "many <photos>",
        "1,234 camera-made pictures",
        "0.9 [0.8, 0.95]",
        "cannot see <this>",
        "<b>notes</b>",
        "About 1 in 100",
        *words.METHOD_LIMITS,
    ):
        assert words_in in text, words_in


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_says_what_it_means_and_what_not(verdict):
    text = safe_page(html(subject(verdict=verdict))).text
    told = words.meaning(verdict, CARD.calibration, "0.01")
    for part in told:
        assert part in text
    assert "real" not in told.headline
    assert "What it does not mean" in text


def test_no_trace_never_means_real():
    told = words.meaning(Verdict.NO_TRACE, CARD.calibration, "0.01")
    assert "does not show that the picture is real" in told.means_not


def test_an_uncalibrated_system_gives_no_verdict():
    text = safe_page(html(subject(verdict=None), card=replace(CARD, calibration=None), fpr=None)).text
    assert "No verdict: the system is uncalibrated." in text
    assert "Score (logit): +0.700" in text
    assert "Calibrated probability" not in text
    assert "there is no verdict that could hold" in text


def test_stability_is_told_at_the_top_and_in_a_table():
    copies = [Verdict.GENERATED, Verdict.INCONCLUSIVE, Verdict.GENERATED]
    text = safe_page(html(subject(copies=copies))).text
    assert "the verdict holds in 2 of 3 copies" in text
    assert "does not hold in every copy" in text
    assert "holds in 3 of 3 copies" in safe_page(html()).text


def test_hostile_names_are_only_text():
    claims = [Claim("software", "EXIF", HOSTILE, None, HOSTILE), Claim("c2pa", HOSTILE, "x", "generated")]
    parsed = safe_page(html(subject(name=HOSTILE, claims=claims)))
    assert "<img src=x onerror=alert(1)>" in parsed.text
    assert "\\n" in parsed.text
    assert "\\u202e" in parsed.text
    assert "\u202e" not in html(subject(name=HOSTILE))


def test_names_that_are_no_text_can_be_written(tmp_path):
    path = report.write(tmp_path / "r.html", [subject(name="not-utf8-\udcff.png")], CARD, "0.01")
    assert "not-utf8-\\udcff.png" in path.read_text(encoding="utf-8")


def test_the_policy_allows_its_style_and_nothing_else():
    text = html()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script" not in policy
    assert "@import" not in style
    assert "url(" not in style
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_provenance_is_a_table_with_its_trust():
    claims = [
        Claim("camera", "EXIF", "Canon R5", "camera"),
        Claim("c2pa", "C2PA manifest", "signed", None, "signature INVALID: x"),
    ]
    text = safe_page(html(subject(claims=claims))).text
    for word in ("Canon R5", "camera", "unsigned: anyone can write it", "signature INVALID"):
        assert word in text
    assert "Nothing: no manifest" in safe_page(html()).text


def embedded(text):
    return [
        Image.open(BytesIO(base64.b64decode(data)))
        for data in re.findall(r'src="data:image/png;base64,([^"]*)"', text)
    ]


def test_the_pictures_are_embedded():
    made = subject()
    pictures = embedded(html(made))
    assert len(pictures) == 3
    enlarged = made.pixels.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(np.asarray(pictures[0]), enlarged)
    assert {picture.size for picture in pictures[:2]} == {(224, 160)}


def test_large_pictures_are_reduced():
    made = subject(size=(900, 2100))
    made = replace(made, cam=replace(made.cam, cells=np.ones((113, 263), np.float32)))
    assert all(max(picture.size) <= 1024 for picture in embedded(html(made)))


def test_several_pictures_share_a_page():
    parsed = safe_page(html(subject("one.jpg"), subject("two.jpg")))
    assert parsed.tags.count("article") == 2
    assert parsed.text.count("The system that judged") == 1


def test_the_same_findings_give_the_same_page():
    assert html() == html()
    other = WHEN.astimezone(timezone(timedelta(hours=5)))
    assert report.html([subject()], CARD, "0.01", created=other) == html()


def test_a_report_replaces_an_older_one_or_says_why_not(tmp_path):
    path = tmp_path / "r.html"
    path.write_text("old", encoding="utf-8")
    assert report.write(path, [subject()], CARD, "0.01", created=WHEN) == path
    assert path.read_text(encoding="utf-8") == html()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot be written"):
        report.write(tmp_path / "missing" / "r.html", [subject()], CARD, "0.01")


def test_targets_are_checked_before_any_work(tmp_path):
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    page.check_target(tmp_path / "r.html", [tmp_path, loop])
    taken = tmp_path / "x.html"
    taken.write_bytes(b"")
    (tmp_path / "folder.html").mkdir()
    for target in (tmp_path / "r.pdf", tmp_path / "no" / "r.html", taken, tmp_path / "folder.html"):
        with pytest.raises(ConfigError):
            page.check_target(target, [tmp_path / "y.png", taken])


# --- the scale ---------------------------------------------------------------------------------------------


def marker(svg):
    return float(re.findall(r'class="mark" d="M([\d.]+) ', svg)[0])


def zones(svg):
    found = re.findall(r'class="zone-([a-z-]+)" x="([\d.]+)" y="\d+" width="([\d.]+)"', svg)[:3]
    return {name: (float(x), float(x) + float(width)) for name, x, width in found}


@pytest.mark.parametrize("fpr", ["0.01", "0.001"])
@pytest.mark.parametrize("logit", [-30.0, -0.6, -0.4, 0.4, 0.6, 1.4, 1.6, 30.0])
def test_the_marker_lies_in_the_zone_of_the_verdict(logit, fpr):
    svg = scale.draw(logit, CARD.calibration, fpr)
    calibration = CARD.calibration
    name = (
        "generated"
        if logit >= calibration.thresholds[fpr]
        else "inconclusive"
        if logit >= calibration.inconclusive
        else "no-trace"
    )
    start, end = zones(svg)[name]
    assert start <= marker(svg) <= end
    assert zones(svg)["no-trace"][0] == 0


def test_an_empty_band_is_drawn_as_empty():
    calibration = replace(CARD.calibration, inconclusive=2.0)
    start, end = zones(scale.draw(0.0, calibration, "0.01"))["inconclusive"]
    assert start == end


@pytest.mark.parametrize(
    ("chance", "text"),
    [(0.0, "below 0.1 %"), (1.0, "above 99.9 %"), (0.5, "50.0 %"), (0.001, "0.1 %"), (0.9989, "99.9 %")],
)
def test_probabilities_never_look_certain(chance, text):
    assert scale.percent(chance) == text


# --- scans -------------------------------------------------------------------------------------------------


def rows(number):
    for index in range(number):
        yield replace(subject(f"{index}.png", logit=index / 10).result, provenance=f"says {index} <b>")


def scan_html(*results, card=CARD, fpr="0.01"):
    collected = scan_report.ScanReport(card, fpr)
    for row in results:
        collected.add(row)
    return collected.html(created=WHEN)


def test_counts_rows_and_errors():
    error = ScanResult(HOSTILE, "sys", error="CorruptImage: <u>broken</u>")
    parsed = safe_page(scan_html(*rows(3), error))
    text = parsed.text
    assert "4 files" in text
    assert "3 generated" in text
    assert "1 error" in text
    assert "says 2 <b>" in text
    assert "CorruptImage: <u>broken</u>" in text
    assert text.index("2.png") < text.index("1.png") < text.index("0.png")
    assert "ab" * 32 in text


def test_an_empty_scan_has_a_page():
    assert "0 files" in safe_page(scan_html()).text


def test_uncalibrated_rows_show_their_logit():
    row = subject(verdict=None, logit=1.25).result
    text = safe_page(scan_html(row, card=replace(CARD, calibration=None), fpr=None)).text
    assert "logit +1.250" in text
    assert "1 no verdict" in text


def test_a_large_scan_is_bounded(monkeypatch):
    monkeypatch.setattr(scan_report, "MOST_ROWS", 5)
    monkeypatch.setattr(scan_report, "MOST_ERRORS", 2)
    errors = [ScanResult(f"e{index}.png", "sys", error="E: x") for index in range(7)]
    text = safe_page(scan_html(*rows(30), *errors)).text
    assert [name for name in (f"{index}.png" for index in range(30)) if f"folder/{name}" in text] == [
        f"{index}.png" for index in range(25, 30)
    ]
    assert "Left out here: 25 files" in text
    assert "The first 2 of 7" in text
    assert "37 files" in text


def test_thumbnails_show_the_scored_bytes_only(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 100), (10, 200, 30)).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    row = replace(subject().result, path=str(path), sha256=digest)
    (data,) = re.findall(r"data:image/jpeg;base64,([^\"]*)", scan_report.thumbnail(row))
    with Image.open(BytesIO(base64.b64decode(data))) as small:
        assert small.size == (96, 32)
    assert scan_report.thumbnail(replace(row, sha256="00")) == "changed"
    path.unlink()
    assert scan_report.thumbnail(row) == "gone"
    monkeypatch.setattr(scan_report, "MOST_THUMBNAILS", 1)
    assert "data:image/jpeg" not in scan_html(*rows(2))
