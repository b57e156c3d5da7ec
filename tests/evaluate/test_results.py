from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from upprint.evaluate import metrics, results
from upprint.evaluate.predictions import Header, Predictions, Row
from upprint.evaluate.results import measure, read, read_all, write
from upprint.result import DataError

LOGITS = {"easy": ([-2.0, -1.0, -3.0], [2.0, 1.0, 3.0]), "adm/hard": ([-2.0, 1.0, 0.4], [2.0, -1.0, 0.3])}


def made(**changes: object) -> Predictions:
    rows = []
    for subset, classes in LOGITS.items():
        for label, values in enumerate(classes):
            rows += [
                Row(f"{subset}/{label}/{i}", label, subset, "g", f"{subset}{i}", v)
                for i, v in enumerate(values)
            ]
    rows.append(Row("easy/broken", 0, "easy", "real", "easy9", error="EmptyFile: zero bytes"))
    header = Header(
        "npr", "w.onnx", "cd" * 32, "npr-native", len(rows), "", "test", threshold=0.4, threshold_fpr="0.01"
    )
    return Predictions(replace(header, **changes), tuple(rows))  # type: ignore[arg-type]


def test_every_figure_is_that_of_the_metric_functions() -> None:
    easy, hard = measure(made(), draws=50).results
    assert (easy.subset, easy.real, easy.generated, easy.errors, easy.sources) == ("easy", 3, 3, 1, 3)
    labels, logits = [0, 0, 0, 1, 1, 1], [v for values in LOGITS["adm/hard"] for v in values]
    found = {name: estimate.value for name, estimate in hard.metrics.items()}
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy(labels, logits),
            "average_precision": metrics.average_precision(labels, logits),
            "auroc": metrics.auroc(labels, logits),
            "eer": metrics.eer(labels, logits),
            "real_accuracy": 1 / 3,
            "generated_accuracy": 2 / 3,
            "balanced_accuracy": 0.5,
            "tpr_at_1_fpr": 1 / 3,
            "accuracy_shipped": 2 / 6,  # the logit 0.4 stands on the generated side of the threshold 0.4
            "balanced_accuracy_shipped": 1 / 3,
            "generated_shipped": 1 / 3,
            "fpr_shipped": 2 / 3,
        }
    )


def test_mean_and_worst() -> None:
    evaluation = measure(made(), draws=50)
    assert evaluation.mean["accuracy"].value == pytest.approx((1 + 0.5) / 2)
    assert evaluation.worst["accuracy"].subset == "adm/hard"
    assert evaluation.worst["eer"].subset == "adm/hard"
    assert evaluation.worst["fpr_shipped"].estimate.value == pytest.approx(2 / 3)


def test_a_subset_without_a_readable_picture_stays_visible() -> None:
    rows = tuple(replace(r, logit=None, error="broken") if r.subset == "easy" else r for r in made().rows)
    easy, hard = measure(replace(made(), rows=rows), draws=20).results
    assert (easy.real, easy.generated, easy.errors) == (0, 0, 7)
    assert {e.undefined for e in easy.metrics.values()} == {"no picture could be read"}
    assert hard.metrics["auroc"].value is not None


def test_without_a_calibration_nothing_is_shipped() -> None:
    evaluation = measure(made(threshold=None, threshold_fpr=None), draws=10)
    assert "accuracy_shipped" not in evaluation.kinds
    assert "accuracy_shipped" not in evaluation.results[0].metrics


def test_written_results_read_back_equal(tmp_path: Path) -> None:
    evaluation = measure(
        made(options={"block": 2, "anchor": 1}), draws=20, predictions_sha256="ff", command="c"
    )
    paths = [write(r, tmp_path) for r in evaluation.results]
    assert paths[0].name == "easy.result.json"
    assert [read(p) for p in paths] == list(evaluation.results)
    assert sorted(read_all(tmp_path), key=lambda r: r.subset) == sorted(
        evaluation.results, key=lambda r: r.subset
    )
    assert read(paths[0]).versions["numpy"]


def test_names_that_differ_only_in_unsafe_characters_keep_apart() -> None:
    names = ["adm/bedroom", "adm_bedroom", "adm\\bedroom", "..", "a b", "", "ü"]
    files = [results.file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert not any("/" in name or "\\" in name for name in files)


def test_reading_is_strict(tmp_path: Path) -> None:
    path = write(measure(made(), draws=0).results[0], tmp_path)
    raw = json.loads(path.read_text())
    for change, message in [
        ({"surplus": 1}, "surplus"),
        ({"real": "3"}, "real"),
        ({"schema": 2}, "schema 2"),
        ({"metrics": {"accuracy": {"value": "high"}}}, "accuracy"),
    ]:
        path.write_text(json.dumps({**raw, **change}))
        with pytest.raises(DataError, match=message):
            read_all(tmp_path)
    path.write_text(json.dumps({k: v for k, v in raw.items() if k != "system"}))
    with pytest.raises(DataError, match="system"):
        read(path)
    with pytest.raises(DataError, match="expected a folder"):
        read_all(tmp_path / "none")
