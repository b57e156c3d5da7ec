"""The paper's numbers and their arithmetic."""

from __future__ import annotations

from statistics import mean

import pytest

from upprint.data.layouts import TABLE_LAYOUTS, TABLE_SUBSETS
from upprint.data.protocol import protocol_of
from upprint.evaluate import paper
from upprint.result import ConfigError

ALL = range(1, 8)
MEANS_1_TO_5 = (1, 2, 3, 4, 5)


def row(number: int, label: str) -> paper.PaperRow:
    return next(r for r in paper.load("npr", number).rows if r.label == label)


@pytest.mark.parametrize("number", ALL)
def test_tables_have_the_papers_rows(number: int) -> None:
    table = paper.load("npr", number)
    assert len(table.rows) == {1: 12, 7: 12}.get(number, 10)
    assert len({r.label for r in table.rows}) == len(table.rows)
    for r in table.rows:
        known = any(v is not None for cell in r.printed.values() for v in cell)
        assert known == (r.source in table.sources)
        values = [v for cell in (*r.printed.values(), *r.corrected.values()) for v in cell if v is not None]
        assert all(0 <= v <= 100 for v in values)
        if not all(v is not None for c in table.columns for v in r.printed[c.key]):
            assert r.notes, f"{r.label}: missing cells without a note"


@pytest.mark.parametrize("number", TABLE_SUBSETS)
def test_columns_are_the_subsets_that_the_reader_gives(number: int) -> None:
    table = paper.load("npr", number)
    assert tuple(c.key for c in table.columns) == TABLE_SUBSETS[number]
    assert table.dataset.partition("/")[0] == TABLE_LAYOUTS[number]
    assert table.protocol == protocol_of(TABLE_LAYOUTS[number]).name


def test_printed_means_deviate_exactly_where_known() -> None:
    """The deviations listed in the notes, and no others, among the rows whose cells are all at hand."""
    found = {
        (n, d.row, d.metric): (d.printed, round(d.computed, 2))
        for n in ALL
        for d in paper.deviations(paper.load("npr", n))
    }
    assert found == {
        (1, "BiHPF", "average_precision"): (77.9, 77.96),
        (2, "LGrad", "accuracy"): (80.8, 71.99),
        (2, "NPR", "accuracy"): (98.0, 88.11),
        (2, "NPR", "average_precision"): (100.0, 93.38),
        (4, "SelfBland", "average_precision"): (58.7, 58.64),
    }


def test_means_are_recomputed_for_every_full_row() -> None:
    checked = 0
    for number in ALL:
        table = paper.load("npr", number)
        for r in table.rows if table.mean else ():
            cells = paper.corrected(table, r)
            for index in range(len(table.metrics)):
                values = [cells[c.key][index] for c in table.columns]
                if None not in values and cells["mean"][index] is not None:
                    checked += 1
                    assert mean(values) == pytest.approx(cells["mean"][index], abs=0.1)  # type: ignore[type-var]
    assert checked == 2 * (12 + 10 + 10) + 2 + 1 + 2  # Tables 1, 3, 4; NPR and LGrad's Acc in 2; w1 in 7


def test_table_1_and_table_7_agree_on_npr() -> None:
    assert row(7, "2×2, w1").printed == row(1, "NPR").printed
    assert row(1, "NPR").printed["mean"] == (92.5, 96.1)


def test_table_2_npr_is_corrected_to_93_2_and_96_6() -> None:
    table, npr = paper.load("npr", 2), row(2, "NPR")
    cells = paper.corrected(table, npr)
    assert npr.printed["mean"] == (98.0, 100.0)
    assert cells["mean"] == (93.2, 96.6)
    assert npr.printed["InfoMaxGAN"] == (51.8, 70.7)
    printed = [npr.printed[c.key] for c in table.columns] + [npr.printed["mean"]]
    assert [cells[c.key] for c in table.columns] == [*printed[:3], *printed[4:]]  # one surplus pair dropped
    rerun = (82.97, 98.98, 98.65, 94.45, 98.55, 99.62, 79.00, 88.83, 97.97)  # independent, see the row's note
    assert [cells[c.key][0] for c in table.columns] == pytest.approx(rerun, abs=0.051)


def test_table_2_lgrad_lacks_one_ap() -> None:
    table = paper.load("npr", 2)
    cells = paper.corrected(table, row(2, "LGrad"))
    assert cells["RelGAN"] == (89.1, None)
    assert mean(cells[c.key][0] for c in table.columns) == pytest.approx(68.6, abs=0.05)  # type: ignore[type-var]
    rest = sum(cells[c.key][1] for c in table.columns if c.key != "RelGAN")  # type: ignore[misc]
    assert 9 * 80.8 - rest == pytest.approx(99.5, abs=0.5)
    printed = [v for c in (*table.columns, paper.Column("mean", "")) for v in row(2, "LGrad").printed[c.key]]
    corrected = [v for c in (*table.columns, paper.Column("mean", "")) for v in cells[c.key]]
    assert [v for v in printed if v is not None] == [
        v for v in corrected if v is not None
    ]  # the same 19 numbers


