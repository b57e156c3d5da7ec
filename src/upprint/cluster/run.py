"""The driver: lists, plans, hands shards to an actor pool of Ray Data, counts what comes back."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from upprint.cluster.inputs import find
from upprint.cluster.places import EXTRA, PURPOSE, Folder, Places, local_path
from upprint.cluster.plan import Plan
from upprint.cluster.worker import Job, ShardScorer
from upprint.result import ConfigError, ResumeError, UpprintError, require
from upprint.runtime import calibration_file
from upprint.runtime.settings import Settings

Progress = Callable[[Counter[str], int], None]
"""Called with the rows so far by `rows.kind`, and the number of pictures in all."""
Watch = Callable[[dict[str, Any]], None]
"""Called with what an actor says of a finished shard: `shard`, `pid`, and `kinds`, the counts as JSON."""


def scan(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    system: str | os.PathLike[str] | None = None,
    fpr: str | float | None = None,
    tiles: int | str | None = None,
    workers: int | None = None,
    engine: str = "onnxruntime",
    max_pixels: int | None = None,
    calibration: calibration_file.Source | None = None,
    shard_size: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Counter[str]:
    """Score pictures on a Ray cluster; rows equal those of a local scan of the same bytes.

    Uses the Ray that this process is connected to, else the cluster that `RAY_ADDRESS` or a running `ray
    start` names, else starts one on this machine for the time of the scan. Every machine needs upprint with
    the extra `cluster`, and must reach inputs and output under the same names.

    Args:
        inputs: files, folders, s3://, gs:// and other URIs, and lists: .parquet files with a column `path`.
        out: folder for parts, local or a URI.
        system, fpr, tiles, engine, max_pixels, calibration: as for `upprint.scan`; the calibration's file is
            read here and needs to be on no other machine.
        workers: actors, one core each; None takes one per core of the cluster.
        shard_size: pictures per part file; None chooses.
        resume: continue what is in `out`; see `plan.py` for what counts as done.
        overwrite: delete an earlier scan in `out` first.
        progress: called as shards are finished.
        watch: called with each finished shard's report.

    Returns:
        Rows in `out` by `rows.kind`, those of earlier runs among them.

    Raises:
        ConfigError, DataError, UnknownSystem, CardError, WeightsError, MissingExtra: wrong use; see the
            modules.
        ResumeError: `out` cannot be continued, or could not be written to; what is there can be resumed.
    """
    ray = require("ray", extra=EXTRA, purpose=PURPOSE)
    require("ray.data", extra=EXTRA, purpose=PURPOSE)
    settings = Settings.resolve(
        system, fpr=fpr, tiles=tiles, engine=engine, max_pixels=max_pixels, calibration=calibration
    )
    for name, value in (("workers", workers), ("shard_size", shard_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} {value}: expected a whole number from 1")
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    places, (target, *labels) = Places.of([os.fsdecode(out), *map(os.fsdecode, given)])
    folder = Folder(target, places)
    plan = Plan(folder, settings, resume=resume, overwrite=overwrite)
    with _connected(ray):
        actors = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        plan.extend(find(labels, places), workers=actors, shard_size=shard_size)
        todo = plan.todo()
        tally = Counter(+plan.tally)
        if progress is not None:
            progress(tally, plan.pictures)
        where = target if local_path(target) is None else os.path.abspath(target)  # noqa: PTH100
        job = Job(where, places, settings.card.name, settings.arguments(), os.getcwd())  # noqa: PTH109
        for report in _shards(ray, job, todo, min(actors, len(todo))):
            if report["failed"]:
                raise ResumeError(f"{report['failed']}; what is done stays, continue with --resume")
            tally.update(json.loads(report["kinds"]))
            if watch is not None:
                watch(report)
            if progress is not None:
                progress(tally, plan.pictures)
    if tally.total() != plan.pictures:
        raise UpprintError(
            f"{target!r}: {tally.total()} rows for {plan.pictures} pictures: Ray lost shards; use --resume"
        )
    plan.finish(tally)
    return tally


def _shards(ray: Any, job: Job, todo: list[int], actors: int) -> Iterator[dict[str, Any]]:
    """Reports of finished shards as they come.

    Paths travel, not pictures: an actor pool that takes every core would starve Ray Data's own readers. A
    dead actor is started again by Ray Data and its shard given to another, without end; `_Attempts` ends it.
    """
    if not todo:
        return

    class _Attempts:
        def __init__(self) -> None:
            self._begun: Counter[int] = Counter()

        def begin(self, shard: int) -> int:
            self._begun[shard] += 1
            return self._begun[shard]

    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(_Attempts).remote()
    data = ray.data.from_items([{"shard": shard} for shard in todo], override_num_blocks=len(todo))
    done = data.map_batches(
        ShardScorer,
        batch_size=None,
        fn_constructor_kwargs={"job": job, "attempts": attempts},
        # One task at a time: a second one would wait behind the first while another actor idles.
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
    )
    with _quiet(ray):
        for batch in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            names = list(batch)
            for values in zip(*(batch[name].tolist() for name in names), strict=True):
                yield dict(zip(names, values, strict=True))


@contextmanager
def _connected(ray: Any) -> Iterator[None]:
    """Ray for the time of the scan; a connection that was there stays."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(f"Ray cannot be reached or started ({first}); check RAY_ADDRESS") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Ray Data's bars and messages off: the scan shows its own progress."""
    context, log = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    names = ("enable_progress_bars", "print_on_execution_start")
    before, level = {name: getattr(context, name) for name in names if hasattr(context, name)}, log.level
    for name in before:
        setattr(context, name, False)
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)
        log.setLevel(level)
