import csv
from pathlib import Path

import pytest

from upprint.data.layouts import read
from upprint.result import DataError

ROWS = [
    {
        "path": "a/000.png",
        "label": "real",
        "subset": "s",
        "generator": "camera",
        "source": "p1",
        "split": "train",
    },
    {"path": "a/001.png", "label": "1", "subset": "s", "generator": "gan", "source": "p1", "split": "train"},
    {"path": "a/002.png", "label": "Fake", "subset": "t", "generator": "", "source": "", "split": "test"},
    {"path": "a/003.png", "label": "0", "subset": "t", "generator": "", "source": "", "split": "test"},
]


def write(root: Path, rows: list[dict[str, str]], name: str = "manifest.csv") -> Path:
    with (root / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["path", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return root / name


def test_csv(grow) -> None:
    root = grow({"a": 4})
    table = write(root, ROWS)
    data = read(table, "manifest")
    assert data == read(root, "manifest") == read(root)
    assert [(s.label, s.subset, s.generator, s.source) for s in data.samples] == [
        (0, "s", "real", "p1"),
        (1, "s", "gan", "p1"),
        (1, "t", "unknown", "a/002.png"),
        (0, "t", "real", "a/003.png"),
    ]
    assert all(Path(s.path).is_file() for s in data.samples)
    assert data.protocol.name == "tiles"


def test_split_column(grow) -> None:
    table = write(grow({"a": 4}), ROWS)
    test = read(table, "manifest", split="test")
    assert test.name == "manifest/test"
    assert [s.subset for s in test.samples] == ["t", "t"]
    with pytest.raises(DataError, match="no row with split 'dev'; found 'test', 'train'"):
        read(table, "manifest", split="dev")


def test_path_and_label_suffice_and_other_columns_do_not_matter(grow) -> None:
    root = grow({"a": 1})
    table = root / "my table.csv"
    table.write_text("\ufefflabel,licence,path\ngenerated,CC0,a/000.png\n", encoding="utf-8")
    (sample,) = read(table).samples
    assert (sample.label, sample.subset, sample.generator, sample.source) == (
        1,
        "all",
        "unknown",
        "a/000.png",
    )


def test_parquet_equals_csv(grow) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    root = grow({"a": 4})
    typed = [{k: v or None for k, v in row.items()} for row in ROWS]
    parquet.write_table(pyarrow.Table.from_pylist(typed), root / "m.parquet")
    assert read(root / "m.parquet").samples == read(write(root, ROWS)).samples
    numbers = [{"path": row["path"], "label": i % 2} for i, row in enumerate(ROWS)]
    parquet.write_table(pyarrow.Table.from_pylist(numbers), root / "n.parquet")
    assert [s.label for s in read(root / "n.parquet").samples] == [0, 1, 0, 1]
    (root / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="as Parquet"):
        read(root / "broken.parquet")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "a/404.png"}, r"row 2: no file .*404\.png"),
        ({"path": ""}, "row 2: no path"),
        ({"label": "2"}, "row 2: label '2'; expected one of 0, real"),
        ({"label": ""}, "row 2: label ''"),
        ({"path": "a/000.png", "subset": "u"}, "row 2: .* has both labels"),
    ],
)
def test_bad_rows_are_named(grow, changes: dict[str, str], words: str) -> None:
    table = write(grow({"a": 4}), [ROWS[0], {**ROWS[1], **changes}])
    with pytest.raises(DataError, match=words):
        read(table, "manifest")


def test_a_repeated_row_is_reported_and_counts_once(grow) -> None:
    data = read(write(grow({"a": 4}), [ROWS[0], ROWS[1], ROWS[0]]), "manifest")
    assert len(data.samples) == 2
    assert data.skipped == ("row 3: 'a/000.png' stands in row 1 already",)


def test_one_photo_may_stand_in_two_subsets(grow) -> None:
    data = read(write(grow({"a": 4}), [ROWS[0], {**ROWS[0], "subset": "t"}]), "manifest")
    assert [s.subset for s in data.samples] == ["s", "t"]


def test_bad_tables_are_named(grow) -> None:
    root = grow({"a": 1})
    with pytest.raises(DataError, match="no manifest"):
        read(root, "manifest")
    (root / "x.csv").write_text("file,label\na,0\n")
    with pytest.raises(DataError, match="no column 'path'; found 'file', 'label'"):
        read(root / "x.csv")
    (root / "x.csv").write_text("path,label\na/000.png,0\n")
    with pytest.raises(DataError, match="no column 'split'"):
        read(root / "x.csv", split="train")
    (root / "x.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="no rows"):
        read(root / "x.csv")
    (root / "x.csv").write_bytes(b"path,label\n\xff\xfe,0\n")
    with pytest.raises(DataError, match="UTF-8"):
        read(root / "x.csv")
