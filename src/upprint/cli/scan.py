"""`upprint scan`: a verdict per picture."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr
from upprint.result import printable

if TYPE_CHECKING:
    from upprint.explain.scan_report import ScanReport
    from upprint.result import ScanResult
    from upprint.runtime.settings import Settings

EXIT_INTERRUPTED = 130
_COLOURS = {"generated": "bold red", "inconclusive": "yellow", "no trace found": "green", "error": "magenta"}


@app.command()
def scan(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Pictures and folders of pictures.")],
    out: Annotated[
        str | None, typer.Option(help="Write rows here: .jsonl, .csv or .parquet; on Ray a folder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what --out has already.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start --out anew.")] = False,
    fpr: Annotated[str | None, typer.Option(help="False-positive rate to stand by, e.g. 0.01.")] = None,
    tiles: Annotated[str | None, typer.Option(help="Tiles per picture, or 'all'.")] = None,
    system: Annotated[str | None, typer.Option(help="Name of a shipped system, or an .onnx file.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one per core if worth it.")
    ] = None,
    max_pixels: Annotated[int | None, typer.Option(help="Width x height that is decoded at most.")] = None,
    engine: Annotated[
        str, typer.Option(help="onnxruntime; openvino (extra 'fast'); ray, ray+openvino (extra 'cluster').")
    ] = "onnxruntime",
    shard_size: Annotated[int | None, typer.Option(help="On Ray: pictures per part file.")] = None,
    report: Annotated[str | None, typer.Option(help="Also write a report, as one .html file.")] = None,
    calibration: Annotated[
        str | None, typer.Option(help="A file of `upprint calibrate`, in place of the system's own.")
    ] = None,
) -> None:
    """Say for each picture whether the print of a generator is in it.

    Rows go to a table on a terminal, as JSON lines to a pipe, or to --out. Exit code 1 when a file failed.
    With --engine ray, paths may be URIs (s3://, gs://, ...) or a .parquet file with a column 'path'.
    """
    from upprint.cli._cluster import engine_on_ray, scan_on_ray
    from upprint.images import find_images
    from upprint.result import ConfigError
    from upprint.runtime.formats import format_of
    from upprint.runtime.output import Output
    from upprint.runtime.rows import kind
    from upprint.runtime.scan import scan_files
    from upprint.runtime.settings import Settings

    on_ray = engine_on_ray(engine)
    if on_ray is not None:
        if report is not None:
            raise ConfigError("--report is for a scan on this machine; leave it out with --engine ray")
        limits = {
            "calibration": calibration,
            "fpr": fpr,
            "tiles": tiles,
            "max_pixels": max_pixels,
            "shard_size": shard_size,
        }
        how = {"system": system, "engine": on_ray, "workers": workers}
        scan_on_ray(paths, out, _summary, resume=resume, overwrite=overwrite, **limits, **how)
        return
    if shard_size is not None:
        raise ConfigError("--shard-size is for a scan on a cluster: add --engine ray")
    if out is None and (resume or overwrite):
        raise ConfigError("--resume and --overwrite are about a file: name it with --out")
    settings = Settings.resolve(
        system, fpr=fpr, tiles=tiles, engine=engine, max_pixels=max_pixels, calibration=calibration
    )
    summary = None if report is None else _report(report, paths, settings)
    tally: Counter[str] = Counter()
    with ExitStack() as stack:
        output = None if out is None else Output(out, settings, resume=resume, overwrite=overwrite)
        if output is not None:
            stack.enter_context(output)
            tally.update(output.restored)
        found = find_images(paths)
        rows = scan_files(settings, found if output is None else output.unseen(found), workers=workers)
        stack.callback(rows.close)
        on_terminal = output is None and console.is_terminal
        advance = stack.enter_context(_progress(paths, tally, console if on_terminal else stderr))
        show = _table(console) if on_terminal else _json_lines if output is None else output.write
        try:
            for row in rows:
                tally[kind(row)] += 1
                show(row)
                if summary is not None and output is None:
                    summary.add(row)
                advance()
        except KeyboardInterrupt:
            hint = "" if output is None else f"; go on with --resume, the rows so far are in {output.journal}"
            stderr.out(f"interrupted{hint}", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        if output is not None:
            output.finish()
    if summary is not None and report is not None:
        if out is not None:  # rows of an earlier, continued scan are there too
            for row in format_of(Path(out)).read(Path(out)):
                summary.add(row)
        summary.write(Path(report))
    stderr.out(_summary(tally, out), highlight=False)
    if tally["error"]:
        raise typer.Exit(EXIT_FILES_FAILED)


def _report(report: str, paths: list[str], settings: Settings) -> ScanReport:
    """What collects rows for the report, once it is sure that it can be written."""
    from upprint.explain.page import check_target
    from upprint.explain.scan_report import ScanReport

    check_target(Path(report), map(Path, paths))
    return ScanReport(settings.card, settings.fpr)


def _summary(tally: Counter[str], out: str | None) -> str:
    counts = [f"{tally[name]} {name}" for name in ("generated", "inconclusive", "no trace found")]
    if tally["no verdict"]:
        counts.append(f"{tally['no verdict']} no verdict")
    counts.append(f"{tally['error']} error{'' if tally['error'] == 1 else 's'}")
    where = "" if out is None else f" → {printable(out)}"
    return f"{tally.total()} files: {', '.join(counts)}{where}"


def _json_lines(row: ScanResult) -> None:
    from upprint.runtime.rows import to_line

    typer.echo(to_line(row), nl=False)


def _table(to: Console) -> Callable[[ScanResult], None]:
    """Prints one row of a table at a time; columns keep their widths, so that rows appear as they come."""
    from rich.table import Table
    from rich.text import Text

    from upprint.runtime.rows import kind

    first = True

    def show(row: ScanResult) -> None:
        nonlocal first
        table = Table(box=None, show_header=first, header_style="bold", expand=True)
        table.add_column("path", ratio=3, overflow="fold")
        table.add_column("verdict", width=14)
        table.add_column("probability", width=11, justify="right")
        table.add_column("note", ratio=2, overflow="fold")
        chance = "" if row.probability is None else f"{row.probability:.3f}"
        verdict = Text(kind(row), style=_COLOURS.get(kind(row), ""))
        note = row.error or row.notes or ""
        table.add_row(Text(printable(row.path)), verdict, chance, Text(printable(note)))
        to.print(table)
        first = False

    return show


@contextmanager
def _progress(paths: list[str], tally: Counter[str], to: Console) -> Iterator[Callable[[], None]]:
    """A bar with speed, time left and errors where `to` is a terminal; yields what to call per row.

    A thread counts the files, so that the scan starts at once.
    """
    if not (stderr.is_terminal and to.is_terminal):
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("errors: {task.fields[errors]}"),
    )
    stop = threading.Event()
    with Progress(*columns, console=to, transient=True) as bar:
        task = bar.add_task("scan", total=None, completed=tally.total(), rate="", errors=tally["error"])

        def advance() -> None:
            speed = bar.tasks[0].speed
            rate = "" if speed is None else f"{speed:.1f} files/s"
            bar.update(task, advance=1, rate=rate, errors=tally["error"])

        threading.Thread(target=lambda: bar.update(task, total=_count(paths, stop)), daemon=True).start()
        try:
            yield advance
        finally:
            stop.set()


def _count(paths: list[str], stop: threading.Event) -> int | None:
    """How many files there are; None when `stop` was set first."""
    from upprint.images import find_images

    total = 0
    for _ in find_images(paths):
        if stop.is_set():
            return None
        total += 1
    return total
