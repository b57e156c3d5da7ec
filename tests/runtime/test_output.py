from __future__ import annotations

import csv
import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from upprint.result import ConfigError, MissingExtra, ResumeError, ScanResult
from upprint.runtime import calibration
from upprint.runtime import output as output_module
from upprint.runtime.formats import format_of
from upprint.runtime.output import Output
from upprint.runtime.settings import Settings

FORMATS = [".jsonl", ".csv", ".parquet"]
NAMES = [
    "plain.jpg",
    'with space, comma and "quotes".jpg',
    "line\nbreak.png",
    "return\rand\r\nboth.png",
    "not utf-8 \udcff\udc80.jpg",
    "ünï😀.webp",
    " spaces around ",
    "=1+1.jpg",
    "[red]x[/].png",
    "back\\slash \\xff.jpg",
]


@pytest.fixture
def settings(tiny: Path) -> Settings:
    return Settings.resolve(tiny)


def rows_for(settings: Settings, names: list[str] = NAMES) -> list[ScanResult]:
    """Rows as a scan with these settings would make them."""
    scale = settings.card.calibration
    assert scale is not None
    made = []
    for index, name in enumerate(names):
        if index % 4 == 3:
            made.append(ScanResult(name, "tiny", error=f"EmptyFile: {name!r},\nzero bytes"))
            continue
        logit = (index - 4) / 3
        judged = calibration.probability(logit, scale), calibration.verdict(logit, scale, settings.fpr)
        made.append(
            ScanResult(name, "tiny", logit, *judged, 4, 64, 48, "PNG", "00ff", None, "first frame; a, b")
        )
    return made


def save(out: Path, settings: Settings, rows: list[ScanResult], **options: bool) -> None:
    with Output(out, settings, **options) as sink:
        wanted = set(sink.unseen(row.path for row in rows))
        for row in rows:
            if row.path in wanted:
                sink.write(row)
        sink.finish()


def content(out: Path) -> object:
    return list(format_of(out).read(out)) if out.suffix == ".parquet" else out.read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_come_back_exactly(settings: Settings, tmp_path: Path, suffix: str) -> None:
    out, rows = tmp_path / f"out{suffix}", rows_for(settings)
    save(out, settings, rows)
    assert sorted(path.name for path in tmp_path.glob("out*")) == [out.name]
    back = list(format_of(out).read(out))
    if suffix == ".parquet":
        undecodable = rows[4].path
        assert back[4].path == "not utf-8 \\xff\\x80.jpg"
        back[4] = dataclasses.replace(back[4], path=undecodable)
    assert back == rows


