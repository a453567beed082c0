"""A small application under the telemetry middleware, and what it reported."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx
import msgspec
from litestar import Litestar, Request, get, post
from litestar.params import FromPath
from litestar.response import Stream
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.auth import Principal
from core.telemetry.access_log import AccessLog, AccessRecord
from core.telemetry.entry import TelemetryMiddleware
from core.telemetry.metrics import Metrics
from core.telemetry.recording import record_traces
from core.telemetry.tracing import Tracing, current_ids

HEADERS = ((b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'"))


@get("/items/{item:int}", plugin="shop", sync_to_thread=False)
def show(item: FromPath[int]) -> dict[str, Any]:
    trace_id, span_id = current_ids()
    return {"item": item, "trace_id": trace_id, "span_id": span_id}


@get("/onward", plugin="shop", sync_to_thread=False)
def onward() -> dict[str, str]:
    """Answer what a call to somebody else would carry, by OpenTelemetry's own way of asking."""
    carried: dict[str, str] = {}
    inject(carried)
    return carried


@get("/whoami", plugin="shop", sync_to_thread=False)
def whoami(request: Request[Any, Any, Any]) -> dict[str, str]:
    request.scope["user"] = Principal(id="0192-ada", kind="user")
    return {"request_id": request.scope["state"]["request_id"]}


@post("/broken", plugin="shop", sync_to_thread=False)
def broken() -> None:
    raise LookupError("the password is swordfish")


@get("/page", plugin="shop", response_headers={"Content-Security-Policy": "default-src 'self'"}, sync_to_thread=False)
def page() -> str:
    return "hello"


@get("/stream", plugin="shop", sync_to_thread=False)
def stream() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"three"

    return Stream(parts())


@dataclass
class Observation:
    """The application's client, and everything it reported."""

    client: httpx.AsyncClient
    metrics: Metrics
    tracing: Tracing
    records: list[AccessRecord]
    _exporter: InMemorySpanExporter

    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def span(self) -> ReadableSpan:
        (only,) = self.spans()
        return only

    def record(self) -> AccessRecord:
        (only,) = self.records
        return only


@asynccontextmanager
async def observed(ratio: float = 1.0) -> AsyncIterator[Observation]:
    """Serve the application, recording the given share of traces."""
    exporter = InMemorySpanExporter()
    tracing = record_traces(SimpleSpanProcessor(exporter), ratio=ratio)
    metrics, records = Metrics("1.2.3"), list[AccessRecord]()
    app = Litestar([show, onward, whoami, broken, page, stream], openapi_config=None, logging_config=None)
    app.asgi_handler = TelemetryMiddleware(
        app.asgi_handler, tracing=tracing, metrics=metrics, access_log=AccessLog(records.append), headers=HEADERS
    )
    transport = httpx.ASGITransport(app=cast("Any", app), client=("203.0.113.9", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        yield Observation(client, metrics, tracing, records, exporter)
    tracing.shutdown()


@contextmanager
def lines() -> Iterator[tuple[io.BytesIO, Any]]:
    """Yield a stream for log lines and a function that returns them decoded."""
    stream = io.BytesIO()

    def decoded() -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]

    yield stream, decoded
