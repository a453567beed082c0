"""Traces on their way out: one tree from request to side effect, and a receiver that costs nothing when away."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.propagate import inject
from opentelemetry.trace import use_span

from core.telemetry.setup import open_tracing
from core.telemetry.tracing import Attributes, Tracing, continued
from core.traced_ports import traced_port
from tests.peers.otlp import OtlpSink, otlp_sink
from tests.telemetry.test_ports import Shelf

CALLER = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def exporting_to(endpoint: str) -> Tracing:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    return open_tracing("hexastar", "1.2.3", production=False, environ=environ)


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpSink]:
    with otlp_sink() as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.endpoint)
        yield sink


async def request_then_jobs(tracing: Tracing) -> None:
    """Play a request that enqueues a job, which fails once, is taken up again and sends something."""
    server = tracing.server_span("POST /orders", continued(CALLER))
    with use_span(server, end_on_exit=True), tracing.enqueued("orders.ship", "j-1", "orders.ship"):
        carrier: dict[str, str] = {}
        inject(carrier)
    port = traced_port("blob_store", Shelf(), tracing)
    for attempt, key in [(1, "secret"), (2, "parcel")]:
        attributes: Attributes = {
            "messaging.message.id": "j-1",
            "app.job.name": "orders.ship",
            "app.job.attempt": attempt,
        }
        try:
            with tracing.processing("orders.ship", carrier, attributes):
                await port.put(key)
        except Exception:  # noqa: BLE001 - the worker's part
            continue


async def test_a_request_its_job_the_retry_and_their_ports_are_one_tree(sink: OtlpSink) -> None:
    tracing = exporting_to(sink.endpoint)
    await request_then_jobs(tracing)
    tracing.shutdown()
    spans = sink.wait_for(TRACE, spans=6)
    assert sink.tree(TRACE).splitlines() == [
        "POST /orders [server]",
        "  send orders.ship [producer]",
        "    process orders.ship [consumer] ! Rejected",
        "      blob_store.put [client] ! Rejected",
        "    process orders.ship [consumer]",
        "      blob_store.put [client]",
    ]
    send, *attempts = (span for span in spans if "orders.ship" in span.name)
    assert all(attempt.linked_to == [send.span_id] for attempt in attempts)
    assert {span.attributes["messaging.message.id"] for span in (send, *attempts)} == {"j-1"}
    assert [attempt.attributes["app.job.attempt"] for attempt in attempts] == [1, 2]
    assert spans[0].resource["service.name"] == "hexastar"
    assert spans[0].resource["service.version"] == "1.2.3"


async def test_a_job_of_the_schedule_begins_a_trace_of_its_own(sink: OtlpSink) -> None:
    tracing = exporting_to(sink.endpoint)
    with tracing.processing("core.prune", {}, {}) as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    tracing.shutdown()
    (received,) = sink.wait_for(trace_id, spans=1)
    assert (received.parent_id, received.linked_to) == ("", [])


RECORD_AND_END = """
from core.telemetry.setup import open_tracing

tracing = open_tracing("hexastar", "1", production=False)
for _ in range(5000):
    tracing.server_span("GET", None).end()
tracing.shutdown()
print("ended")
"""


@pytest.mark.parametrize("away", ["closed", "slow"])
def test_a_receiver_that_is_away_keeps_no_process_from_ending(away: str) -> None:
    """The exporter alone would go on trying for half a minute; a process of its own shows that it is let go."""
    with otlp_sink(delay=60.0) as sink:
        endpoint = sink.endpoint if away == "slow" else "http://127.0.0.1:9"
        ended = subprocess.run(
            [sys.executable, "-c", RECORD_AND_END],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            timeout=25,
            check=True,
        )
    assert ended.stdout == "ended\n"


async def test_the_thread_that_encodes_spans_gives_way_to_requests_soon(sink: OtlpSink) -> None:
    """How long it may keep the interpreter is the process's switch interval; Python's own is ten times as long."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    try:
        exporting_to(sink.endpoint).shutdown()
        assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before)
