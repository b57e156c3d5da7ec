"""What the service counts, for Prometheus; no file names, no addresses, and a bounded set of labels."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from upprint.result import ScanResult
from upprint.runtime.rows import kind
from upprint.serve.admission import Admission
from upprint.serve.workers import Workers

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """One registry per application, so that two in one process do not meet."""

    def __init__(self, workers: Workers, admission: Admission) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "upprint_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "upprint_request_seconds",
            "From a request's headers to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.picture_seconds = Histogram(
            "upprint_picture_seconds",
            "From handing a picture in, waiting included, to its row.",
            buckets=SECONDS,
            registry=registry,
        )
        self.verdicts = Counter(
            "upprint_verdicts", "Pictures scored, by verdict.", ["verdict"], registry=registry
        )
        self.errors = Counter(
            "upprint_errors",
            "Pictures that could not be scored, by class of error.",
            ["kind"],
            registry=registry,
        )
        self.bytes = Counter("upprint_upload_bytes", "Bytes of pictures received.", registry=registry)
        replaced = Counter(
            "upprint_workers_replaced", "Worker processes replaced, by reason.", ["reason"], registry=registry
        )
        for reason in ("died", "time limit"):
            replaced.labels(reason)
        workers.on_replaced = lambda reason: replaced.labels(reason).inc()
        for name, what, value in (
            ("upprint_queue_depth", "Requests admitted and not yet answered.", lambda: admission.inside),
            ("upprint_queue_capacity", "Requests that are admitted at most.", lambda: admission.capacity),
            ("upprint_workers_alive", "Worker processes that can take pictures.", lambda: workers.alive),
            ("upprint_workers_busy", "Worker processes with a picture.", lambda: workers.busy),
        ):
            Gauge(name, what, registry=registry).set_function(value)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def picture(self, row: ScanResult, size: int, seconds: float) -> None:
        self.bytes.inc(size)
        self.picture_seconds.observe(seconds)
        if row.error is None:
            self.verdicts.labels(kind(row)).inc()
        else:
            self.errors.labels(row.error.partition(":")[0]).inc()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self.requests.labels(route, method, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
