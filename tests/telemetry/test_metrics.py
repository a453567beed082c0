"""The metrics of one application, as Prometheus reads them."""

import asyncio
import contextlib

import httpx
from litestar import Litestar
from litestar.datastructures import State
from prometheus_client.parser import text_string_to_metric_families

from core.auth import PUBLIC
from core.telemetry import metrics as metrics_module
from core.telemetry.metrics import BUCKETS, Metrics


def value(metrics: Metrics, sample: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(sample, labels)


def test_each_job_is_counted_by_its_outcome_and_timed() -> None:
    metrics = Metrics()
    metrics.job_enqueued("orders.ship")
    metrics.job_retried("orders.ship", 0.2)
    metrics.job_rescued("orders.ship")
    metrics.job_completed("orders.ship", 0.1)
    metrics.job_dead("orders.bill", 40.0)
    for outcome in ("enqueued", "retried", "rescued", "completed"):
        assert value(metrics, f"app_jobs_{outcome}_total", job="orders.ship") == 1
    assert value(metrics, "app_jobs_dead_total", job="orders.bill") == 1
    assert value(metrics, "messaging_process_duration_seconds_count", job="orders.ship") == 2
    assert value(metrics, "messaging_process_duration_seconds_sum", job="orders.bill") == 40


def test_the_queue_shows_its_depth_and_the_age_of_the_oldest() -> None:
    metrics = Metrics()
    metrics.queue_measured("orders", 7, 61.5)
    assert value(metrics, "app_jobs_depth", queue="orders") == 7
    assert value(metrics, "app_jobs_oldest_age_seconds", queue="orders") == 61.5


def test_a_duration_falls_into_the_bucket_it_does_not_exceed() -> None:
    metrics = Metrics()
    for seconds in (0.005, 0.0051, 11.0):
        metrics.requests.observe("GET", "/x", 200, "shop", seconds)
    labels = {"method": "GET", "route": "/x", "status": "200", "plugin": "shop"}
    name = "http_server_request_duration_seconds"
    counts = [value(metrics, f"{name}_bucket", le=str(bound), **labels) for bound in (*BUCKETS, "+Inf")]
    assert counts == [1, *[2] * (len(BUCKETS) - 1), 3]
    assert value(metrics, f"{name}_count", **labels) == 3
    assert abs((value(metrics, f"{name}_sum", **labels) or 0) - 11.0101) < 1e-9


def test_two_applications_in_one_process_count_by_themselves() -> None:
    first, second = Metrics("1"), Metrics("2")
    first.job_enqueued("a.b")
    assert value(second, "app_jobs_enqueued_total", job="a.b") is None
    assert value(second, "app_build_info", version="2") == 1


async def test_how_long_the_event_loop_was_blocked_is_measured() -> None:
    metrics = Metrics()
    loop = asyncio.get_running_loop()
    watch = asyncio.create_task(metrics.watch_loop(interval=0.001))
    await asyncio.sleep(0)
    released = loop.time() + 0.03
    while loop.time() < released:
        continue
    async with asyncio.timeout(5):
        while not value(metrics, "app_event_loop_lag_seconds_count"):  # noqa: ASYNC110 - a number cannot be awaited
            await asyncio.sleep(0)
    assert (value(metrics, "app_event_loop_lag_seconds_sum") or 0) > 0.02
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch


async def test_the_route_answers_what_a_scraper_can_parse() -> None:
    metrics = Metrics("1.2.3")
    metrics.requests.observe("GET", "/x", 200, "shop", 0.1)
    app = Litestar([metrics_module.route(PUBLIC)], state=State({"metrics": metrics}), logging_config=None)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"http_server_request_duration_seconds", "http_server_active_requests", "app_build_info"} <= families
