"""Metrics in the text format of Prometheus, one registry an application.

The number of series is fixed by the code: labels are route templates, known methods, statuses, plugins and job
names, never anything that a caller makes up. Processes that share a port answer for each other; see `siblings`.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client import generate_latest as render
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from core.auth import Access
from core.telemetry import names
from core.telemetry.operations import OperationDurations
from core.telemetry.security import SecurityEvent
from core.telemetry.siblings import merged
from core.telemetry.tracing import SpanTally
from ports.storage import Storage

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_JOB_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class RequestDurations(Collector):
    """The duration of requests by method, route, status and plugin.

    Written by the event loop's thread only, so it needs no locks and costs a fraction of the library's histogram.
    """

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int, str], list[float]] = {}

    def observe(self, method: str, route: str, status: int, plugin: str, seconds: float) -> None:
        """Count one request. Method, route and plugin come from the code's own fixed sets."""
        key = (method, route, status, plugin)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = [0.0] * (len(BUCKETS) + 2)
        series[bisect_left(BUCKETS, seconds)] += 1
        series[-1] += seconds

    def collect(self) -> Iterable[Metric]:
        """Return the histogram as Prometheus reads it: cumulative buckets and a sum."""
        family = HistogramMetricFamily(
            names.REQUEST_DURATION,
            "Duration of HTTP server requests.",
            labels=("method", "route", "status", "plugin"),
        )
        for (method, route, status, plugin), series in list(self._series.items()):
            family.add_metric((method, route, str(status), plugin), list(_cumulative(series)), series[-1])
        return [family]


def _cumulative(series: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), series, strict=False):
        total += count
        yield bound, total


class SpanCounts(Collector):
    """What became of the spans that were recorded, so that a receiver which is away shows."""

    def __init__(self, tally: SpanTally) -> None:
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        """Return a counter by outcome, and how many wait."""
        family = CounterMetricFamily(names.SPANS, "Recorded spans by what became of them.", labels=("outcome",))
        for outcome in ("sent", "failed", "dropped"):
            family.add_metric((outcome,), getattr(self._tally, outcome))
        waiting = GaugeMetricFamily(names.SPANS_WAITING, "Recorded spans that wait to be sent.")
        waiting.add_metric((), self._tally.waiting)
        return [family, waiting]


class PoolCounts(Collector):
    """How the store's connections are used, asked of the store at each scrape and of nobody in between.

    `storage` is None until the application has opened its store.
    """

    def __init__(self) -> None:
        self.storage: Storage | None = None

    def collect(self) -> Iterable[Metric]:
        """Return connections by state, the time spent waiting for one, and how often in vain."""
        if self.storage is None:
            return []
        usage = self.storage.usage()
        connections = GaugeMetricFamily(names.DB_CONNECTIONS, "Connections to the database.", labels=("state",))
        connections.add_metric(("idle",), usage.idle)
        connections.add_metric(("used",), usage.open - usage.idle)
        waits = SummaryMetricFamily(
            names.DB_WAIT, "Waits for a connection that was in use.", count_value=usage.waits, sum_value=usage.waited
        )
        timeouts = CounterMetricFamily(names.DB_TIMEOUTS, "Waits for a connection that were in vain.")
        timeouts.add_metric((), usage.timeouts)
        return [connections, waits, timeouts]


