"""The recording side of tracing, imported only where traces have a receiver: the SDK takes 0.2 s to import."""

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from core.telemetry import names
from core.telemetry.tracing import DECIDED_KEY, SpanTally, Tracing

FLUSH_SECONDS: Final = 5.0
QUEUE_SIZE: Final = 2048
SWITCH_SECONDS: Final = 0.0005
"""How long the thread that encodes spans keeps the interpreter from the event loop, which waits for it each turn.

A batch of 512 takes 20 ms to encode. With Python's own 5 ms, requests stalled meanwhile: beside that thread the loop's
turns had a p99 of 17 to 28 ms, and have one of 3 to 5 ms with this [measured].
"""

LONGEST_ANSWER: Final = 65_536
"""Bytes of a receiver's answer that are read; what it has to say about spans it refused takes a few hundred."""


def export_traces(service_name: str, service_version: str, ratio: float) -> Tracing:
    """Return tracing that sends spans in batches over OTLP/HTTP, as the `OTEL_*` variables say where and how.

    Sets the process's switch interval. At most 2 048 spans wait (`OTEL_BSP_MAX_QUEUE_SIZE`); more are dropped, so that
    a receiver which is away or slow costs neither memory nor a request's time.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    tally = SpanTally()
    exporter = _Tallied(OTLPSpanExporter(session=_Brief()), tally)
    processor = _Bounded(BatchSpanProcessor(exporter), tally, _queue_size())
    return record_traces(processor, service_name, service_version, ratio, tally=tally)


def record_traces(
    processor: SpanProcessor,
    service_name: str = "hexastar",
    service_version: str = "",
    ratio: float = 1.0,
    *,
    tally: SpanTally | None = None,
) -> Tracing:
    """Return tracing that hands the finished spans of recorded traces to `processor`."""
    service = Resource({"service.name": service_name, "service.version": service_version})
    provider = TracerProvider(
        sampler=ParentBased(_Decided(ratio)),
        resource=Resource.create().merge(service).merge(OTELResourceDetector().detect()),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)

    def close() -> None:
        # The SDK waits up to 30 s for a receiver that is away; a daemon thread lets the process go after five.
        flush = threading.Thread(target=provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)

    return Tracing(provider.get_tracer(names.TRACER), ratio=ratio, close=close, tally=tally)


class _Tallied(SpanExporter):
    """Counts what the exporter could and could not hand over."""

    def __init__(self, exporter: SpanExporter, tally: SpanTally) -> None:
        self._exporter = exporter
        self._tally = tally

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._tally.waiting -= len(spans)
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._tally.sent += len(spans)
        else:
            self._tally.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Bounded(SpanProcessor):
    """Drops and counts the spans for which no room is left, instead of older ones without a count."""

    def __init__(self, processor: SpanProcessor, tally: SpanTally, most: int) -> None:
        self._processor = processor
        self._tally = tally
        self._most = most

    def on_end(self, span: ReadableSpan) -> None:
        if self._tally.waiting >= self._most:
            self._tally.dropped += 1
            return
        self._tally.waiting += 1
        self._processor.on_end(span)

    def shutdown(self) -> None:
        self._processor.shutdown()


class _Brief(requests.Session):
    """Reads of an answer as much as an answer may have: a receiver that never stops talking costs no memory."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = super().send(request, **(options | {"stream": True}))
        with response:
            response._content = response.raw.read(LONGEST_ANSWER)  # noqa: SLF001 - the library offers no bound
        return response


def _queue_size() -> int:
    written = os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "")
    return int(written) if written.isdecimal() and int(written) else QUEUE_SIZE


class _Decided(Sampler):
    """Records traces already chosen at the entry, and a share of those that begin elsewhere."""

    def __init__(self, ratio: float) -> None:
        self._by_ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler = ALWAYS_ON if parent_context and DECIDED_KEY in parent_context else self._by_ratio
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Decided{{{self._by_ratio.get_description()}}}"
