"""A receiver of traces over OTLP/HTTP on loopback, and a trace printed as a tree.

    with otlp_sink() as sink:
        ...                                        # OTEL_EXPORTER_OTLP_ENDPOINT = sink.endpoint
        print(sink.wait_for(trace_id, spans=3))

It can misbehave; `behave` switches what it does from the next export on:

    ok       takes the spans
    hang     takes them and never answers (till the sink closes)
    500      refuses them
    429      refuses them and asks for an hour's patience
    half     takes them and breaks off in the middle of its answer
    huge     takes them and never stops answering

`python -m tests.peers.otlp` runs one by hand and prints every trace as it arrives.
"""

import gzip
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it arrived; ids are hexadecimal, `parent_id` is empty for a root."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    attributes: dict[str, Any]
    failed: bool
    start: int
    linked_to: list[str]
    trace_state: str
    resource: dict[str, Any] = field(repr=False)


class OtlpSink:
    """What has arrived so far."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.mode = "ok"
        self.exports = 0
        self._spans: list[ReceivedSpan] = []
        self._arrival = threading.Condition()

    def behave(self, mode: str) -> None:
        """Switch what it does."""
        self.mode = mode

    def take(self, body: bytes) -> None:
        """Keep the spans of one export."""
        request = ExportTraceServiceRequest.FromString(body)
        spans = [
            _received(span, {one.key: _plain(one.value) for one in group.resource.attributes})
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        with self._arrival:
            self._spans += spans
            self._arrival.notify_all()

    def spans(self, trace_id: str | None = None) -> list[ReceivedSpan]:
        """Return the spans of one trace, or all of them, by start."""
        found = [span for span in list(self._spans) if trace_id in {None, span.trace_id}]
        return sorted(found, key=lambda span: span.start)

    def wait_for(self, trace_id: str, spans: int, seconds: float = 10.0) -> list[ReceivedSpan]:
        """Return the trace once it has that many spans; fail after the given time."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self.spans(trace_id)) >= spans, seconds):
                raise AssertionError(f"{len(self.spans(trace_id))} spans of {spans} arrived:\n{self.tree(trace_id)}")
        return self.spans(trace_id)

    def tree(self, trace_id: str) -> str:
        """Return the trace as an indented tree, one span a line; children of spans not here stand at the top."""
        spans = self.spans(trace_id)
        children: dict[str, list[ReceivedSpan]] = defaultdict(list)
        here = {span.span_id for span in spans}
        for span in spans:
            children[span.parent_id if span.parent_id in here else ""].append(span)

        def lines(parent: str, depth: int) -> Iterator[str]:
            for span in children[parent]:
                mark = f" ! {span.attributes.get('error.type', '')}" if span.failed else ""
                yield f"{'  ' * depth}{span.name} [{span.kind}]{mark}"
                yield from lines(span.span_id, depth + 1)

        return "\n".join(lines("", 0))


def _received(span: SpanMessage, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        attributes={one.key: _plain(one.value) for one in span.attributes},
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        start=span.start_time_unix_nano,
        linked_to=[link.span_id.hex() for link in span.links],
        trace_state=span.trace_state,
        resource=resource,
    )


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


class _Handler(BaseHTTPRequestHandler):
    """Answers an export as the sink behaves."""

    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        sink, released = self.server.sink, self.server.released
        sink.exports += 1
        released.wait(self.server.delay)
        match sink.mode:
            case "hang":
                released.wait()
            case "500":
                self._answer(500, b"no spans today " * 1000)
            case "429":
                self._answer(429, b"", {"retry-after": "3600"})
            case "half":
                self._answer(200, b"half", {"content-length": "4096"})
            case "huge":
                self._talk_on(released)
            case _:
                sink.take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self._answer(200, b"")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        common = {"content-type": "application/x-protobuf", "content-length": str(len(body))}
        for name, value in (common | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _talk_on(self, released: threading.Event) -> None:
        self._answer(200, b"", {"content-length": str(10**12)})
        with suppress(OSError):
            while not released.is_set():
                self.wfile.write(bytes(65_536))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, delay: float) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.sink = OtlpSink(f"http://127.0.0.1:{self.server_port}")
        self.released = threading.Event()
        self.delay = delay

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def otlp_sink(port: int = 0, *, delay: float = 0.0) -> Iterator[OtlpSink]:
    """Start a receiver; it answers each export after `delay` seconds."""
    with _Server(port, delay) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.sink
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


def main() -> None:
    """Receive until interrupted and print each trace when it has grown."""
    with otlp_sink(4318) as sink:
        sys.stdout.write(f"OTEL_EXPORTER_OTLP_ENDPOINT={sink.endpoint}\n")
        shown: dict[str, int] = {}
        while True:
            time.sleep(1)
            for trace_id in dict.fromkeys(span.trace_id for span in sink.spans()):
                count = len(sink.spans(trace_id))
                if shown.get(trace_id) != count:
                    shown[trace_id] = count
                    sys.stdout.write(f"{trace_id}\n{sink.tree(trace_id)}\n\n")


if __name__ == "__main__":
    main()