class Metrics:
    """The application's metrics. Plugins may add their own to `registry`, with labels from fixed sets."""

    def __init__(self, version: str = "") -> None:
        self.registry: Final = CollectorRegistry(auto_describe=False)
        self.requests: Final = RequestDurations()
        self.active_requests = 0
        self.registry.register(self.requests)
        self._pool = PoolCounts()
        self.registry.register(self._pool)
        self._operations = OperationDurations()
        self.registry.register(self._operations)
        active = Gauge(names.REQUESTS_ACTIVE, "Requests that are being served.", registry=self.registry)
        active.set_function(lambda: self.active_requests)
        self._enqueued = self._counter(names.JOBS_ENQUEUED, "Job rows written.")
        self._completed = self._counter(names.JOBS_COMPLETED, "Jobs done.")
        self._retried = self._counter(names.JOBS_RETRIED, "Attempts that failed and will be repeated.")
        self._dead = self._counter(names.JOBS_DEAD, "Jobs given up after their last attempt.")
        self._rescued = self._counter(names.JOBS_RESCUED, "Jobs taken over from a worker that went away.")
        self._depth = Gauge(names.JOBS_DEPTH, "Jobs due and waiting.", ("queue",), registry=self.registry)
        self._oldest_age = Gauge(
            names.JOBS_OLDEST_AGE, "Age of the oldest due job.", ("queue",), registry=self.registry
        )
        self._auth_failed = Counter(names.AUTH_FAILED, "Requests without a valid credential.", registry=self.registry)
        self._denied = Counter(
            names.AUTH_DENIED, "Requests that their credential did not allow.", registry=self.registry
        )
        self._rate_limited = Counter(names.RATE_LIMITED, "Requests over a rate limit.", registry=self.registry)
        self._replayed = Counter(
            names.IDEMPOTENCY_HIT, "Requests answered from their Idempotency-Key.", registry=self.registry
        )
        self._conflicts = Counter(
            names.IDEMPOTENCY_CONFLICT, "Requests whose Idempotency-Key was in use.", registry=self.registry
        )
        self._job_duration = Histogram(
            names.JOB_DURATION, "Duration of attempts at jobs.", ("job",), buckets=_JOB_BUCKETS, registry=self.registry
        )
        self._lag = Histogram(
            names.LOOP_LAG, "How late the event loop wakes up.", buckets=_LAG_BUCKETS, registry=self.registry
        )
        Info(names.BUILD, "What is running.", registry=self.registry).info({"version": version})
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _counter(self, name: str, description: str) -> Counter:
        return Counter(name, description, ("job",), registry=self.registry)

    def security_event(self, event: SecurityEvent) -> None:
        """Count a refusal that tells something about whoever was refused."""
        match event:
            case SecurityEvent.AUTH_FAILED:
                self._auth_failed.inc()
            case SecurityEvent.ACCESS_DENIED:
                self._denied.inc()
            case SecurityEvent.RATE_LIMITED:
                self._rate_limited.inc()

    def watch_spans(self, tally: SpanTally) -> None:
        """Show from now on what becomes of recorded spans."""
        self.registry.register(SpanCounts(tally))

    def watch_storage(self, storage: Storage) -> None:
        """Show from now on how the store's connections are used, and how long its operations take."""
        self._pool.storage = self._operations.storage = storage

    def idempotency(self, *, hit: bool) -> None:
        """Count a request that was answered from its key, or one whose key was in use."""
        (self._replayed if hit else self._conflicts).inc()

    def request_refused(self, scope: Scope) -> None:
        """Count a request that was sent away at the door, before anybody knew its route."""
        method = scope.get("method", "")
        self.requests.observe(method if method in names.METHODS else names.UNKNOWN_METHOD, "", 503, "", 0.0)

    def job_enqueued(self, job: str) -> None:
        """Count a job row, after its commit."""
        self._enqueued.labels(job).inc()

    def job_completed(self, job: str, seconds: float) -> None:
        """Count a job that is done and the duration of its last attempt."""
        self._completed.labels(job).inc()
        self._job_duration.labels(job).observe(seconds)

    def job_retried(self, job: str, seconds: float) -> None:
        """Count an attempt that failed and will be repeated."""
        self._retried.labels(job).inc()
        self._job_duration.labels(job).observe(seconds)

    def job_dead(self, job: str, seconds: float) -> None:
        """Count a job that was given up."""
        self._dead.labels(job).inc()
        self._job_duration.labels(job).observe(seconds)

    def job_rescued(self, job: str) -> None:
        """Count a job whose lease ran out under another worker."""
        self._rescued.labels(job).inc()

    def queue_measured(self, lane: str, depth: int, oldest_age: float) -> None:
        """Report how many jobs of a lane are due and waiting, and the age in seconds of the oldest of them."""
        self._depth.labels(lane).set(depth)
        self._oldest_age.labels(lane).set(oldest_age)

    async def watch_loop(self, interval: float = 0.5) -> None:
        """Measure until cancelled how late the running event loop wakes a sleeper."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + interval
            await asyncio.sleep(interval)
            self._lag.observe(max(0.0, loop.time() - due))


class _Merged(CollectorRegistry):
    """What is rendered: the counts of all processes of this server."""

    def __init__(self, own: CollectorRegistry) -> None:
        super().__init__()
        self._own = own

    def collect(self) -> Iterable[Metric]:
        return merged(self._own)


def route(access: Access) -> HTTPRouteHandler:
    """Return the handler of `GET /metrics`; it shows the `Metrics` found as `metrics` in the application's state."""

    @get("/metrics", access=access, plugin="core", include_in_schema=False, sync_to_thread=False)
    def scrape(request: Request[Any, Any, Any]) -> Response[bytes]:
        metrics: Metrics = request.app.state.metrics
        return Response(render(_Merged(metrics.registry)), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return scrape
