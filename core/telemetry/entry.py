"""The outermost layer of the application: request id, trace, metrics and access log of every HTTP exchange.

One object an exchange does all of it. It wraps Litestar's `asgi_handler`, so that the router's own 404 and 405 pass
through as well; the route's template is known once the router has run, which is before the response starts.
"""

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, set_span_in_context

from core.redaction import redact_text
from core.telemetry import confidences, names
from core.telemetry.access_log import AccessLog
from core.telemetry.activity import current_activity
from core.telemetry.failures import mark_told
from core.telemetry.metrics import Metrics
from core.telemetry.paths import shown_path
from core.telemetry.security import PROBLEM_CODE, report, security_event
from core.telemetry.tracing import EMPTY, Tracing, continued, record_failure

REQUEST_ID: Final = "request_id"
"""Key of the request's id in `scope["state"]`."""
ERROR_TYPE: Final = "error_type"
"""Key in `scope["state"]` under which an exception handler leaves the class name of what became a 5xx."""

FIRST_REFUSAL: Final = 400
IDEMPOTENCY_CONFLICTS: Final = frozenset({"idempotency_in_progress", "idempotency_key_reused"})
CLIENT_CLOSED: Final = 499
"""The status recorded where the client went away before it was answered (as nginx does)."""

_ACCEPTABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")

logger: Final = logging.getLogger(__name__)

RawHeaders = Sequence[tuple[bytes, bytes]]


class TelemetryMiddleware:
    """ASGI application that observes every exchange with `app` and adds headers to every response.

    Args:
        app: what is observed.
        tracing: the application's spans.
        metrics: the application's metrics.
        access_log: writes one record an exchange; None for no access log.
        headers: raw headers, names in lower case, added to each response that does not set them itself.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tracing: Tracing,
        metrics: Metrics,
        access_log: AccessLog | None,
        headers: RawHeaders = (),
    ) -> None:
        self._app = app
        self._tracing = tracing
        self._metrics = metrics
        self._access_log = access_log
        self._headers = tuple(headers)
        self._header_names = frozenset(name for name, _ in headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; anything but HTTP passes through unobserved."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        incoming = dict(scope["headers"])
        exchange = Exchange(scope, send, _request_id(incoming), self._headers, self._header_names)
        span = self._start_span(exchange.scope, incoming)
        scope["state"][REQUEST_ID] = exchange.request_id
        context = attach(set_span_in_context(span, EMPTY))
        activity = current_activity.set(exchange)
        self._metrics.active_requests += 1
        started = perf_counter()
        try:
            await self._app(scope, receive, exchange.send)
        except BaseException as failure:
            exchange.fail(failure)
            if not isinstance(failure, asyncio.CancelledError):
                logger.exception("a request failed outside of the handlers")
                mark_told(failure)
            raise
        finally:
            self._finish(exchange, span, perf_counter() - started)
            current_activity.reset(activity)
            detach(context)

    def _start_span(self, scope: Any, incoming: Mapping[bytes, bytes]) -> Span:
        method, parent = scope["method"], None
        if b"traceparent" in incoming:
            parent = continued(
                {
                    "traceparent": incoming[b"traceparent"].decode("latin-1"),
                    "tracestate": _joined(scope["headers"], b"tracestate") if b"tracestate" in incoming else "",
                }
            )
        return self._tracing.server_span(method if method in names.METHODS else "HTTP", parent)

    def _finish(self, exchange: "Exchange", span: Span, seconds: float) -> None:
        self._metrics.active_requests -= 1
        method = exchange.scope["method"]
        if method not in names.METHODS:
            method = names.UNKNOWN_METHOD
        route, plugin = exchange.route, exchange.plugin
        self._metrics.requests.observe(method, route, exchange.status, plugin, seconds)
        if exchange.status >= FIRST_REFUSAL:
            self._count_refusal(exchange, method)
        if span.is_recording():
            _describe(span, exchange, method)
            span.end()
        if self._access_log is not None:
            self._access_log.write(exchange, span.get_span_context(), method, route, plugin, seconds)

    def _count_refusal(self, exchange: "Exchange", method: str) -> None:
        if exchange.scope["state"].get(PROBLEM_CODE) in IDEMPOTENCY_CONFLICTS:
            self._metrics.idempotency(hit=False)
        event = security_event(exchange.scope, exchange.status)
        if event is not None:
            report(event, exchange.scope, method, exchange.route, exchange.status)
            self._metrics.security_event(event)


class Exchange:
    """One request and its response: what the access log, the metrics and the span want to know of it."""

    __slots__ = ("_extra", "_extra_names", "_send", "request_id", "scope", "size", "status")

    def __init__(
        self, scope: Scope, send: Send, request_id: str, extra: RawHeaders, extra_names: frozenset[bytes]
    ) -> None:
        self.scope: Any = scope
        self.request_id = request_id
        self.status = 0
        self.size = 0
        self._send = send
        self._extra = extra
        self._extra_names = extra_names

    def send(self, message: Message) -> Awaitable[None]:
        """Note what goes to the client and pass it on, the response's start with the added headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode("ascii"))]
            present = {name for name, _ in headers}
            if present.isdisjoint(self._extra_names):
                headers += self._extra
            else:
                headers += [header for header in self._extra if header[0] not in present]
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.size += len(message["body"])
        return self._send(message)

    def fail(self, failure: BaseException) -> None:
        """Note that `failure` left the application instead of a complete response."""
        self.scope["state"][ERROR_TYPE] = type(failure).__qualname__
        if not self.status:
            self.status = CLIENT_CLOSED if isinstance(failure, asyncio.CancelledError) else 500

    @property
    def route(self) -> str:
        """The route's template, or nothing where no route matched."""
        template: str = self.scope.get("path_template", "")
        return template

    @property
    def plugin(self) -> str:
        """The plugin that the route belongs to, or nothing where no route matched or it is nobody's."""
        handler = self.scope.get("route_handler")
        plugin: str = handler.opt.get("plugin", "") if handler is not None else ""
        return plugin

    @property
    def principal(self) -> str:
        """The id of the one who asks, or nothing before authentication."""
        principal = self.scope.get("user")
        return getattr(principal, "id", "")

    def log_fields(self) -> dict[str, str | int]:
        """Return the fields that join a log line to this exchange."""
        return {"request_id": self.request_id, "plugin": self.plugin, "principal": self.principal}

    def confidences(self) -> Iterable[str]:
        """Return what the caller sent."""
        return confidences.of_request(self.scope)


