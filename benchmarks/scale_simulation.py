"""A scan of a billion pictures: a discrete-event simulation, and the closed forms that it must meet.

It knows a driver that hands out shards one after the other, machines of unequal speed that are taken away at
random with all their workers, shards that are tried again from their beginning and given up after three
attempts, and a driver that is killed once and resumed. It is seeded. Where there is a closed form (no
failures; exponential failures; a killed driver), `tests/benchmarks/test_scale.py` compares the two.
`python benchmarks/scale.py` runs the study and writes the tables of docs/scale.md.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass

ATTEMPTS = 3
"""As `upprint.cluster.worker.ATTEMPTS`."""


@dataclass(frozen=True)
class Cluster:
    """Times in seconds. The defaults are the assumptions of docs/scale.md."""

    pictures: int = 50_000_000
    """Of one run; a billion is several runs, see the page."""
    shard: int = 1_000
    machines: int = 63
    workers_per_machine: int = 16
    seconds_per_picture: float = 1 / 23.2
    """One tile of 256×256 in fp32 on one core."""
    shard_overhead: float = 0.3
    """Reading the plan of a shard, writing its part, waiting for the next: in an object store."""
    dispatch: float = 0.005
    """The driver's own time per shard; one at a time."""
    lifetime: float = math.inf
    """Mean time until a machine is taken away; infinite: never."""
    replacement: float = 180.0
    """Until a machine that was taken away is back, with its actors started."""
    speed_spread: float = 0.05
    """Standard deviation of the logarithm of a machine's speed."""
    slow_share: float = 0.02
    slow_factor: float = 0.5
    """That share of the machines runs at that speed."""
    driver_killed_at: float = math.inf
    resume: float = 0.0
    """From the driver's death until its successor hands out shards."""
    planning: float = 0.0
    """Before the first shard is handed out."""

    @property
    def workers(self) -> int:
        return self.machines * self.workers_per_machine

    @property
    def shards(self) -> int:
        return -(-self.pictures // self.shard)

    @property
    def shard_seconds(self) -> float:
        """At normal speed."""
        return self.shard_overhead + self.shard * self.seconds_per_picture


@dataclass(frozen=True)
class Outcome:
    """What became of a scan; `worker_seconds` are those spent on shards, lost ones included."""

    seconds: float
    attempts: int
    given_up: int
    lost_seconds: float
    worker_seconds: float
    machines_lost: int


def simulate(cluster: Cluster, seed: int) -> Outcome:
    """One scan from planning to the last part."""
    return _Simulation(cluster, seed).run()


class _Simulation:
    """Events are (time, serial number, what, whom, epoch); an event of a past epoch is void."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.c, self.random = cluster, random.Random(seed)
        self.speed = [self._speed() for _ in range(cluster.machines)]
        self.epoch = [0] * cluster.machines
        self.events: list[tuple[float, int, str, int, int]] = []
        self.serial = 0
        self.fresh, self.again = 0, deque[int]()
        self.begun: dict[int, int] = {}
        self.running: dict[int, tuple[int, float]] = {}
        self.idle: list[int] = []
        self.driver_free = cluster.planning
        self.done = self.given_up = self.attempts = self.machines_lost = 0
        self.lost_seconds = self.worker_seconds = 0.0

    def run(self) -> Outcome:
        c = self.c
        for worker in range(c.workers):
            self._push(c.planning, "ready", worker)
        if math.isfinite(c.lifetime):
            for machine in range(c.machines):
                self._push(c.planning + self.random.expovariate(1 / c.lifetime), "taken", machine)
        if math.isfinite(c.driver_killed_at):
            self._push(c.driver_killed_at, "driver", 0)
        now = c.planning
        while self.done + self.given_up < c.shards:
            now, _, what, whom, epoch = heapq.heappop(self.events)
            if what == "taken":
                self._machine_taken(now, whom)
            elif what == "driver":
                self._driver_killed(now)
            elif epoch == self.epoch[whom // c.workers_per_machine]:
                if what == "end":
                    self._finish(now, whom)
                self._next(now, whom)
        return Outcome(
            now, self.attempts, self.given_up, self.lost_seconds, self.worker_seconds, self.machines_lost
        )

    def _speed(self) -> float:
        slow = self.c.slow_factor if self.random.random() < self.c.slow_share else 1.0
        return slow * self.random.lognormvariate(0, self.c.speed_spread)

    def _push(self, time: float, what: str, whom: int) -> None:
        machine = whom if what == "taken" else whom // self.c.workers_per_machine
        heapq.heappush(self.events, (time, self.serial, what, whom, self.epoch[machine]))
        self.serial += 1

    def _next(self, now: float, worker: int) -> None:
        """Hand out a shard; those that were lost come first."""
        if self.again:
            shard = self.again.popleft()
        elif self.fresh < self.c.shards:
            shard, self.fresh = self.fresh, self.fresh + 1
        else:
            self.idle.append(worker)
            return
        self.driver_free = max(now, self.driver_free) + self.c.dispatch
        self.attempts += 1
        self.begun[shard] = self.begun.get(shard, 0) + 1
        self.running[worker] = shard, self.driver_free
        speed = self.speed[worker // self.c.workers_per_machine]
        self._push(self.driver_free + self.c.shard_seconds / speed, "end", worker)

    def _finish(self, now: float, worker: int) -> None:
        shard, since = self.running.pop(worker)
        del self.begun[shard]
        self.worker_seconds += now - since
        self.done += 1

    def _lose(self, now: float, worker: int) -> None:
        """What a worker was at; a shard that was not sent yet only goes back."""
        if worker not in self.running:
            return
        shard, since = self.running.pop(worker)
        spent = max(now - since, 0.0)
        self.lost_seconds += spent
        self.worker_seconds += spent
        if self.begun[shard] < ATTEMPTS:
            self.again.append(shard)
        else:
            del self.begun[shard]
            self.given_up += 1

    def _machine_taken(self, now: float, machine: int) -> None:
        c = self.c
        self.epoch[machine] += 1
        self.machines_lost += 1
        own = range(machine * c.workers_per_machine, (machine + 1) * c.workers_per_machine)
        for worker in own:
            self._lose(now, worker)
            self._push(now + c.replacement, "ready", worker)
        self.speed[machine] = self._speed()
        self._push(now + c.replacement + self.random.expovariate(1 / c.lifetime), "taken", machine)
        self._wake(now, [worker for worker in self.idle if worker not in own])

    def _driver_killed(self, now: float) -> None:
        """Every actor ends with its driver; the next run begins to count attempts anew."""
        for worker in list(self.running):
            self.begun[self.running[worker][0]] = 0
            self._lose(now, worker)
        self.idle.clear()
        self.driver_free = now + self.c.resume
        for machine in range(self.c.machines):
            self.epoch[machine] += 1
        for worker in range(self.c.workers):
            self._push(now + self.c.resume, "ready", worker)

    def _wake(self, now: float, idle: list[int]) -> None:
        self.idle = []
        for worker in idle:
            self._next(now, worker)


# --- closed forms ------------------------------------------------------------------------------------------


def ideal_seconds(cluster: Cluster) -> float:
    """Equal machines that never fail, no shard overhead, no driver: pictures over rate."""
    return cluster.pictures * cluster.seconds_per_picture / cluster.workers


def expected_seconds_per_shard(cluster: Cluster) -> float:
    """Wall time of a worker per finished shard, when attempts fail at rate 1/lifetime and cost a replacement.

    (e^(d/L) - 1)(L + R), for duration d, mean lifetime L and replacement R: on average e^(d/L) - 1 attempts
    fail before one of length d survives, and the time under way until it does is L(e^(d/L) - 1).
    """
    if math.isinf(cluster.lifetime):
        return cluster.shard_seconds
    growth = math.expm1(cluster.shard_seconds / cluster.lifetime)
    return growth * (cluster.lifetime + cluster.replacement)


def failing_share(cluster: Cluster) -> float:
    """The probability that an attempt at a shard fails: 1 - e^(-d/L)."""
    return -math.expm1(-cluster.shard_seconds / cluster.lifetime)


def given_up_share(cluster: Cluster) -> float:
    """The probability that all of a shard's attempts fail."""
    return failing_share(cluster) ** ATTEMPTS
