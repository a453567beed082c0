"""Traces: which are recorded, where they go, and how one crosses from a request to a job and on to a port.

Set up by the standard `OTEL_*` variables. Spans are recorded only where somebody receives them: without an OTLP
endpoint (or with `OTEL_SDK_DISABLED=true`) neither the SDK nor its exporter is imported; trace ids are still made,
continued and logged, and a span costs next to nothing.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from opentelemetry.context import Context, create_key, set_value
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.telemetry import names
from core.telemetry.trace_state import trace_state_to_pass_on

Attributes = Mapping[str, str | int | float | bool]

EMPTY: Final = Context()
UNRECORDED: Final[Span] = NonRecordingSpan(INVALID_SPAN_CONTEXT)
DECIDED_KEY: Final = create_key("hexastar-decided")
"""Marks a context whose trace has been chosen to be recorded; the sampler then asks no second time."""

_DECIDED: Final = set_value(DECIDED_KEY, True, EMPTY)  # noqa: FBT003 - the API takes the value by position
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_NO_STATE: Final = TraceState()
_NOTHING: Final = nullcontext(UNRECORDED)
_W3C: Final = TraceContextTextMapPropagator()


def continued(carrier: Mapping[str, str]) -> SpanContext | None:
    """Return the caller's span from `traceparent` and `tracestate` (W3C Trace Context), or None.

    Malformed values count as absent, so a bad caller gets a new trace and never an error; of `tracestate`, what may go
    on is kept. Baggage is not read.
    """
    if state := carrier.get("tracestate"):
        carrier = {"traceparent": carrier.get("traceparent", ""), "tracestate": trace_state_to_pass_on(state)}
    span = get_current_span(_W3C.extract(carrier, EMPTY)).get_span_context()
    return span if span.is_valid else None


def unobserved_trace(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the trace that a request without a span belongs to, in hexadecimal: its caller's, or a fresh one.

    For requests that are refused before any of their work begins.
    """
    for name, value in headers:
        if name == b"traceparent" and (caller := continued({"traceparent": value.decode("latin-1")})):
            return f"{caller.trace_id:032x}"
    return f"{random.getrandbits(128):032x}"


def current_ids() -> tuple[str, str]:
    """Return the current trace and span id in hexadecimal, as logs and problem documents show them, or empty."""
    span = get_current_span().get_span_context()
    return (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else ("", "")


def record_failure(span: Span, error_type: str) -> None:
    """Mark `span` as failed. Only the kind of error is kept: messages may quote what a user sent."""
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(Status(StatusCode.ERROR))


class SpanTally:
    """What became of the recorded spans: how many wait to be sent, were sent, were not, and found no room to wait."""

    __slots__ = ("dropped", "failed", "sent", "waiting")

    def __init__(self) -> None:
        self.waiting = self.sent = self.failed = self.dropped = 0


class Tracing:
    """The spans of one application.

    Args:
        tracer: records spans; None where nobody receives them.
        ratio: the share of new traces to record; a caller's decision is followed whatever it is.
        close: sends what is left and stops.
        tally: counts the spans on their way out.
    """

    def __init__(
        self,
        tracer: Tracer | None = None,
        *,
        ratio: float = 0.0,
        close: Callable[[], None] = lambda: None,
        tally: SpanTally | None = None,
    ) -> None:
        self.tally = tally or SpanTally()
        self._tracer = tracer
        self._ratio = ratio
        self._close = close

    def server_span(self, name: str, parent: SpanContext | None) -> Span:
        """Return the started span of a request, or a mere carrier of its ids where it is not recorded.

        The decision falls here and early, so that the many requests that are not recorded pay for two numbers only.
        """
        if parent is not None:
            remote = NonRecordingSpan(parent)
            if self._tracer is None or not parent.trace_flags.sampled:
                return remote
            return self._tracer.start_span(name, set_span_in_context(remote, EMPTY), SpanKind.SERVER)
        if self._tracer is not None and random.random() < self._ratio:  # noqa: S311 - sampling, no secret
            return self._tracer.start_span(name, _DECIDED, SpanKind.SERVER)
        trace_id, span_id = random.getrandbits(128), random.getrandbits(64)
        return NonRecordingSpan(SpanContext(trace_id, span_id, False, _NOT_SAMPLED, _NO_STATE))  # noqa: FBT003

    def would_record(self) -> bool:
        """Tell whether a span opened here and now would be recorded."""
        if self._tracer is None:
            return False
        current = get_current_span()
        return current.is_recording() or not current.get_span_context().is_valid

    def start_span(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
    ) -> Span:
        """Return a started span under the current one, for the caller to end; it does not become the current one."""
        if self._tracer is None or not self.would_record():
            return UNRECORDED
        return self._tracer.start_span(name, None, kind, attributes)

    def span(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
    ) -> AbstractContextManager[Span]:
        """Open a span under the current one; free where the current one is not recorded.

        An exception that leaves the block marks the span as failed with the exception's class as `error.type`.
        """
        span = self.start_span(name, kind=kind, attributes=attributes)
        return _NOTHING if span is UNRECORDED else _running(span)

    def processing(
        self, queue: str, carrier: Mapping[str, str], attributes: Attributes
    ) -> AbstractContextManager[Span]:
        """Open the CONSUMER span of one attempt at a job, in the trace of whoever enqueued it and linked to it.

        `carrier` holds `traceparent` and `tracestate` of what enqueued the job; it is empty for jobs of the schedule.
        """
        parent = continued(carrier)
        if self._tracer is None or (parent is not None and not parent.trace_flags.sampled):
            return use_span(NonRecordingSpan(parent)) if parent is not None else _NOTHING
        context = set_span_in_context(NonRecordingSpan(parent), EMPTY) if parent is not None else EMPTY
        links = [Link(parent)] if parent is not None else None
        common = {
            names.MESSAGING_SYSTEM: names.MESSAGING_SYSTEM_JOBS,
            names.MESSAGING_OPERATION_TYPE: "process",
            names.MESSAGING_OPERATION_NAME: "process",
            names.MESSAGING_DESTINATION: queue,
        }
        return _running(
            self._tracer.start_span(f"process {queue}", context, SpanKind.CONSUMER, common | dict(attributes), links)
        )

    def enqueued(self, queue: str, message_id: str, job: str) -> AbstractContextManager[Span]:
        """Open the PRODUCER span around writing a job row; free where the current span is not recorded."""
        return self.span(
            f"send {queue}",
            kind=SpanKind.PRODUCER,
            attributes={
                names.MESSAGING_SYSTEM: names.MESSAGING_SYSTEM_JOBS,
                names.MESSAGING_OPERATION_TYPE: "send",
                names.MESSAGING_OPERATION_NAME: "send",
                names.MESSAGING_DESTINATION: queue,
                names.MESSAGING_MESSAGE_ID: message_id,
                names.JOB_NAME: job,
            },
        )

    def shutdown(self) -> None:
        """Send what is left and stop; returns within five seconds even where the receiver is away."""
        self._close()


@contextmanager
def _running(span: Span) -> Iterator[Span]:
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as failure:
            record_failure(span, type(failure).__qualname__)
            raise
