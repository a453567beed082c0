"""The recording side of tracing, imported only where traces have a receiver: the SDK takes 0.2 s to import."""

import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from core.telemetry import names
from core.telemetry.tracing import DECIDED_KEY, Tracing

FLUSH_SECONDS: Final = 5.0


def export_traces(service_name: str, service_version: str, ratio: float) -> Tracing:
    """Return tracing that sends spans in batches over OTLP/HTTP, as the `OTEL_*` variables say where and how.

    At most 2 048 spans wait (`OTEL_BSP_MAX_QUEUE_SIZE`); more are dropped, so that a receiver which is away or slow
    costs neither memory nor a request's time.
    """
    return record_traces(BatchSpanProcessor(OTLPSpanExporter()), service_name, service_version, ratio)


def record_traces(
    processor: SpanProcessor, service_name: str = "hexastar", service_version: str = "", ratio: float = 1.0
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

    return Tracing(provider.get_tracer(names.TRACER), ratio=ratio, close=close)


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
