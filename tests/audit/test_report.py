import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from upprint.audit import html
from upprint.audit.report import Report
from upprint.audit.run import Settings, audit
from upprint.audit.text import render
from upprint.data.layouts import Dataset, read
from upprint.data.protocol import protocol_of
from upprint.data.sample import Sample
from upprint.evaluate.predictions import Header, Predictions, Row
from upprint.result import ConfigError, DataError


@pytest.fixture
def jpeg_against_png(tmp_path: Path, sets) -> Dataset:
    root = sets.build(tmp_path / "set", lambda i, r: sets.jpeg(i), lambda i, r: sets.png(i), files=10)
    (root / "0_real" / "bad<b>.png").write_bytes(b"")
    return read(root, "plain")


def scored(data: Dataset, shift: float = 0.0) -> Predictions:
    rows = tuple(Row.of(s, logit=4.0 * s.label - 2.0 + shift) for s in data.samples)
    header = Header("toy", "w", "0", "tiles", len(rows), "0", data.name, threshold=1.0, threshold_fpr="0.01")
    return Predictions(header, rows)


def shown(report: Report) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(report))
    console.file.close()
    return console.export_text()


def test_text_json_and_html_tell_the_same(jpeg_against_png: Dataset, sets) -> None:
    calls: list[tuple[int, int | None]] = []
    report = audit(
        jpeg_against_png,
        predictions=scored(jpeg_against_png),
        settings=sets.quick,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (21, 21)
    scope = report.everything
    assert (scope.real, scope.generated, scope.sources) == (10, 10, 20)
    assert scope.detector is not None
    assert (scope.detector.value, scope.detector.title) == (1.0, "toy at its shipped threshold")
    assert Report.from_json(report.to_json()) == report
    text, page = shown(report), html.html(report)
    for told in ("100 % of this benchmark can be solved without looking at a pixel", "File format", "toy at"):
        assert told in text
        assert told in page
    assert "EmptyFile" in text
    assert "bad&lt;b&gt;.png" in page
    assert "bad<b>" not in page


def test_the_page_loads_nothing_and_is_whole(jpeg_against_png: Dataset, sets, tmp_path: Path) -> None:
    report = audit(jpeg_against_png, settings=sets.quick)
    html.write(report, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.opened: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "link", "iframe", "img")
            assert not {"src", "style", "onclick"} & dict(attributes).keys()
            if tag not in ("meta", "br", "rect", "line", "wbr"):
                self.opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("rect", "line"):
                assert self.opened.pop() == tag

    tags = Tags()
    tags.feed(text)
    assert tags.opened == []
    assert "default-src 'none'" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def one_class(data: Dataset, label: int) -> Dataset:
    samples = tuple(s for s in data.samples if s.label == label)
    return Dataset("one", samples, (), data.protocol)


def test_a_single_class_and_a_single_picture_are_undefined(jpeg_against_png: Dataset, sets) -> None:
    for data in (
        one_class(jpeg_against_png, 1),
        Dataset("p", jpeg_against_png.samples[:1], (), protocol_of("plain")),
    ):
        report = audit(data, settings=sets.quick)
        scope = report.everything
        assert scope.found == ()
        assert all(cue.value is None and cue.undefined for cue in scope.cues)
        assert all(a.value is None and a.undefined for a in scope.baselines)
        assert "undefined" in scope.headline
        assert any("nothing can be compared" in note for note in report.notes)
        for told in (report.to_json(), shown(report), html.html(report)):
            assert "nan" not in told.casefold().split()
    with pytest.raises(DataError, match="no files"):
        audit(Dataset("none", (), (), protocol_of("plain")), settings=sets.quick)


def test_subsets_are_scopes_and_corrected_together(tmp_path: Path, sets) -> None:
    for name, real in (("good", sets.png), ("bad", sets.jpeg)):
        sets.build(
            tmp_path / name,
            lambda i, r, real=real: real(i),
            lambda i, r: sets.png(i),
            files=10,
            seed=len(name),
        )
    report = audit(read(tmp_path, "plain"), settings=sets.quick)
    assert [scope.name for scope in report.scopes] == ["everything", "bad", "good"]
    assert [bool(scope.found) for scope in report.scopes[1:]] == [True, False]
    assert report.tests == sum(cue.p is not None for scope in report.scopes for cue in scope.cues)


def test_twins_share_everything_but_generation(tmp_path: Path, sets) -> None:
    """Pairs that differ in their JPEG quality from pair to pair, never within: no finding."""
    rng, samples = np.random.default_rng(0), []
    for index in range(12):
        quality, image = int(rng.integers(60, 95)), sets.picture(rng, 96 + 8 * int(rng.integers(0, 3)), 96)
        for label in (0, 1):
            path = tmp_path / f"{index}{label}.jpg"
            path.write_bytes(sets.jpeg(image.point(lambda v, label=label: v ^ label), quality=quality))
            samples.append(Sample(str(path), label, "all", "x", f"photo{index}"))
    report = audit(Dataset("t", tuple(samples), (), protocol_of("twins")), settings=sets.quick)
    assert report.everything.biases == ()
    assert report.duplicates == ()
    assert [a.value for a in report.everything.baselines] == [0.5, 0.5, 0.5]


def test_predictions_must_cover_the_set(jpeg_against_png: Dataset, sets) -> None:
    predictions = scored(jpeg_against_png)
    part = Predictions(predictions.header, predictions.rows[:5])
    with pytest.raises(DataError, match="no score for"):
        audit(jpeg_against_png, predictions=part, settings=sets.quick)


def test_another_split_is_searched_for_duplicates(jpeg_against_png: Dataset, sets) -> None:
    part = Dataset("train", jpeg_against_png.samples[:4], (), jpeg_against_png.protocol)
    report = audit(jpeg_against_png, others={"train": part}, split="test", settings=sets.quick)
    assert report.duplicate_groups == 4
    assert {group.crosses for group in report.duplicates} == {("split",)}
    with pytest.raises(ConfigError, match="with itself"):
        audit(jpeg_against_png, others={"test": part}, split="test", settings=sets.quick)


def test_json_is_strict(jpeg_against_png: Dataset, sets) -> None:
    text = audit(one_class(jpeg_against_png, 0), settings=sets.quick).to_json()
    raw = json.loads(text)
    for change in ({"extra": 1}, {"tests": "many"}, {"upprint_audit": 2}):
        with pytest.raises(DataError):
            Report.from_json(json.dumps({**raw, **change}))
    with pytest.raises(DataError, match="no JSON"):
        Report.from_json("{")
    with pytest.raises(ConfigError, match="distance"):
        Settings(distance=40)