def _joined(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """Return a header that may be given in several fields, as one (RFC 9110, section 5.3)."""
    return b",".join(value for key, value in headers if key == name).decode("latin-1")


def _request_id(incoming: Mapping[bytes, bytes]) -> str:
    offered = incoming.get(b"x-request-id")
    if offered is not None and _ACCEPTABLE_ID.fullmatch(offered):
        request_id = offered.decode("ascii")
        if redact_text(request_id) == request_id:  # what looks like a token or a card is no id
            return request_id
    return f"{random.getrandbits(128):032x}"


def _describe(span: Span, exchange: Exchange, method: str) -> None:
    scope = exchange.scope
    attributes: dict[str, str | int] = {
        names.HTTP_METHOD: method,
        names.URL_PATH: shown_path(scope["path"], exchange.route),
        names.URL_SCHEME: scope.get("scheme", "http"),
        names.HTTP_STATUS: exchange.status,
    }
    if exchange.route:
        span.update_name(f"{method} {exchange.route}")
        attributes[names.HTTP_ROUTE] = exchange.route
    if exchange.plugin:
        attributes[names.PLUGIN] = exchange.plugin
    if scope.get("client"):
        attributes[names.CLIENT_ADDRESS] = scope["client"][0]
    span.set_attributes(attributes)
    if exchange.status >= 500:  # noqa: PLR2004 - HTTP's own number
        record_failure(span, scope["state"].get(ERROR_TYPE, str(exchange.status)))