def test_other_readers_agree(settings: Settings, tmp_path: Path) -> None:
    rows = rows_for(settings)
    for suffix in FORMATS:
        save(tmp_path / f"out{suffix}", settings, rows)
    lines = (tmp_path / "out.jsonl").read_text("ascii").splitlines()
    assert [json.loads(line) for line in lines] == [row.row() for row in rows]
    with (tmp_path / "out.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == list(ScanResult.columns())
    assert [line[0] for line in table[1:]] == NAMES
    assert [float(line[2]) for line in table[1:] if line[2]] == [r.logit for r in rows if r.logit is not None]
    assert b"\xff\x80.jpg" in (tmp_path / "out.csv").read_bytes()
    parquet = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "out.parquet")
    assert parquet.column_names == list(ScanResult.columns())
    assert parquet["logit"].to_pylist() == [row.logit for row in rows]
    assert str(parquet.schema.field("tiles").type) == "int64"


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_empty_scan_gives_an_empty_file(settings: Settings, tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"out{suffix}", settings, [])
    assert list(format_of(tmp_path / f"out{suffix}").read(tmp_path / f"out{suffix}")) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_cut_anywhere_a_journal_continues(
    settings: Settings, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # hundreds of times 10 ms
    rows, whole, out = rows_for(settings), tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    with Output(whole, settings) as sink:
        for row in rows:
            sink.write(row)
        journal = sink.journal.read_bytes()
        sink.finish()
    expected = content(whole)
    step = 13 if suffix == ".parquet" else 3
    for cut in [*range(0, len(journal), step), len(journal)]:
        (tmp_path / f"out{suffix}.journal").write_bytes(journal[:cut])
        save(out, settings, rows, resume=True)
        assert content(out) == expected, f"cut at byte {cut}"
        assert not (tmp_path / f"out{suffix}.journal").exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_kill_while_finishing_loses_nothing(settings: Settings, tmp_path: Path, suffix: str) -> None:
    rows, out = rows_for(settings), tmp_path / f"out{suffix}"
    with Output(out, settings) as sink:
        for row in rows:
            sink.write(row)
        journal = sink.journal.read_bytes()
        sink.finish()
    expected = content(out)
    sink.journal.write_bytes(journal)  # killed after the file was put in place
    out.with_name(out.name + ".partial").write_bytes(b"half a file")
    out.with_name(out.name + ".journal.partial").write_bytes(b"half a journal")
    save(out, settings, rows, resume=True)
    assert content(out) == expected


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_finished_file_takes_new_files(settings: Settings, tmp_path: Path, suffix: str) -> None:
    rows, out, whole = rows_for(settings), tmp_path / f"out{suffix}", tmp_path / f"whole{suffix}"
    save(whole, settings, rows)
    save(out, settings, rows[:5])
    with Output(out, settings, resume=True) as sink:
        assert list(sink.unseen(NAMES)) == NAMES[5:]
        assert sink.restored == {"no trace found": 3, "inconclusive": 1, "error": 1}
        for row in rows[5:7]:
            sink.write(row)  # and killed
    save(out, settings, rows, resume=True)
    assert content(out) == content(whole)
    save(out, settings, rows, resume=True)
    assert content(out) == content(whole)


def test_parquet_never_takes_one_file_for_another(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    literal, undecodable = "a\\xff.jpg", "a\udcff.jpg"
    (tmp_path / literal).touch()
    with Output(tmp_path / "out.parquet", settings) as sink:
        assert list(sink.unseen([literal, undecodable, literal])) == [literal, undecodable]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fpr": "0.001"}, "fpr = '0.01', this one has '0.001'"),
        ({"budget": None}, "tiles = 9, this one has 'all'"),
        ({"max_pixels": 5}, "max_pixels = 200000000, this one has 5"),
        ({"engine": "openvino"}, "engine = 'onnxruntime', this one has 'openvino'"),
    ],
)
def test_a_journal_of_other_settings_is_refused(
    settings: Settings, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    out = tmp_path / "out.csv"
    with Output(out, settings) as sink:
        sink.write(rows_for(settings)[0])
        before = sink.journal.read_bytes()
    with pytest.raises(ResumeError, match=words):
        Output(out, dataclasses.replace(settings, **change), resume=True)
    assert sink.journal.read_bytes() == before


def test_a_journal_of_other_weights_is_refused(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    Output(out, settings).__exit__(None, None, None)
    weights = dataclasses.replace(settings.card.weights, onnx_sha256="0" * 64)
    other = dataclasses.replace(settings, card=dataclasses.replace(settings.card, weights=weights))
    with pytest.raises(ResumeError, match="weights_sha256 = "):
        Output(out, other, resume=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_finished_file_of_another_judgement_is_refused(
    settings: Settings, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    save(out, settings, rows_for(settings))
    before = out.read_bytes()
    scale = dataclasses.replace(settings.card.calibration, temperature=0.6)
    for other in (
        dataclasses.replace(settings, fpr="0.001"),
        dataclasses.replace(settings, card=dataclasses.replace(settings.card, calibration=scale)),
        dataclasses.replace(settings, card=dataclasses.replace(settings.card, calibration=None)),
        dataclasses.replace(settings, card=dataclasses.replace(settings.card, name="other")),
    ):
        with pytest.raises(ResumeError, match="judged with another"):
            Output(out, other, resume=True)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("out*")) == [out.name]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_is_no_scan_is_refused(settings: Settings, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    for data in (b"name,age\r\nx,3\r\n", b'{"a": 1}\n', b"\xff\x00nonsense\n", b'path,system\n"unclosed'):
        out.write_bytes(data)
        with pytest.raises(ResumeError, match="no row of a scan"):
            Output(out, settings, resume=True)
        assert out.read_bytes() == data


def test_a_damaged_journal_is_refused_with_its_line(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Output(out, settings) as sink:
        sink.write(rows_for(settings)[0])
    with sink.journal.open("ab") as file:
        file.write(b"\0\0\0\n")
    with pytest.raises(ResumeError, match="line 3 is not a row"):
        Output(out, settings, resume=True)
    sink.journal.write_bytes(b"something else\n")
    with pytest.raises(ResumeError, match="not the journal of a scan"):
        Output(out, settings, resume=True)


def test_what_exists_is_never_overwritten_unasked(settings: Settings, tmp_path: Path) -> None:
    out, rows = tmp_path / "out.jsonl", rows_for(settings)
    save(out, settings, rows)
    with pytest.raises(ResumeError, match="--resume or start anew with --overwrite"):
        Output(out, settings)
    with Output(out, settings, overwrite=True) as sink:
        assert list(sink.unseen(["plain.jpg"])) == ["plain.jpg"]
        assert len(out.read_bytes().splitlines()) == len(rows)  # stays until the new one is complete
    with pytest.raises(ResumeError, match="journal"):
        Output(out, settings)
    save(out, settings, rows[:2], overwrite=True)
    assert len(out.read_bytes().splitlines()) == 2
    with pytest.raises(ConfigError, match="one of them"):
        Output(out, settings, resume=True, overwrite=True)


def test_impossible_outputs_are_named_before_the_scan(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("out.txt", "out", "out.json"):
        with pytest.raises(ConfigError, match=r"\.jsonl, \.csv, \.parquet"):
            Output(tmp_path / name, settings)
    with pytest.raises(ConfigError, match="does not exist"):
        Output(tmp_path / "none" / "out.csv", settings)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        Output(tmp_path / "folder.csv", settings, overwrite=True)
    (tmp_path / "out.csv.journal").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        Output(tmp_path / "out.csv", settings, overwrite=True)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"upprint\[parquet\]"):
        Output(tmp_path / "out.parquet", settings)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_keeps_what_was_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rows = tmp_path / "out.csv", rows_for(settings)
    with Output(out, settings) as sink:
        sink.write(rows[0])
        with Path("/dev/full").open("wb", buffering=0) as full, monkeypatch.context() as patch:
            patch.setattr(sink, "_file", full)
            with pytest.raises(ResumeError, match="continue with --resume"):
                sink.write(rows[1])
    with Output(out, settings, resume=True) as sink:
        for row in rows[1:]:
            sink.write(row)
        monkeypatch.setattr(os, "fsync", _full)
        with pytest.raises(ResumeError, match="continue with --resume"):
            sink.finish()
    monkeypatch.undo()
    save(out, settings, rows, resume=True)
    save(tmp_path / "whole.csv", settings, rows)
    assert content(out) == content(tmp_path / "whole.csv")


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_rows_reach_the_disk_now_and_then(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(output_module, "SYNC_EVERY", 3)
    with Output(tmp_path / "out.csv", settings) as sink:
        monkeypatch.setattr(os, "fsync", synced.append)
        for row in rows_for(settings)[:7]:
            sink.write(row)
        monkeypatch.undo()
    assert len(synced) == 2


def test_parquet_is_written_in_groups(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("upprint.runtime.formats.GROUP", 4)
    save(tmp_path / "out.parquet", settings, rows_for(settings))
    with parquet.ParquetFile(tmp_path / "out.parquet") as file:
        assert file.num_row_groups == 3
