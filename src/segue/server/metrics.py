"""Metrics for Prometheus: requests of callers, attempts at targets, and the targets' states.

What a request counts is added up here, and handed to the library with each scrape and every few seconds (`refresh`): its own counters cost
more than the rest of the bookkeeping. With several worker processes each counts into files of a common directory
(`PROMETHEUS_MULTIPROC_DIR`, which `segue serve` sets), and the scraped process reports for all, of the others as of their latest
`refresh`; the metrics of the process itself are then left out. Labels are bounded: a target is one of the settings', a model one that
the settings or the catalogue name, and any other, which is a caller's free text, is `other`.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from segue.catalog.models import listed
from segue.chat.usage import Usage
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger.record import AttemptRecord
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.server.exchange import Reply
from segue.server.metrics_gauges import Gauges
from segue.server.models import usable_targets

OTHER: Final = "other"

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable, which it reads when it is imported: it must be set before a worker begins."""

ATTEMPT_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
CONTENT_BUCKETS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 25.0)
"""Seconds."""


class Metrics:
    """A `Listener`. `attach` it to its `Segue`, which provides the targets' states and the settings' models."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._shared = os.environ.get(SHARED)
        if self._shared is None:
            ProcessCollector(registry=registry)
        place = ("target", "model")
        self._requests = Counter(
            "segue_requests", "Requests of callers.", ("dialect", "status", "streamed"), registry=registry
        )
        self._request_seconds = Histogram(
            "segue_request_seconds",
            "From a request's head to its answer's end.",
            ("dialect", "streamed"),
            buckets=ATTEMPT_BUCKETS,
            registry=registry,
        )
        self.in_flight = 0
        """Requests being answered; the server counts them itself."""
        self._attempts = Counter(
            "segue_attempts", "Attempts at targets, by how they ended.", (*place, "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "segue_attempt_seconds", "An attempt's whole time.", place, buckets=ATTEMPT_BUCKETS, registry=registry
        )
        self._first = Histogram(
            "segue_first_content_seconds",
            "From an attempt's start to its first content.",
            place,
            buckets=CONTENT_BUCKETS,
            registry=registry,
        )
        self._tokens = Counter(
            "segue_tokens",
            "Tokens that providers reported; the classes do not overlap, output is without reasoning.",
            (*place, "class"),
            registry=registry,
        )
        self._failovers = Counter(
            "segue_failovers",
            "Attempts that followed a failed one at another target.",
            ("from_target", "to_target"),
            registry=registry,
        )
        self._hedges = Counter("segue_hedges", "Attempts beside one that was silent.", ("target",), registry=registry)
        self._continuations = Counter(
            "segue_continuations",
            "Attempts that continued an answer which had broken off.",
            ("target",),
            registry=registry,
        )
        self._cost = Counter(
            "segue_cost_dollars",
            "The cost of attempts, in US dollars, where a price is known; those without a usage report at their estimate.",
            place,
            registry=registry,
        )
        self._bound = Counter(
            "segue_cost_bound_dollars",
            "The most that can have been billed for attempts, in US dollars: the cost, or the bound for those without a usage report.",
            place,
            registry=registry,
        )
        self._unpriced = Counter("segue_unpriced_attempts", "Attempts whose cost is unknown.", place, registry=registry)
        self._gauges = Gauges(registry)
        self._runtime: Runtime | None = None
        self._own: dict[str, str] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        self._callers: dict[tuple[str, int, bool], tuple[_Count, _Waits]] = {}
        self._growing: list[_Count | _Waits] = []
        self._lock = threading.Lock()
        """Of what is counted where an attempt is booked: in the first second of a process that is another thread's."""

    def attach(self, runtime: Runtime) -> None:
        """Shows this client's targets. To be called once, before the first attempt."""
        self._runtime = runtime
        self._own = {target.name: target.model.id for target in usable_targets(runtime)}

    def request(self, dialect: str, status: int, seconds: float, streamed: bool) -> None:
        """A caller's request is over. `dialect` and `status` must come from the server, not from the caller."""
        key = dialect, status, streamed
        known = self._callers.get(key)
        if known is None:
            form = "true" if streamed else "false"
            count = self._count(self._requests.labels(dialect, str(status), form))
            known = self._callers[key] = count, self._waits(self._request_seconds.labels(dialect, form))
        count, waits = known
        count.more += 1.0
        waits.observe(seconds)

    # Reports of the engine.

    def attempt_started(self, start: AttemptStart) -> None:
        name = start.target.name
        if start.continuation:
            self._continuations.labels(name).inc()
        if start.hedge:
            self._hedges.labels(name).inc()
            return
        if start.after:
            self._failovers.labels(start.after, name).inc()

    def attempt_ended(self, end: AttemptEnd) -> None:
        place = self._place(end.start.target)
        place.outcome(end.outcome).more += 1.0
        place.seconds.observe(end.seconds)
        if end.first_content is not None:
            place.first.observe(end.first_content)
        if end.usage is not None:
            place.count(end.usage)

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        place = self._place(end.start.target)
        cost, most = record.cost, record.most
        dollars = float(cost) if cost else 0.0
        with self._lock:
            place.cost.more += dollars
            if cost is None:
                place.unpriced.more += 1.0
            if most:
                place.bound.more += dollars if most is cost else float(most)

    def _place(self, target: Target) -> _Place:
        key = target.name, target.model.id
        place = self._places.get(key)
        if place is None:
            label = target.name, self._model(target)
            place = self._places.get(label)
            if place is None:
                place = self._places[label] = _Place(self, label)
        return place

    def _count(self, counter: Counter) -> _Count:
        self._growing.append(count := _Count(counter))
        return count

    def _waits(self, histogram: Histogram) -> _Waits:
        self._growing.append(waits := _Waits(histogram))
        return waits

    def _model(self, target: Target) -> str:
        if target.model.id == self._own.get(target.name):
            return target.model.id
        known = listed(target.provider, target.model.id)
        return known.id if known is not None else OTHER

    def refresh(self) -> None:
        """Updates the gauges and the library's counters. To be called in the event loop, periodically."""
        with self._lock:
            for each in self._growing:
                each.hand_over()
        self._gauges.in_flight.set(self.in_flight)
        if self._runtime is not None:
            self._gauges.refresh(self._runtime)

    async def look_up(self) -> None:
        """Updates the gauges that are read from a disk or a database, periodically."""
        if self._runtime is not None:
            await self._gauges.look_up(self._runtime)

    def render(self) -> Reply:
        """All metrics in Prometheus' text format. To be called in the event loop."""
        self.refresh()
        registry = self._registry
        if self._shared is not None:
            _bury(Path(self._shared))
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        return 200, {"content-type": CONTENT_TYPE_LATEST}, generate_latest(registry)


