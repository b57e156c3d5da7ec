from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import upprint.cli.evaluate  # with a single command registered, typer would drop its name
import upprint.cli.table
from upprint.cli._app import app
from upprint.evaluate import metrics, predictions, results
from upprint.result import ConfigError, ResumeError

RUN = CliRunner()
COMMANDS = (upprint.cli.evaluate, upprint.cli.table)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two generators; the tiny system calls bright pictures generated, and one of each is wrong."""
    rng = np.random.default_rng(0)
    for subset in ("one", "two"):
        for label, name in enumerate(("0_real", "1_fake")):
            folder = tmp_path / "data" / subset / name
            folder.mkdir(parents=True)
            for index in range(8):
                level = (60, 190)[label if index else 1 - label]
                pixels = rng.integers(level - 40, level + 40, (48, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "data"


def invoke(*arguments: object, code: int = 0) -> str:
    outcome = RUN.invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False, terminal_width=300)
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def test_scores_measures_and_prints(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = invoke(data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 50)
    found = {r.subset: r for r in results.read_all(out)}
    assert sorted(found) == ["one", "two"]
    rows = [r for r in predictions.read(out / "predictions.jsonl").rows if r.subset == "one"]
    labels, logits = [r.label for r in rows], [r.logit for r in rows]
    one = found["one"]
    assert (one.system, one.real, one.generated, one.threshold) == ("tiny", 8, 8, 0.5)
    assert one.metrics["accuracy"].value == metrics.accuracy(labels, logits) == 14 / 16
    assert one.metrics["auroc"].value == metrics.auroc(labels, logits)
    assert one.metrics["accuracy_shipped"].value == metrics.accuracy(labels, logits, 0.5, inclusive=True)
    low, high = one.metrics["accuracy"].low, one.metrics["accuracy"].high
    assert low is not None
    assert high is not None
    assert low < 14 / 16 < high
    for word in (
        "one",
        "two",
        "mean",
        "worst",
        "Acc",
        "AP",
        "AUROC",
        "EER",
        "Acc@shipped",
        "TPR@1%FPR",
        "87.5 [",
    ):
        assert word in text


def test_metrics_alone_are_recomputed_from_the_predictions(tiny: Path, data: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    invoke(data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 30)
    invoke("--predictions", out / "predictions.jsonl", "--out", again, "--draws", 30)
    assert [r.metrics for r in results.read_all(again)] == [r.metrics for r in results.read_all(out)]


def test_options_reach_the_run(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = [data, "--layout", "plain", "--weights", tiny, "--out", out, "--draws", 0]
    options = ["--subset", "two", "--protocol", "npr-resize256", "--perturb", "jpeg(80)", "--parquet"]
    text = invoke(*common, *options)
    header = predictions.read(out / "predictions.parquet").header
    assert (header.protocol, header.perturbation, header.samples) == ("npr-resize256", "jpeg(80)", 16)
    assert "jpeg(80)" in text
    assert "mean" not in text
    with pytest.raises(ConfigError, match="--resume"):
        invoke(*common, *options)
    invoke(*common, *options, "--resume")
    with pytest.raises(ResumeError, match="protocol"):
        invoke(*common, *options[:2], "--parquet", "--resume")


def test_a_broken_picture_is_counted_and_the_exit_code_says_so(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    (data / "one" / "0_real" / "3.png").write_bytes(b"")
    text = invoke(
        data, "--layout", "plain", "--weights", tiny, "--out", tmp_path / "out", "--draws", 10, code=1
    )
    assert "1 of 32 pictures could not be scored" in text
    assert "EmptyFile" in text
    one = results.read(tmp_path / "out" / "one.result.json")
    assert (one.real, one.generated, one.errors) == (7, 8, 1)


def test_one_class_alone_prints_its_accuracy_and_why_the_rest_is_missing(tiny: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40, 3), 30, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((40, 40, 3), 230, np.uint8)).save(tmp_path / "b.png")
    listing = tmp_path / "list.csv"
    listing.write_text("path,label\na.png,0\nb.png,0\n")
    text = invoke(listing, "--weights", tiny, "--out", tmp_path / "out", "--draws", 20)
    assert "no generated pictures" in text
    raw = json.loads(next((tmp_path / "out").glob("*.result.json")).read_text())
    assert raw["metrics"]["real_accuracy"]["value"] == 0.5
    assert raw["metrics"]["auroc"] == {
        "value": None,
        "low": None,
        "high": None,
        "undefined": "no generated pictures",
    }


def test_impossible_requests(tiny: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="either a data set's ROOT or --predictions"):
        invoke()
    with pytest.raises(ConfigError, match="either"):
        invoke(data, "--predictions", tmp_path / "p.jsonl")
    with pytest.raises(ConfigError, match="--out is needed"):
        invoke(data, "--weights", tiny)
    with pytest.raises(ConfigError, match=r"\.onnx"):
        invoke(data, "--layout", "plain", "--weights", tmp_path / "w.pth", "--out", tmp_path / "o")
