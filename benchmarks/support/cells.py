"""Arms of `robustness`: the same pictures through `upprint evaluate` and through `upprint robustness`.

"pictures" of an answer are cells: a picture under one condition.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.clock import Stopwatch
from upprint.data.protocol import named
from upprint.data.sample import Sample

PROTOCOL = "tiles"


def evaluated(onnx: str, paths: list[str], warm: list[str]) -> Callable[[], dict[str, Any]]:
    """An arm: decode and score every picture as it is, with the engine's own threads."""
    from upprint.evaluate.model import open_model
    from upprint.evaluate.predict import predict
    from upprint.evaluate.predictions import read

    model = open_model(None, Path(onnx))

    def score(files: list[str]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            watch = Stopwatch()
            out = predict(
                _samples(files), model, named(PROTOCOL), out=Path(folder) / "rows.jsonl", data="synthetic"
            ).path
            times = watch.read()
            logits = [row.logit for row in read(out).rows]
        return {"pictures": len(files), **times, "paths": files, "logits": logits, "verdicts": []}

    score(warm)
    return lambda: score(paths)


def perturbed(onnx: str, paths: list[str], warm: list[str], texts: list[str]) -> Callable[[], dict[str, Any]]:
    """An arm: every picture under every text and as it is, one thread per picture and core."""
    from upprint.evaluate import robustness
    from upprint.evaluate.model import open_model
    from upprint.runtime.scan import available_cores

    workers = available_cores()
    model = open_model(None, Path(onnx), threads=1 if workers > 1 else None)

    def score(files: list[str]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            watch = Stopwatch()
            measured = robustness.run(
                _samples(files),
                [model],
                named(PROTOCOL),
                texts,
                journal=Path(folder) / "journal.jsonl",
                data="synthetic",
                workers=workers,
            )
            times = watch.read()
        rows = measured.rows[robustness.key(model)]
        cells = sum(row.error is None for some in rows.values() for row in some)
        if cells != len(files) * len(rows):
            raise RuntimeError(f"{len(files) * len(rows) - cells} cells could not be scored")
        logits = [row.logit for row in rows[""]]
        return {"pictures": cells, **times, "paths": files, "logits": logits, "verdicts": []}

    score(warm)
    return lambda: score(paths)


def _samples(paths: list[str]) -> list[Sample]:
    return [Sample(path, 0, "synthetic", "real", path) for path in paths]
