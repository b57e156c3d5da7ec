"""upprint's arms: what its commands call, with an engine that is open and warm."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.clock import Stopwatch
from upprint.result import ScanResult


def predict_resized(
    onnx: str, paths: list[str], warm: list[str], *, engine: str, threads: int | None = None
) -> Callable[[], dict[str, Any]]:
    """An arm: `upprint evaluate`'s predictions by the official protocol 'npr-resize256'."""
    from upprint.data.protocol import named
    from upprint.data.sample import Sample
    from upprint.evaluate.model import open_model
    from upprint.evaluate.predict import predict
    from upprint.evaluate.predictions import read

    model = open_model("npr", Path(onnx), engine=engine, threads=threads)
    protocol = named("npr-resize256")

    def score(files: list[str]) -> dict[str, Any]:
        samples = [Sample(path, 0, "synthetic", "real", path) for path in files]
        with tempfile.TemporaryDirectory() as folder:
            watch = Stopwatch()
            out = predict(samples, model, protocol, out=Path(folder) / "rows.jsonl", data="synthetic").path
            times = watch.read()
            logits = [row.logit for row in read(out).rows]
        return {"pictures": len(files), **times, "logits": logits, "verdicts": []}

    score(warm)
    return lambda: score(paths)


def scan_folder(
    onnx: str, folder: str, warm: str, *, engine: str, workers: int | None
) -> Callable[[], dict[str, Any]]:
    """An arm: `upprint.scan` over two folders; the clock starts when the first has given its rows.

    So starting processes and opening the engine, which `startup` measures, is not in the rate.
    """
    import upprint

    warm_rows, count = (sum(1 for _ in Path(name).iterdir()) for name in (warm, folder))

    def run() -> dict[str, Any]:
        rows = upprint.scan([warm, folder], system=onnx, workers=workers, engine=engine)
        for _ in range(warm_rows):
            _whole(next(rows))
        watch = Stopwatch()
        found = [_whole(next(rows)) for _ in range(count)]
        times = watch.read()  # before the worker processes end, whose time would be lost
        rows.close()
        return {
            "pictures": count,
            **times,
            "logits": [row.logit for row in found],
            "verdicts": [str(row.verdict) for row in found],
            "tiles": sum(row.tiles or 0 for row in found),
        }

    return run


def one_by_one(onnx: str, paths: list[str], *, engine: str) -> Callable[[], dict[str, Any]]:
    """An arm: latency of single pictures, file to verdict, by the scorer that `upprint.load` gives."""
    import upprint

    scorer = upprint.load(onnx, engine=engine)

    def run() -> dict[str, Any]:
        watch, each, rows = Stopwatch(), [], []
        for path in paths:
            began = time.perf_counter()
            rows.append(scorer(path))
            each.append(time.perf_counter() - began)
        return {
            "pictures": len(paths),
            **watch.read(),
            "each": each,
            "logits": [row.logit for row in rows],
            "verdicts": [str(row.verdict) for row in rows],
        }

    run()
    return run


def scan_rows(onnx: str, *, engine: str) -> Callable[..., list[dict[str, Any]]]:
    """Not timed: the rows of a scan in one process."""
    import upprint

    def run(paths: list[str]) -> list[dict[str, Any]]:
        return [row.row() for row in upprint.scan(paths, system=onnx, workers=1, engine=engine)]

    return run


def _whole(row: ScanResult) -> ScanResult:
    if row.error is not None:
        raise RuntimeError(f"{row.path}: {row.error}")
    return row
