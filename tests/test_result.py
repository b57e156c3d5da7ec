"""Rows, verdicts, errors and the optional imports."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest

from upprint import result
from upprint.result import ImageError, MissingExtra, NotAnImage, ScanResult, UpprintError, Verdict, require

COLUMNS = [
    *("path", "system", "logit", "probability", "verdict", "tiles", "width", "height"),
    *("format", "sha256", "provenance", "notes", "error"),
]


def test_columns_are_those_that_users_were_promised() -> None:
    assert list(ScanResult.columns()) == COLUMNS


def test_a_row_holds_plain_values_in_column_order() -> None:
    row = ScanResult("a.jpg", "npr", logit=1.5, verdict=Verdict.GENERATED).row()
    assert list(row) == COLUMNS
    assert row["verdict"] == "generated"
    assert type(row["verdict"]) is str
    assert row["error"] is None


def test_a_row_has_a_logit_or_an_error() -> None:
    ScanResult("a.jpg", "npr", error="EmptyFile: ...")
    for wrong in ({}, {"logit": 0.0, "error": "x"}):
        with pytest.raises(ValueError, match=r"'a\.jpg'.*logit or an error"):
            ScanResult("a.jpg", "npr", **wrong)


def test_rows_are_frozen() -> None:
    row = ScanResult("a.jpg", "npr", logit=0.0)
    with pytest.raises(FrozenInstanceError):
        row.logit = 1.0  # type: ignore[misc]


def test_no_verdict_says_real() -> None:
    assert [str(v) for v in Verdict] == ["generated", "inconclusive", "no trace found"]


def test_image_errors_say_what_was_found_expected_and_to_do() -> None:
    error = NotAnImage("weird\nname.jpg", "text", "an image", "leave it out")
    assert error.reason == "NotAnImage: text; expected an image; leave it out"
    assert str(error) == "'weird\\nname.jpg': NotAnImage: text; expected an image; leave it out"


def error_classes() -> list[type[UpprintError]]:
    return [v for v in vars(result).values() if isinstance(v, type) and issubclass(v, UpprintError)]


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_errors_cross_processes(kind: type[UpprintError]) -> None:
    arguments = {True: ("a.jpg", "b", "c", "d"), False: ("message",)}[issubclass(kind, ImageError)]
    error = kind("torch", "train", "training") if kind is MissingExtra else kind(*arguments)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {
        line.split()[1] for line in (result.__doc__ or "").splitlines() if "──" in line and "│" not in line
    }
    direct = {kind.__name__ for kind in UpprintError.__subclasses__() if kind.__module__ == result.__name__}
    assert drawn == direct


def test_require_returns_the_module() -> None:
    assert require("json.decoder", extra="train", purpose="a test").JSONDecoder


def test_require_says_how_to_install() -> None:
    with pytest.raises(MissingExtra, match=r"a test needs 'no_such_package'.*'upprint\[train\]'"):
        require("no_such_package.part", extra="train", purpose="a test")


def test_require_does_not_blame_a_package_for_its_own_faults(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("packages")
    (folder / "broken_package.py").write_text("import broken\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModuleNotFoundError, match="No module named 'broken'"):
        require("broken_package", extra="train", purpose="a test")
