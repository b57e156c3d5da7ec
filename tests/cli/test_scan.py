from __future__ import annotations

import csv
import importlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import upprint
from upprint.cli import main
from upprint.result import printable
from upprint.runtime.rows import from_line

CODE = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
from upprint.cli import main
main()
"""
COMMAND = [sys.executable, "-c", CODE, "scan"]
scan_command = importlib.import_module("upprint.cli.scan")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs `upprint scan ...` here; returns exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", "scan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call


def test_a_pipe_gets_json_lines(run, tiny: Path, pictures: Path) -> None:
    code, out, err = run(pictures, "--system", tiny)
    assert code == 1
    assert [from_line(line) for line in out.splitlines()] == list(upprint.scan(pictures, system=tiny))
    counts = [
        sum(f'"verdict": "{name}"' in line for line in out.splitlines())
        for name in ("generated", "inconclusive", "no trace found")
    ]
    summary = "43 files: {} generated, {} inconclusive, {} no trace found, 3 errors".format(*counts)
    assert " ".join(err.split()) == summary
    assert min(counts) > 0


def test_the_exit_code_says_whether_a_file_failed(run, tiny: Path, pictures: Path) -> None:
    assert run(pictures / "001.png", "--system", tiny)[0] == 0
    code, out, _ = run(pictures / "gone.png", "--system", tiny)
    assert code == 1
    assert json.loads(out)["error"].startswith("UnreadableFile")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fpr", "0.2"], "ConfigError: no threshold for a false-positive rate of 0.2"),
        (["--tiles", "many"], "ConfigError: tiles 'many'"),
        (["--max-pixels", "0"], "ConfigError: max_pixels 0"),
        (["--workers", "0"], "ConfigError: workers 0"),
        (["--engine", "abacus"], "ConfigError: unknown engine 'abacus'"),
        (["--system", "nothing"], "UnknownSystem: no system 'nothing'"),
        (["--out", "x.txt"], "ConfigError: 'x.txt'"),
        (["--resume"], "ConfigError: --resume and --overwrite"),
        (["--out", "x.csv", "--resume", "--overwrite"], "ConfigError: --resume continues"),
    ],
)
def test_wrong_use_exits_2_and_says_why(
    run, tiny: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    code, out, err = run(pictures, *([] if "--system" in arguments else ["--system", tiny]), *arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


def test_options_reach_the_scan(run, tiny: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    options = ["--system", tiny, "--fpr", "1e-3", "--tiles", "2", "--workers", "2", "--out", out]
    code, printed, err = run(pictures, *options)
    assert (code, printed) == (1, "")
    assert "rows.csv" in err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = list(upprint.scan(pictures, system=tiny, fpr=0.001, tiles=2))
    assert [row["verdict"] for row in rows] == [str(row.verdict or "") for row in expected]
    assert {row["tiles"] for row in rows} == {"", "1", "2"}
    assert run(pictures, *options)[0] == 2  # it exists
    assert run(pictures, *options, "--overwrite", "--max-pixels", "9")[2].startswith("43 files: 0 generated")
    assert run(pictures, *options, "--overwrite")[0] == 1


def test_a_scan_that_never_began_leaves_nothing(run, tiny: Path, pictures: Path, tmp_path: Path) -> None:
    right = tiny.read_bytes()
    tiny.write_bytes(b"something else")
    out = tmp_path / "rows.csv"
    for workers in (1, 2):
        code, _, err = run(pictures, "--system", tiny, "--out", out, "--workers", workers)
        assert code == 2
        assert "WeightsError" in err
        assert not list(tmp_path.glob("rows*"))
    tiny.write_bytes(right)
    assert run(pictures, "--system", tiny, "--out", out)[0] == 1


def test_a_path_given_twice_is_one_row(run, tiny: Path, pictures: Path, tmp_path: Path) -> None:
    file = pictures / "001.png"
    out = tmp_path / "rows.jsonl"
    assert run(file, pictures, file, "--system", tiny, "--out", out)[0] == 1
    paths = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert paths[0] == str(file)
    assert len(paths) == len(set(paths)) == 43


def test_a_finished_file_takes_new_pictures(run, tiny: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    first = pictures / "001.png"
    assert run(first, "--system", tiny, "--out", out)[0] == 0
    code, _, err = run(first, pictures, "--system", tiny, "--out", out, "--resume")
    assert code == 1
    assert err.startswith("43 files:")
    whole = tmp_path / "whole.jsonl"
    run(first, pictures, "--system", tiny, "--out", whole)
    assert out.read_bytes() == whole.read_bytes()


def test_a_terminal_gets_a_table_and_a_bar(
    run, tiny: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("[red]x.png", "new\nline.png", "esc\x1b[31m.png", "bidi\u202egnp.png"):
        (hostile / name).write_bytes((pictures / "035.png").read_bytes())
    (hostile / "bad[bold].png").write_bytes(b"nonsense")
    screen = Console(file=io.StringIO(), force_terminal=True, width=400, color_system=None)
    monkeypatch.setattr(scan_command, "console", screen)
    monkeypatch.setattr(scan_command, "stderr", Console(file=io.StringIO(), force_terminal=True, width=400))
    code, out, _ = run(hostile, "--system", tiny)
    assert (code, out) == (1, "")
    text = screen.file.getvalue()
    for shown in (
        "[red]x.png",
        "new\\nline.png",
        "esc\\x1b[31m.png",
        "bidi\\u202egnp.png",
        "bad[bold].png",
    ):
        assert shown in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert text.count("generated") == 4
    assert "NotAnImage" in text
    assert "errors: 1" in text  # the bar


def test_printable_keeps_what_can_be_read() -> None:
    assert printable("aé€😀 b\t\x00\udcff\u200f") == "aé€😀 b\\t\\x00\\udcff\\u200f"


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(condition, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def lines_of(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize(
    ("suffix", "kills", "workers"), [(".jsonl", 4, 2), (".csv", 3, 1), (".parquet", 2, 2)]
)
def test_killed_at_any_moment_a_scan_goes_on_to_the_same_rows(
    run, slow: Path, pictures: Path, tmp_path: Path, suffix: str, kills: int, workers: int
) -> None:
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    journal = out.with_name(out.name + ".journal")
    rng = random.Random(f"{suffix} {workers}")
    options = (pictures, "--system", slow, "--workers", workers, "--resume", "--out")
    for moment in sorted(rng.sample(range(28), kills)):
        process = start(*options, out)
        wait_for(lambda moment=moment: lines_of(journal) > moment, process)
        time.sleep(rng.uniform(0, 0.03))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert lines_of(journal) > moment
        assert not out.exists()
    assert run(*options, out)[0] == 1
    assert run(*options, whole)[0] == 1
    assert not journal.exists()
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(out).equals(parquet.read_table(whole))
        assert parquet.read_metadata(out).num_rows == 43
    else:
        assert out.read_bytes() == whole.read_bytes()
        assert len(out.read_bytes().splitlines()) >= 43


@pytest.fixture
def many(pictures: Path, tmp_path: Path) -> Path:
    """The pictures twenty times: a scan that is far from its end when a signal comes, on any machine."""
    folder = tmp_path / "many"
    for copy in range(20):
        (folder / str(copy)).mkdir(parents=True)
        for file in pictures.rglob("*"):
            if file.is_file():
                shutil.copyfile(file, folder / str(copy) / file.name)
    return folder


def test_an_interrupted_scan_ends_its_workers(slow: Path, many: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    journal = tmp_path / "rows.csv.journal"
    process = start(many, "--system", slow, "--workers", 2, "--out", out)
    wait_for(lambda: lines_of(journal) > 5, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert b"--resume" in err
    assert b"Traceback" not in err
    assert lines_of(journal) > 5
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_workers_end_quietly_when_the_parent_is_killed(slow: Path, many: Path, tmp_path: Path) -> None:
    journal = tmp_path / "rows.csv.journal"
    process = start(many, "--system", slow, "--workers", 2, "--out", tmp_path / "rows.csv")
    wait_for(lambda: lines_of(journal) > 5, process)
    process.kill()
    _, err = process.communicate(timeout=30)  # ends when the last worker lets go of standard error
    assert process.returncode == -signal.SIGKILL
    assert err == b""


def test_scanning_from_the_command_line_loads_nothing_heavy(tiny: Path, pictures: Path) -> None:
    code = (
        "import sys\nfrom upprint.cli import main\n"
        f"sys.argv = ['upprint', 'scan', {str(pictures / '001.png')!r}, '--system', {str(tiny)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pyarrow', 'scipy', 'matplotlib', 'sklearn', 'openvino'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(done.stdout.splitlines()) == 2
