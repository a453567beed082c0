"""Each attempt is one span in the trace of whoever enqueued it, one log record, and one count."""

from typing import Any

import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import use_span
from structlog.typing import EventDict

from core.jobs.declare import Retry, job
from core.telemetry.activity import current_activity
from core.telemetry.recording import record_traces
from core.telemetry.tracing import continued
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note


class Nothing(msgspec.Struct):
    pass


fields: list[dict[str, Any]] = []


@job("shop.work", attempts=2, backoff=(0,))
async def work(payload: Nothing, uow: UnitOfWork) -> None:
    del payload
    activity = current_activity.get()
    assert activity is not None
    fields.append(activity.log_fields())
    await note(uow, "ran")
    if len(fields) == 1:
        raise Retry(after=0)


@job("shop.plan")
async def plan(payload: Nothing, uow: UnitOfWork) -> None:
    await uow.enqueue(work, payload)


class Counts:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def job_completed(self, job: str, seconds: float) -> None:
        self.seen.append(f"completed {job} {seconds >= 0}")

    def job_retried(self, job: str, seconds: float) -> None:
        self.seen.append(f"retried {job} {seconds >= 0}")

    def job_dead(self, job: str, seconds: float) -> None:
        self.seen.append(f"dead {job} {seconds >= 0}")

    def job_rescued(self, job: str) -> None:
        self.seen.append(f"rescued {job}")

    def queue_measured(self, lane: str, depth: int, oldest_age: float) -> None:
        self.seen.append(f"measured {lane} {depth} {oldest_age >= 0}")


async def test_an_attempt_is_a_span_a_record_and_a_count(shop: Workshop, logs: list[EventDict]) -> None:
    exporter = InMemorySpanExporter()
    tracing = record_traces(SimpleSpanProcessor(exporter))
    fields.clear()
    counts = Counts()
    shop.use(work)
    with tracing.span("request") as request:
        job_id = await shop.enqueue(work, Nothing())
    async with shop.working(tracing=tracing, metrics=counts):
        await shop.in_state("done")
    spans: list[ReadableSpan] = [span for span in exporter.get_finished_spans() if span.name == "process shop.work"]
    assert len(spans) == 2
    for number, span in enumerate(spans, start=1):
        assert span.parent is not None
        assert span.context.trace_id == request.get_span_context().trace_id
        assert span.parent.span_id == request.get_span_context().span_id == span.links[0].context.span_id
        assert span.attributes is not None
        assert span.attributes["app.job.attempt"] == number
        assert span.attributes["messaging.message.id"] == str(job_id)
        wait = span.attributes["app.job.wait_ms"]
        assert isinstance(wait, float)
        assert wait >= 0
    assert [record["event"] for record in logs if record["event"].startswith("job ")] == ["job failed", "job done"]
    assert [one["attempt"] for one in fields] == [1, 2]
    assert {(one["job"], one["plugin"], one["job_id"]) for one in fields} == {("shop.work", "shop", str(job_id))}
    assert "measured shop 1 True" in counts.seen
    assert counts.seen[-2:] == ["retried shop.work True", "completed shop.work True"]


async def test_what_the_callers_tracing_systems_want_carried_goes_on_to_jobs_of_jobs_and_their_retries(
    shop: Workshop,
) -> None:
    exporter = InMemorySpanExporter()
    tracing = record_traces(SimpleSpanProcessor(exporter))
    fields.clear()
    shop.use(work, plan)
    caller = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1,b=2"}
    with use_span(tracing.server_span("request", continued(caller)), end_on_exit=True):
        await shop.enqueue(plan, Nothing())
    async with shop.working(tracing=tracing):
        await shop.in_state("done", count=2)
    spans = [span for span in exporter.get_finished_spans() if span.name.startswith("process ")]
    assert [span.name for span in spans] == ["process shop.plan", "process shop.work", "process shop.work"]
    assert {span.context.trace_state.to_header() for span in spans} == {"a=1,b=2"}


async def test_a_caller_who_does_not_record_has_its_state_carried_too(shop: Workshop) -> None:
    tracing = record_traces(SimpleSpanProcessor(InMemorySpanExporter()))
    shop.use(work)
    caller = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "tracestate": "a=1"}
    with use_span(tracing.server_span("request", continued(caller))):
        await shop.enqueue(work, Nothing())
    await shop.enqueue(work, Nothing())
    rows = await shop.connection.fetch("SELECT trace, trace_state FROM core.jobs ORDER BY id")
    assert [row["trace_state"] for row in rows] == ["a=1", None]
    assert rows[0]["trace"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
