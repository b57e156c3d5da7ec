"""The three blocks of a table, and its forms as text."""

from __future__ import annotations

import csv
import io
import json

import pytest

from upprint.data.layouts import TABLE_LAYOUTS, TABLE_SUBSETS
from upprint.evaluate import render, tables
from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.results import Interval, Result

MEANS_1_TO_5 = (1, 2, 3, 4, 5)


def result(
    subset: str = "ProGAN", data: str = "forensynths/test", acc: float = 0.9, **changes: object
) -> Result:
    values = {
        "system": "npr",
        "weights": "npr.onnx",
        "weights_sha256": "0123456789",
        "data": data,
        "subset": subset,
        "protocol": "npr-native" if data == "gangen-detection" else "npr-resize256",
        "perturbation": "",
        "real": 10,
        "generated": 10,
        "sources": 20,
        "errors": 0,
        "metrics": {
            "accuracy": Estimate(acc, acc - 0.1, acc + 0.1),
            "average_precision": Estimate(acc + 0.05),
        },
        "interval": Interval(100, 0.95, 0),
        "options": {"block": 2, "anchor": 1},
    }
    return Result(**{**values, **changes})  # type: ignore[arg-type]


def test_three_blocks_and_measured_cells() -> None:
    found = [result(), result("StyleGAN", acc=0.8), result("ProGAN", acc=0.7, weights_sha256="9876543210")]
    _, blocks = tables.blocks("npr", 1, found)
    assert [b.title for b in blocks] == ["reported (as printed)", "measured here"]
    lines = {line.label: line.cells for line in blocks[-1].lines}
    assert lines["NPR [01234567]"]["ProGAN"] == pytest.approx((90.0, 95.0))
    assert lines["NPR [01234567]"]["StyleGAN"] == pytest.approx((80.0, 85.0))
    assert lines["NPR [01234567]"]["mean"] == (None, None)  # six of eight sub-sets are missing
    assert lines["NPR [98765432]"]["ProGAN"] == pytest.approx((70.0, 75.0))
    assert set(lines["CNNDetection"].values()) == {(None, None)}


def test_full_rows_have_a_measured_mean() -> None:
    subsets = TABLE_SUBSETS[1]
    found = [result(s, acc=0.5 + i / 100) for i, s in enumerate(subsets)]
    _, blocks = tables.blocks("npr", 1, found)
    line = next(x for x in blocks[-1].lines if x.label.startswith("NPR"))
    assert line.cells["mean"] == pytest.approx((53.5, 58.5))


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "tiles"},
        {"perturbation": "jpeg(75)"},
        {"data": "plain"},
        {"options": {"block": 3, "anchor": 1}},
    ],
)
def test_results_of_another_protocol_stay_out(changes: dict[str, object]) -> None:
    _, blocks = tables.blocks("npr", 1, [result(**changes)])  # type: ignore[arg-type]
    assert all(v is None for x in blocks[-1].lines for cell in x.cells.values() for v in cell)


def test_a_system_of_one_size_stands_there_under_its_own_protocol() -> None:
    own = result(system="f3net", protocol="resize299", options={})
    (line,) = [line for line in tables.blocks("npr", 1, [own])[1][-1].lines if line.label.startswith("F3Net")]
    assert line.cells["ProGAN"] == pytest.approx((90.0, 95.0))
    other = result(system="npr", protocol="resize299")
    lines = tables.blocks("npr", 1, [other])[1][-1].lines
    assert all(cell == (None, None) for line in lines for cell in line.cells.values())


def test_another_system_gets_a_row_of_its_own() -> None:
    _, blocks = tables.blocks("npr", 1, [result(system="upprint", options={})])
    assert blocks[-1].lines[-1].label == "upprint [01234567]"


def test_table_6_is_measured_only_over_all_38() -> None:
    data = {1: "forensynths/test", **{n: TABLE_LAYOUTS[n] for n in (2, 3, 4, 5)}}
    found = [result(s, data[n], 0.8) for n in MEANS_1_TO_5 for s in TABLE_SUBSETS[n]]
    _, blocks = tables.blocks("npr", 6, found)
    assert blocks[-1].lines[-1] == tables.Line(
        "NPR [01234567], 38 of 38 sub-sets", {"all": (pytest.approx(80.0),)}
    )
    _, blocks = tables.blocks("npr", 6, found[:-1])
    assert blocks[-1].lines[-1] == tables.Line("NPR [01234567], 37 of 38 sub-sets", {"all": (None,)})


def test_results_carry_what_the_paper_reports() -> None:
    reported = tables.with_reported(result("InfoMaxGAN", "gangen-detection")).reported
    assert reported is not None
    assert reported.metrics == {"accuracy": 0.518, "average_precision": 0.707}
    assert reported.corrected == {"accuracy": 0.945, "average_precision": 0.983}
    assert reported.source.startswith("npr, Table 2; ")
    assert tables.with_reported(result(protocol="tiles")).reported is None
    assert tables.with_reported(result("Deepfake", options={"block": 3, "anchor": "max"})).reported is None


MARKDOWN = """\
## NPR, Table 6: Mean accuracy over the 38 sub-sets of Tables 1-5

Cells: Acc in %.

### Reported (as printed)

| System | 38 sub-sets |
| --- | ---: |
| CNNDetection | 57.3 |
| Frank | 56.8 |
| Durall | 56.6 |
| Patchfor | 80.6 |
| F3Net | 78.1 |
| SelfBland | 61.2 |
| GANDetection | 59.5 |
| LGrad | 80.5 |
| Ojha | 79.8 |
| NPR (1) | 93.3 |

### Corrected

| System | 38 sub-sets |
| --- | ---: |
| NPR (1) | 92.2 |
"""


def test_markdown_snapshot() -> None:
    text = render.markdown(*tables.blocks("npr", 6))
    assert text.startswith(MARKDOWN)
    assert "\n| NPR | – |\n\n(1) 93.3 follows from taking Table 2's mean as 98.0" in text


def test_csv_and_json_hold_every_value() -> None:
    table, blocks = tables.blocks("npr", 2, [result("BEGAN", "gangen-detection", 0.875)])
    lines = list(csv.DictReader(io.StringIO(render.csv_text(table, blocks))))
    key = ("block", "system", "column", "metric")
    values = {tuple(x[k] for k in key): x["percent"] for x in lines}
    assert values["reported (as printed)", "NPR", "mean", "accuracy"] == "98"
    assert values["corrected", "NPR", "mean", "accuracy"] == "93.2"
    assert values["corrected", "LGrad", "RelGAN", "average_precision"] == ""
    assert values["measured here", "NPR [01234567]", "BEGAN", "accuracy"] == "87.5"
    content = json.loads(render.json_text(table, blocks))
    rows = {r["label"]: r for r in content["blocks"][1]["rows"]}
    assert rows["NPR"]["cells"]["mean"] == [93.2, 96.6]
    assert "surplus pair" in rows["NPR"]["notes"][0]


@pytest.mark.parametrize("width", [60, 100, 300])
def test_terminal_tables_fit_and_lose_nothing(width: int) -> None:
    from rich.console import Console

    table, blocks = tables.blocks("npr", 1)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render.terminal(table, blocks, width))
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for value in ("99.8/100.0", "77.4/86.2", "92.5/96.1", "GANDetection", "BiHPF (1,2,3)"):
        assert value in text
