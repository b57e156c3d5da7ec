"""Memory of `upprint scan` over 10,000 files: processes of the scan together, sampled as rows appear."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from support.arms import clean_environment
from support.pictures import write_folder
from support.report import Claim, Context, Result

TITLE = "Memory over 10,000 files"
FLAT = 5.0
"""Per cent of growth after the first rows that still count as flat."""
_CLI = "import sys; from upprint.cli import main; sys.argv[0] = 'upprint'; main()"
_PAUSE = 0.02


def run(context: Context) -> Result:
    files = context.size(10_000, 40)
    marks = (10, 20, 40) if context.quick else (200, 1000, 5000, 10_000)
    kinds = _distinct(context.folder / "distinct", context.quick)
    folder = context.folder / "pictures"
    folder.mkdir()
    for index in range(files):
        source = kinds[index % len(kinds)]
        os.link(source, folder / f"{index:05d}{source.suffix}")
    out = context.folder / "rows.jsonl"
    samples, statuses, seconds = _watched(context, folder, out)
    with out.open("rb") as lines:
        failed = [json.loads(line)["error"] is not None for line in lines]
    if len(failed) != files:
        raise RuntimeError(f"the scan wrote {len(failed)} rows for {files} files")
    at = {mark: max(size for done, size in samples if done <= mark) for mark in marks}
    early = at[marks[0]]
    late = max(size for _, size in samples)
    claims = [
        Claim("highest", 700, (late / 1e6,), sense="at most", unit="MB"),
        Claim(
            f"growth after the first {marks[0]} files",
            FLAT,
            (100 * (late - early) / early,),
            sense="at most",
            unit="%",
        ),
    ]
    checks = {
        "highest_megabytes_up_to_row": {str(mark): size / 1e6 for mark, size in at.items()},
        "samples": len(samples),
        "rows_with_an_error": sum(failed),
        "exit_status": statuses,
        "files_per_second": files / seconds,
    }
    settings = {
        "files": files,
        "distinct": len(kinds),
        "what": "resident memory of the command and its workers, added up; pages that they share count twice",
        "command": "upprint scan FOLDER --out rows.jsonl",
    }
    return Result(settings, claims, {}, checks)


def _distinct(folder: Path, quick: bool) -> list[Path]:
    """50 files of several sizes, four of them bad.

    The two largest, of nine tiles each, come first and side by side, so that each of two workers soon has
    met the largest batch.
    """
    sizes = ((1024, 768, 2), (256, 256, 8), (128, 96, 8), (64, 64, 28))
    made = []
    for height, width, count in ((48, 48, 6),) if quick else sizes:
        paths = write_folder(folder / f"{width}x{height}", count, height, width, seed=3, fields=2)
        made += [Path(path) for path in paths]
    whole = made[0].read_bytes()
    bad = {
        "empty.jpg": b"",
        "text.jpg": b"this is no picture\n",
        "cut.jpg": whole[: len(whole) // 2],
        "noise.png": bytes(range(256)) * 4,
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    return made + [folder / name for name in bad]


def _watched(context: Context, folder: Path, out: Path) -> tuple[list[tuple[int, int]], int, float]:
    """(rows written, bytes resident) over the scan, its exit status, its seconds."""
    command = [sys.executable, "-c", _CLI, "scan", str(folder), "--out", str(out)]
    began = time.perf_counter()
    process = psutil.Popen(
        [*command, "--system", str(context.model.onnx)],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    journal, done, read = out.with_name(out.name + ".journal"), -1, 0  # -1: its first line is a header
    samples: list[tuple[int, int]] = []
    while process.poll() is None:
        fresh = _from(journal, read)
        done, read = done + fresh.count(b"\n"), read + len(fresh)
        samples.append((max(done, 0), _resident(process)))
        time.sleep(_PAUSE)
    seconds = time.perf_counter() - began
    message = process.stderr.read().decode(errors="replace")
    if process.returncode not in (0, 1):  # 1: some files are bad, as they should be
        raise RuntimeError(f"the scan ended with status {process.returncode}:\n{message}")
    return samples, process.returncode, seconds


def _from(path: Path, start: int) -> bytes:
    """What a file holds from `start` on; nothing before it exists and once it is gone."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
