"""Each attempt is one span in the trace of whoever enqueued it, one log record, and one count."""

from typing import Any

import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.typing import EventDict

from core.jobs.declare import Retry, job
from core.telemetry.activity import current_activity
from core.telemetry.recording import record_traces
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