@pytest.mark.parametrize(
    ("label", "tolerance"), [("NPR", 0.05), ("LGrad", 0.06), ("Ojha", 0.06), ("F3Net", 0.06)]
)
def test_table_6_follows_from_the_means_of_tables_1_to_5(label: str, tolerance: float) -> None:
    parts = [paper.load("npr", n) for n in MEANS_1_TO_5]
    means = [paper.corrected(t, row(t.table, label))["mean"][0] for t in parts]
    sizes = [len(t.columns) for t in parts]
    assert sum(sizes) == 38
    total = sum(s * m for s, m in zip(sizes, means, strict=True)) / 38  # type: ignore[operator]
    table = paper.load("npr", 6)
    assert total == pytest.approx(paper.corrected(table, row(6, label))["all"][0], abs=tolerance)
    if label == "NPR":
        printed = row(6, "NPR").printed["all"][0]
        assert printed == 93.3
        assert total + 9 * (98.0 - 93.2) / 38 == pytest.approx(printed, abs=0.05)  # where 93.3 comes from


def test_unknown_tables_are_named() -> None:
    with pytest.raises(ConfigError, match=r"no table 8 here; known: \[1, 2, 3, 4, 5, 6, 7\]"):
        paper.load("npr", 8)
    with pytest.raises(ConfigError, match="no tables of paper 'nope'; known: npr, resynth"):
        paper.load("nope", 1)


RESYNTH = (1, 2, 3)


def resynth(number: int, label: str) -> tuple[float | None, float | None]:
    """A row's printed average, and the recomputed one where they disagree."""
    table = paper.load("resynth", number)
    found = next(r for r in table.rows if r.label == label)
    right = paper.corrected(table, found)["mean"][0] if found.corrected else None
    return found.printed["mean"][0], right


def test_resynth_has_its_papers_rows_and_columns() -> None:
    tables = [paper.load("resynth", number) for number in RESYNTH]
    assert [len(t.columns) for t in tables] == [20, 6, 4]
    assert [len(t.rows) for t in tables] == [15, 15, 13]
    ours = [r for r in tables[0].rows if r.system == "resynthesis"]
    assert [(r.options["branch"], r.options["auxiliary"]) for r in ours] == [
        (branch, auxiliary) for auxiliary in ("none", "gray", "noise") for branch in ("pixel", 5, "avg")
    ]
    for table in tables:
        for r in table.rows:
            assert "cells" in r.notes
            known = any(v is not None for cell in r.printed.values() for v in cell)
            assert known == (r.source in table.sources)


def test_ten_printed_averages_of_resynth_do_not_follow_from_their_rows() -> None:
    wrong = {
        (number, r.label): resynth(number, r.label)
        for number in RESYNTH
        for r in paper.load("resynth", number).rows
        if r.corrected
    }
    assert len(wrong) == 10
    assert {key for key in wrong if key[0] > 1} == {(2, "PRNU"), (3, "SR+D Stage5")}
    assert all(abs(printed - right) > 0.1 for printed, right in wrong.values())  # type: ignore[operator]
    differences = {key: round(p - r, 2) for key, (p, r) in wrong.items()}  # type: ignore[operator]
    assert differences[1, "1D spectrum"] == pytest.approx(0.96, abs=0.02)
    assert differences[2, "PRNU"] == pytest.approx(-4.15)
    assert differences[1, "SR Stage5"] == pytest.approx(-0.76)


def test_gains_that_the_notes_of_resynth_state_follow_from_the_averages() -> None:
    def gain(task: str, branch: str) -> tuple[float, float]:
        (printed, right), (base, base_right) = resynth(1, f"{task} {branch}"), resynth(1, f"SR {branch}")
        assert printed is not None
        assert base is not None
        return printed - base, (printed if right is None else right) - (base_right or base)

    assert gain("SR+C", "Pix") == pytest.approx((1.7, 0.45), abs=0.06)
    assert gain("SR+D", "Pix") == pytest.approx((1.9, 0.73), abs=0.06)
    assert gain("SR+C", "Stage5") == pytest.approx((1.2, 0.40), abs=0.06)
    assert gain("SR+D", "Stage5") == pytest.approx((0.9, 0.14), abs=0.06)
    assert gain("SR+C", "Avg") == pytest.approx((1.0, 0.21), abs=0.06)
    assert gain("SR+D", "Avg") == pytest.approx((0.9, 0.09), abs=0.06)