class _Count:
    """How much a counter has grown since the latest `hand_over` to the library's, which takes a lock and checks at each call."""

    __slots__ = ("_counter", "more")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.more = 0.0

    def hand_over(self) -> None:
        if self.more:
            self._counter.inc(self.more)
            self.more = 0.0


class _Waits:
    """How much a histogram has grown, likewise."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds = histogram._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def hand_over(self) -> None:
        if any(self._counts):
            self._histogram._sum.inc(self._sum)
            for bucket, count in zip(self._histogram._buckets, self._counts, strict=True):
                if count:
                    bucket.inc(count)
            self._counts = [0] * len(self._bounds)
            self._sum = 0.0


def _bury(directory: Path) -> None:
    """Removes the gauges of a worker that died; its counters stay."""
    for pid in {path.stem.rpartition("_")[2] for path in directory.glob("gauge_live*.db")}:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            mark_process_dead(int(pid), str(directory))  # type: ignore[no-untyped-call]


class _Place:
    """The metrics of one target and model, bound once: looking up labels costs more than counting."""

    __slots__ = (
        "_class",
        "_label",
        "_metrics",
        "_outcomes",
        "bound",
        "cost",
        "first",
        "seconds",
        "unpriced",
    )

    def __init__(self, metrics: Metrics, label: tuple[str, str]) -> None:
        self._metrics = metrics
        self._label = label
        self._outcomes: dict[str, _Count] = {}
        self._class: dict[str, _Count] = {}
        self.seconds = metrics._waits(metrics._seconds.labels(*label))
        self.first = metrics._waits(metrics._first.labels(*label))
        self.cost = metrics._count(metrics._cost.labels(*label))
        self.bound = metrics._count(metrics._bound.labels(*label))
        self.unpriced = metrics._count(metrics._unpriced.labels(*label))

    def outcome(self, outcome: str) -> _Count:
        known = self._outcomes.get(outcome)
        if known is None:
            counter = self._metrics._attempts.labels(*self._label, str(outcome))
            known = self._outcomes[outcome] = self._metrics._count(counter)
        return known

    def count(self, usage: Usage) -> None:
        if usage.input_tokens:
            self._add("input", usage.input_tokens)
        if usage.cache_read_tokens:
            self._add("cache_read", usage.cache_read_tokens)
        if written := usage.cache_write_tokens + usage.cache_write_1h_tokens:
            self._add("cache_write", written)
        if usage.reasoning_tokens:
            self._add("reasoning", usage.reasoning_tokens)
        if (text_tokens := usage.output_tokens - usage.reasoning_tokens) > 0:
            self._add("output", text_tokens)

    def _add(self, name: str, tokens: int) -> None:
        count = self._class.get(name)
        if count is None:
            count = self._class[name] = self._metrics._count(self._metrics._tokens.labels(*self._label, name))
        count.more += tokens
