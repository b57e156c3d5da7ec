"""`upprint scan --engine ray`: the same command on a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from upprint.cli._app import EXIT_FILES_FAILED, stderr

EXIT_INTERRUPTED = 130
RAY = "ray"


def engine_on_ray(engine: str) -> str | None:
    """What runs the network in each actor: `ray` is ONNX Runtime, `ray+openvino` OpenVINO; None: not Ray."""
    executor, _, inner = engine.partition("+")
    if executor != RAY:
        return None
    return inner or "onnxruntime"


def scan_on_ray(paths: list[str], out: str | None, summary: Callable[..., str], **options: Any) -> None:
    """Scan, show progress, print the line that `summary` makes of the counts.

    Raises:
        ConfigError: no folder in `out`; else as `cluster.scan`.
    """
    from upprint.cluster import scan
    from upprint.result import ConfigError
    from upprint.runtime.formats import FORMATS

    if out is None:
        raise ConfigError("a scan on Ray writes a folder of Parquet files: name it with --out")
    if out.lower().endswith(tuple(FORMATS)):
        raise ConfigError(f"--out {out!r}: a scan on Ray writes a folder; give a name without that suffix")
    try:
        with _progress() as progress:
            tally = scan(paths, out, progress=progress, **options)
    except KeyboardInterrupt:
        stderr.out(f"interrupted; go on with --resume, the rows so far are in {out}", highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    stderr.out(summary(tally, out), highlight=False)
    if tally["error"]:
        raise typer.Exit(EXIT_FILES_FAILED)


@contextmanager
def _progress() -> Iterator[Callable[[Counter[str], int], None] | None]:
    """A bar that moves as shards are finished, where standard error is a terminal."""
    if not stderr.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("errors: {task.fields[errors]}"),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("scan", total=None, errors=0)

        def show(tally: Counter[str], total: int) -> None:
            bar.update(task, completed=tally.total(), total=total, errors=tally["error"])

        yield show
