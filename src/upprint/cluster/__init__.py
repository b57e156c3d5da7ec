"""The same scan on many machines: Ray Data in the middle, file systems and object stores at both ends.

    from upprint import cluster
    cluster.scan(["s3://bucket/photos"], "s3://bucket/verdicts")

A scan is cut into shards before anything is scored. A shard is a file in `<out>/_plan` that names its
pictures, and becomes one file `<out>/part-NNNNNNNN.parquet` that appears whole or not at all. Which worker
scores a shard, how often it is tried and in which run changes nothing in that file, so nothing is lost or
doubled by a worker, a machine or the driver that dies: whoever comes next does the shards that have no part
yet.

    places.py   file systems by URI, through Arrow or fsspec; files that are written whole
    inputs.py   what is to be scanned: folders, buckets, lists in Parquet
    plan.py     shards and parts on disk; what a resumed scan still has to do
    worker.py   one shard, in an actor: fetch ahead, score in a process of its own, write the part
    spool.py    its temporary folder
    run.py      the driver

Needs the extra `cluster`. Importing this package loads neither Ray nor pyarrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upprint.cluster.run import scan

__all__ = ["scan"]


def __getattr__(name: str) -> Any:
    if name == "scan":
        from upprint.cluster.run import scan

        return scan
    raise AttributeError(f"module 'upprint.cluster' has no attribute {name!r}")
