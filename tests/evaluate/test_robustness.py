"""The run, its journal, its report and its figures, with a system whose logit is the mean grey level."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.card import Calibration, InputRule, SystemCard
from upprint.data.protocol import named
from upprint.data.sample import Sample
from upprint.evaluate import metrics, predictions, robustness, robustness_figures
from upprint.evaluate import robustness_report as reports
from upprint.evaluate.model import Model
from upprint.evaluate.predict import predict
from upprint.evaluate.robustness_grid import conditions, curve, grid
from upprint.perturb import parse
from upprint.result import ConfigError, DataError, ResumeError

CARD = SystemCard(
    name="grey",
    title="",
    paper="",
    year=2024,
    faithful=False,
    idea="",
    parameters=0,
    input=InputRule(tile=32, grid=8),
    calibration=Calibration(1.0, 0.0, {"0.01": 20.0}, "0.01", 0.0, 9, "made up"),
)


def grey(batch: np.ndarray) -> np.ndarray:
    return batch.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32) - 128


MODEL = Model(grey, CARD, "grey.onnx", "ab" * 32, "numpy", 0)
NATIVE = named("npr-native")
TEXTS = ("", "gamma(0.8)", "gamma(1.25)", "noise(5..30)", "resize(0.5)")


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Two sub-sets that share six photos; generated pictures are brighter by half a deviation."""
    rng = np.random.default_rng(0)

    def picture(name: str, level: float) -> str:
        path = tmp_path / f"{name}.png"
        pixels = np.clip(rng.normal(level, 30, (40, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path)
        return str(path)

    photos = [picture(f"photo{i}", 128 + 12 * rng.normal()) for i in range(6)]
    found = []
    for subset in ("one", "two"):
        found += [Sample(path, 0, subset, "real", f"p{i}") for i, path in enumerate(photos)]
        found += [
            Sample(picture(f"{subset}{i}", 150 + 12 * rng.normal()), 1, subset, subset, f"p{i}")
            for i in range(6)
        ]
    return found


def run(samples: list[Sample], folder: Path, texts: tuple[str, ...] = TEXTS, **options: object):
    settings = {"journal": folder / "journal.jsonl", "data": "test", **options}
    return robustness.run(samples, [MODEL], NATIVE, texts, **settings)  # type: ignore[arg-type]


def logits(measured: robustness.Measured, text: str) -> list[float | None]:
    return [row.logit for row in measured.rows[robustness.key(MODEL)][text]]


def test_every_cell_is_what_evaluate_gives(samples: list[Sample], tmp_path: Path) -> None:
    measured = run(samples, tmp_path / "run", workers=3)
    for index, text in enumerate(TEXTS):
        out = tmp_path / f"{index}.jsonl"
        predict(samples, MODEL, NATIVE, out=out, data="test", perturbation=text)
        expected = predictions.read(out).rows
        found = measured.rows[robustness.key(MODEL)][text]
        assert [(r.path, r.label, r.subset, r.source) for r in found] == [
            (r.path, r.label, r.subset, r.source) for r in expected
        ]
        assert [r.logit for r in found] == pytest.approx([r.logit for r in expected], abs=1e-4)


def test_a_picture_is_decoded_once_and_shared_photos_scored_once(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, scored, lock = [], [], threading.Lock()
    decode = robustness.images.decode

    def counting(path: str):
        with lock:
            decoded.append(path)
        return decode(path)

    def score(batch: np.ndarray) -> np.ndarray:
        with lock:
            scored.append(len(batch))
        return grey(batch)

    monkeypatch.setattr(robustness.images, "decode", counting)
    model = replace(MODEL, score=score)
    robustness.run(samples, [model], NATIVE, TEXTS, journal=tmp_path / "j", data="t", workers=2)
    assert sorted(decoded) == sorted({s.path for s in samples})
    assert len(decoded) == 18
    assert scored == [1] * 18 * len(TEXTS)


def test_both_classes_are_perturbed_unless_asked_otherwise(samples: list[Sample], tmp_path: Path) -> None:
    both = run(samples, tmp_path / "both")
    only = run(samples, tmp_path / "only", generated_only=True)
    assert both.header.treated == "both classes"
    assert only.header.treated == "generated pictures only"
    for sample, clean, dark, spared in zip(
        samples, logits(both, ""), logits(both, "gamma(1.25)"), logits(only, "gamma(1.25)"), strict=True
    ):
        assert dark != clean
        assert spared == (clean if sample.label == 0 else dark)
    with pytest.raises(ConfigError, match="the data set has none"):
        run([s for s in samples if s.label == 0], tmp_path / "none", generated_only=True)


def test_what_comes_before_meets_every_picture(samples: list[Sample], tmp_path: Path) -> None:
    cropped = run(samples, tmp_path / "a", before="crop(16)")
    alone = run(samples, tmp_path / "b", ("crop(16)", "crop(16)|gamma(0.8)"))
    assert logits(cropped, "") == logits(alone, "crop(16)")
    assert logits(cropped, "gamma(0.8)") == logits(alone, "crop(16)|gamma(0.8)")
    assert cropped.header.before == "crop(16)"


def test_any_cut_is_resumed_to_the_same_cells(samples: list[Sample], tmp_path: Path) -> None:
    whole = run(samples, tmp_path)
    content = (tmp_path / "journal.jsonl").read_bytes()
    for cut in [0, 10, *np.random.default_rng(1).integers(0, len(content), 4), len(content)]:
        (tmp_path / "journal.jsonl").write_bytes(content[: int(cut)])
        again = run(samples, tmp_path, resume=True, workers=1 + int(cut) % 3)
        assert again.rows == whole.rows
        assert (tmp_path / "journal.jsonl").read_bytes().count(b"\n") == content.count(b"\n")


def test_a_run_grows_by_texts_and_systems_and_scores_no_cell_twice(
    samples: list[Sample], tmp_path: Path
) -> None:
    run(samples, tmp_path, ("", "gamma(0.8)"))
    count = [0]

    def score(batch: np.ndarray) -> np.ndarray:
        count[0] += 1
        return grey(batch)

    watched = replace(MODEL, score=score)
    seen: list[tuple[int, int | None]] = []
    options = {"journal": tmp_path / "journal.jsonl", "data": "test", "resume": True, "workers": 1}
    robustness.run(
        samples,
        [watched],
        NATIVE,
        TEXTS,
        progress=lambda *done: seen.append(done),
        **options,  # type: ignore[arg-type]
    )
    assert count[0] == 18 * 3
    assert seen[0] == (18 * 2, 18 * 5)
    assert seen[-1] == (18 * 5, 18 * 5)
    second = replace(watched, sha256="cd" * 32)
    both = robustness.run(samples, [watched, second], NATIVE, TEXTS, **options)  # type: ignore[arg-type]
    assert count[0] == 18 * 3 + 18 * 5
    assert len(both.rows) == 2
    assert set(run(samples, tmp_path, ("gamma(1.25)",), resume=True).rows[robustness.key(MODEL)]) == {
        "",
        "gamma(1.25)",
    }


def test_another_run_is_not_continued(samples: list[Sample], tmp_path: Path) -> None:
    run(samples, tmp_path)
    with pytest.raises(ResumeError, match="--resume"):
        run(samples, tmp_path)
    for change, complaint in (
        ({"before": "crop(16)"}, "before '' there, 'crop"),
        ({"generated_only": True}, "treated 'both classes' there"),
        ({"data": "other"}, "data 'test' there"),
    ):
        with pytest.raises(ResumeError, match=complaint):
            run(samples, tmp_path, resume=True, **change)
    with pytest.raises(ResumeError, match="samples_sha256"):
        run(samples[:-1], tmp_path, resume=True)
    lines = (tmp_path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join([*lines[:2], b"{\n", *lines[2:]]))
    with pytest.raises(DataError, match="line 3"):
        run(samples, tmp_path, resume=True)


def test_bad_pictures_and_impossible_perturbations_are_cells_with_a_reason(
    samples: list[Sample], tmp_path: Path
) -> None:
    Path(samples[0].path).write_bytes(b"")
    measured = run(samples, tmp_path, ("", "gamma(0.8)"))
    rows = measured.rows[robustness.key(MODEL)]
    assert [row.error is not None for row in rows[""]].count(True) == 2  # one photo in two sub-sets
    assert rows[""][0].error is not None
    assert rows[""][0].error.startswith("EmptyFile")


def test_a_failing_perturbation_ends_no_run(samples: list[Sample], tmp_path: Path) -> None:
    """WebP takes no side above 16,383 pixels."""
    Image.fromarray(np.zeros((1, 1100, 3), np.uint8)).save(samples[0].path)
    text = "resize(15,nearest)|webp(50)"
    measured = run([samples[0], samples[7]], tmp_path, ("", text, "gamma(0.8)"))
    rows = measured.rows[robustness.key(MODEL)]
    assert rows[text][0].logit is None
    assert "Error" in str(rows[text][0].error)
    assert rows[text][1].logit is not None
    assert rows["gamma(0.8)"][0].logit is not None


def test_impossible_requests(samples: list[Sample], tmp_path: Path) -> None:
    def ask(chosen: list[Sample], models: list[Model], protocol: str = "npr-native") -> None:
        robustness.run(chosen, models, named(protocol), TEXTS, journal=tmp_path / "j", data="t")

    with pytest.raises(ConfigError, match="nothing to score"):
        ask([], [MODEL])
    with pytest.raises(ConfigError, match="no system"):
        ask(samples, [])
    with pytest.raises(ConfigError, match="given twice"):
        ask(samples, [MODEL, MODEL])
    with pytest.raises(ConfigError, match="it trains"):
        ask(samples, [MODEL], "npr-train")
    assert not (tmp_path / "j").exists()


# --- curves ------------------------------------------------------------------------------------------------


def test_curves_expand_their_list() -> None:
    found = curve("resize(2; 1;0.5, lanczos)|jpeg(90)")
    assert [p.text for p in found.points] == [f"resize({f}, lanczos)|jpeg(90)" for f in ("2", "1", "0.5")]
    assert (found.name, found.axis, [p.value for p in found.points]) == (
        "resize",
        "factor",
        ["2", "1", "0.5"],
    )
    assert curve("jpeg(75,444;420)").axis == "subsampling"
    assert curve("crop(9)|0.5*chain(blur(1;2))").name == "blur"
    assert [c.name for c in grid(["jpeg(9;8)", "median(3)", "jpeg(9;8,444)", "webp(9;1)", "blur(1)"])] == [
        "jpeg: jpeg(9;8)",
        "jpeg: jpeg(9;8,444)",
        "webp",
        "others",
    ]
    assert conditions(grid(["jpeg(9;8)", "jpeg(8)"])) == ("", "jpeg(9)", "jpeg(8)")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("jpeg(90;80;90)", "position 5: 90 twice"),
        ("jpeg(90;80)|blur(1;2)", "position 17: a second list"),
        ("jpg(90;80)", "nearest: 'jpeg'"),
        ("jpeg(90;;80)", "takes 1 to 2"),
        ("jpeg(90;180)", "expected 1"),
        (";", "position 0"),
        ("", "expected a perturbation"),
    ],
)
def test_malformed_curves_name_position_and_way_out(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        curve(text)


def test_the_default_curves_parse() -> None:
    from upprint.evaluate.robustness_grid import DEFAULT

    for text in conditions(grid(DEFAULT)):
        parse(text)
    with pytest.raises(ConfigError, match="asked for twice"):
        grid(["jpeg(9;8)", "jpeg(9;8)"])
    with pytest.raises(ConfigError, match="--curve"):
        grid([])


# --- report ------------------------------------------------------------------------------------------------


def report_of(
    samples: list[Sample], folder: Path, *, model: Model = MODEL, draws: int = 40, **options: object
) -> reports.Report:
    curves = grid(["gamma(0.8;1.25)", "noise(5..30)"])
    settings = {"journal": folder / "j", "data": "test", **options}
    measured = robustness.run(samples, [model], NATIVE, conditions(curves), **settings)  # type: ignore[arg-type]
    systems = {robustness.key(model): reports.System.of(model)}
    return reports.measure(measured, systems, curves, draws=draws, command="upprint robustness DATA")


def test_metrics_are_those_of_the_rows(samples: list[Sample], tmp_path: Path) -> None:
    report = report_of(samples, tmp_path)
    assert (report.pictures, report.real, report.generated, report.sources) == (18, 6, 12, 6)
    measured = run(samples, tmp_path / "again", ("", "gamma(0.8)"))
    rows = measured.rows[robustness.key(MODEL)]["gamma(0.8)"]
    cell = report.cell(0, "gamma(0.8)")
    values = []
    for name in ("one", "two"):
        labels, found = zip(*[(r.label, r.logit) for r in rows if r.subset == name], strict=True)
        expected = {
            "auroc": metrics.auroc(labels, found),
            "tpr_at_1_fpr": metrics.tpr_at_fpr(labels, found, 0.01),
            "photos_called": metrics.fpr(labels, found, 20.0, inclusive=True),
            "generated_called": metrics.generated_accuracy(labels, found, 20.0, inclusive=True),
        }
        assert {m: e.value for m, e in cell.subsets[name].items()} == pytest.approx(expected)
        values.append(expected["auroc"])
    mean = cell.mean["auroc"]
    assert mean.value == pytest.approx(np.mean(values))
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low <= mean.value <= mean.high
    worst = cell.worst["auroc"]
    assert (worst.subset, worst.estimate.value) == (("one", "two")[int(np.argmin(values))], min(values))


def test_reports_are_read_back_and_hold_no_nan(samples: list[Sample], tmp_path: Path) -> None:
    report = report_of(samples, tmp_path)
    reports.write(report, tmp_path / "r.json")
    assert reports.read(tmp_path / "r.json") == report
    assert "NaN" not in (tmp_path / "r.json").read_text()
    raw = json.loads((tmp_path / "r.json").read_text())
    (tmp_path / "r.json").write_text(json.dumps({**raw, "surplus": 1}))
    with pytest.raises(DataError, match="surplus"):
        reports.read(tmp_path / "r.json")
    (tmp_path / "r.json").write_text(json.dumps({**raw, "schema": 9}))
    with pytest.raises(DataError, match="schema 9"):
        reports.read(tmp_path / "r.json")


def test_one_class_is_undefined_in_words(samples: list[Sample], tmp_path: Path) -> None:
    photos = [s for s in samples if s.label == 0 and s.subset == "one"]
    report = report_of(photos, tmp_path)
    cell = report.cell(0, "")
    assert cell.mean["auroc"].value is None
    assert cell.mean["photos_called"].value is not None
    text = reports.table(report)
    assert "undefined" in text
    assert "no generated pictures" in text
    assert "nan" not in text.lower()


def test_a_constant_score_has_no_ranking(samples: list[Sample], tmp_path: Path) -> None:
    constant = replace(MODEL, score=lambda batch: np.full(len(batch), 1.5, np.float32))
    report = report_of(samples, tmp_path, model=constant)
    for cell in report.cells:
        assert cell.mean["auroc"].value is None
        assert cell.mean["auroc"].undefined == "all 12 scores are equal"
        assert cell.mean["photos_called"].value == 0.0
        assert "auroc" not in cell.worst
    assert "all 12 scores are equal" in reports.table(report)
    reports.write(report, tmp_path / "r.json")


def test_a_subset_without_readable_pictures_is_undefined(samples: list[Sample], tmp_path: Path) -> None:
    for sample in samples:
        Path(sample.path).write_bytes(b"")
    report = report_of(samples, tmp_path)
    cell = report.cell(0, "")
    assert {e.undefined for e in cell.mean.values()} == {"no picture could be scored"}
    assert cell.errors == 18
    assert cell.worst == {}
    assert "18 pictures could not be scored" in reports.table(report)


def test_the_table_says_what_was_done(samples: list[Sample], tmp_path: Path) -> None:
    report = report_of(samples, tmp_path, before="crop(32)")
    text = reports.head(report) + reports.table(report)
    for words in (
        "6 photos and 12 generated",
        "first `crop(32)` for all",
        "to both classes",
        "`noise(5..30)`",
    ):
        assert words in text
    assert "looks better" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 1 + 3
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
    flattering = report_of(samples, tmp_path / "b", generated_only=True, draws=0)
    assert "looks better here than it is" in reports.head(flattering)
    assert "[" not in reports.percent(flattering.cells[0].mean["auroc"])


# --- figures -----------------------------------------------------------------------------------------------


def test_figures_are_drawn_from_the_report_alone(samples: list[Sample], tmp_path: Path) -> None:
    report = report_of(samples, tmp_path)
    paths = robustness_figures.draw(report, tmp_path / "a")
    assert [p.name for p in paths] == ["gamma.svg", "others.svg"]
    again = robustness_figures.draw(replace(report, date="another"), tmp_path / "b")
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in paths]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert robustness_figures.digest(report) in text
        assert "called generated" in text
        assert "nan" not in text.lower().replace("dominant", "")
    other = replace(report, cells=report.cells[::-1])
    assert robustness_figures.digest(other) != robustness_figures.digest(report)


def test_figures_of_undefined_cells_and_as_png(samples: list[Sample], tmp_path: Path) -> None:
    report = report_of([s for s in samples if s.label == 0], tmp_path, draws=0)
    (path, _) = robustness_figures.draw(report, tmp_path, form="png")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert math.isclose(image.width / image.height, 9 / 3.4, rel_tol=0.02)
    with pytest.raises(ConfigError, match="svg, png"):
        robustness_figures.draw(report, tmp_path, form="gif")
