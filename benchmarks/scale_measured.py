"""What `docs/scale.md` takes as measured: the driver's work per path and per shard, and the size of a row."""

from __future__ import annotations

import logging
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What `--measure` found; the defaults stand until it is run."""

    planned_per_second: float = 150_000.0
    bytes_per_path: float = 220.0
    bytes_per_row: float = 125.0
    dispatch: float = 0.005


def short(value: float) -> float:
    return float(f"{value:.3g}")


def measure() -> Measured:
    """What the driver does per path and per shard, and the size of a row, on this machine."""
    rate, memory = _planning(1_000_000)
    return Measured(short(rate), short(memory), short(_bytes_per_row()), short(_dispatch(2_000)))


def _planning(count: int) -> tuple[float, float]:
    """Pictures planned per processor second from a list in Parquet, and the growth of memory per picture."""
    import psutil
    import pyarrow
    from pyarrow import parquet

    from upprint.cluster.inputs import find
    from upprint.cluster.places import Folder, Places
    from upprint.cluster.plan import Plan

    with tempfile.TemporaryDirectory() as place:
        listed = str(Path(place, "list.parquet"))
        names = [f"s3://pictures/2026/{index % 97:02d}/{index:012d}.jpg" for index in range(count)]
        parquet.write_table(pyarrow.table({"path": names, "size": list(range(count))}), listed)
        del names
        folder = Folder(str(Path(place, "out")), Places())
        folder.make()
        plan = Plan(folder, _tiny_settings(Path(place)))
        process = psutil.Process()
        before, began = process.memory_info().rss, time.process_time()
        plan.extend(find([listed], Places()), workers=1_000, shard_size=1_000)
        seconds = time.process_time() - began
        return count / seconds, max(process.memory_info().rss - before, 1) / count


def _tiny_settings(place: Path) -> Any:
    """Settings around a file that is no graph: planning never opens it."""
    import hashlib

    from upprint.card import InputRule, SystemCard, Weights
    from upprint.runtime.settings import Settings

    graph = place / "none.onnx"
    graph.write_bytes(b"none")
    digest = hashlib.sha256(b"none").hexdigest()
    weights = Weights(graph.name, digest, "", "", "nothing", "none", "Apache-2.0")
    card = SystemCard(
        name="none",
        title="none",
        paper="none",
        year=2026,
        faithful=False,
        idea="none",
        parameters=1,
        input=InputRule(),
        weights=weights,
    )
    return Settings(graph, card, None, 9, "onnxruntime", 1)


def _bytes_per_row(count: int = 1_000) -> float:
    from upprint.cluster.tables import rows_to_bytes
    from upprint.result import ScanResult, Verdict

    draw = random.Random(1)
    rows = [
        ScanResult(
            f"s3://pictures/2026/{index % 97:02d}/{index:012d}.jpg",
            "npr",
            logit=draw.gauss(0, 3),
            probability=draw.random(),
            verdict=draw.choice(list(Verdict)),
            tiles=9,
            width=1024,
            height=draw.choice([768, 1024]),
            format="JPEG",
            sha256=draw.randbytes(32).hex(),
        )
        for index in range(count)
    ]
    return len(rows_to_bytes(rows)) / count


def _dispatch(count: int) -> float:
    """Processor seconds of Ray Data's driver per shard: a block, and a task that does nothing."""
    import ray

    class Nothing:
        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            return batch

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    began = time.process_time()
    data = ray.data.from_items([{"shard": index} for index in range(count)], override_num_blocks=count)
    done = data.map_batches(
        Nothing,
        batch_size=None,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=2, max_tasks_in_flight_per_actor=1),
    )
    made = time.process_time() - began
    first = last = 0.0
    for _ in done.iter_batches(batch_size=None, prefetch_batches=0):
        last = time.process_time()
        first = first or last
    ray.shutdown()
    return made / count + (last - first) / (count - 1)
