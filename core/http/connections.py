"""Connections under uvicorn: how long a client may take, how much it may send unheard, and how many clients there are.

uvicorn waits for ever for the rest of a head, for a client that does not read, and for the body of a request that
has been answered; it keeps heads and trailers of any size and requests of any number in memory, and takes connections
until there are no file descriptors left [measured, 0.54]. It takes trailers, which come after the body and which
proxies need not look at, for headers. Its own refusals are plain text; here they are problem documents.
"""

import asyncio
import uuid
from functools import partial
from typing import Any, Final, Protocol, cast

from litestar.types import HTTPScope, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from core.http.head_limits import MAX_HEAD, MAX_HEADERS
from core.http.headers import response_headers
from core.http.problem_handlers import render
from core.http.problem_types import BAD_REQUEST, HEAD_TOO_LARGE, OVERLOADED
from core.http.problems import PROBLEM_MEDIA_TYPE, TRACE_ID, Problem, ProblemRegistry
from core.http.sending import Sender
from core.telemetry.tracing import unobserved_trace
from core.telemetry.unread import Unread, UnreadRequest

SMALL_BODY: Final = 64 * 1024
"""Bytes of a body that is taken to its end, so that its connection can be kept, when it has been answered early."""

MAX_FRAMING: Final = 16 * 1024
"""Bytes of a chunked body that are not the body: what chunks say about themselves beyond the need, and trailers."""

FRAMING_OF_A_CHUNK: Final = 16
"""Bytes of framing that a chunk, or a part of one that is read at once, is allowed; and as many as it is long."""

MAX_PIPELINED: Final = 16
"""Requests on one connection that wait for their turn; all that is read at once is parsed, 256 KB of them."""

_HEADERS: Final = (*response_headers(hsts=False), (b"connection", b"close"))


class Limits(Protocol):
    """What is needed of the `[http]` section."""

    @property
    def header_timeout(self) -> float:
        """Seconds to the end of a request's head, from its first byte or the connection's start."""

    @property
    def write_timeout(self) -> float:
        """Seconds within which a client takes what waits for it."""

    @property
    def max_connections(self) -> int:
        """Connections that one process holds at once."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which loses its patience. Takes its limits from the application that it serves."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        state: Any = cast("Any", config.loaded_app).state
        self._limits: Limits = state.services.config.http
        self._registry: ProblemRegistry = state.problems
        self._unread: Unread = state.unread
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        self._in_head = False
        self._head_size = 0
        self._fed = 0
        self._framing = 0
        self._broken_by = BAD_REQUEST
        self._would_keep_alive = False
        self.url = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, where there is room for it."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._refuse(Problem(OVERLOADED, headers={"Retry-After": "1"}))
        else:
            self._watch_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and let whoever is answering on it know; uvicorn tells the last in the queue only."""
        answering = self._answering
        if answering is not None and not answering.response_complete:
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)
        self._stop_reading_watch()
        self._stop_writing_watch()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as long as it is wanted."""
        if self.transport.is_closing():
            return
        self._fed = len(data)
        if self._in_head:
            self._head_size += self._fed
        else:
            self._framing += self._fed
        super().data_received(data)
        if self._in_head and self._head_size > MAX_HEAD:
            self._broken_by = HEAD_TOO_LARGE
            self.send_400_response("")
        elif not self._in_head and self._framing > MAX_FRAMING:
            self.send_400_response("")
        elif self._awaits_head():
            self._watch_reading()

    def on_message_begin(self) -> None:
        """Count the head from here."""
        super().on_message_begin()
        self._in_head = True
        self._head_size = self._fed

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which pays for its framing."""
        self._framing = max(0, self._framing - 2 * len(body) - FRAMING_OF_A_CHUNK)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Serve the request, where its head is of a sensible size and not too many wait before it."""
        self._in_head = False
        self._framing = 0
        if self._reading is not None:
            self._stop_reading_watch()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests wait for their turn")
        if len(self.headers) > MAX_HEADERS or (self._head_size > MAX_HEAD and self._size_of_head() > MAX_HEAD):
            self._broken_by = HEAD_TOO_LARGE
            raise ValueError("the head is too large")
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self._would_keep_alive = self.cycle.keep_alive
            if _announces_much(self.headers):
                self.cycle.keep_alive = False
            self.headers = []  # the request has its own; what is added from here on are trailers, which are none

    def on_message_complete(self) -> None:
        """Keep the connection, now that nothing of the request is left to read."""
        super().on_message_complete()
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = self._would_keep_alive

    def on_response_complete(self) -> None:
        """Wait for the client to take the answer, and for its next request."""
        super().on_response_complete()
        self._watch_writing()

    def shutdown(self) -> None:
        """Close as soon as what is being answered has been."""
        self._would_keep_alive = False
        super().shutdown()
        self._watch_writing()

    def pause_writing(self) -> None:
        """Give the client a while to read."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Go on: the client has read most of what waited for it."""
        super().resume_writing()
        self._stop_writing_watch()
        if self.transport.is_closing():
            self._watch_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature; our text is the problem's
        """Refuse what cannot be parsed, without ever answering one request in the place of another."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._refuse(Problem(self._broken_by))
        elif not cycle.more_body:  # what is being answered is whole; what follows it is broken
            self._would_keep_alive = cycle.keep_alive = False
            self.flow.pause_reading()
        elif cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            self._refuse(Problem(self._broken_by))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, partial(_serve, app, Sender(cycle).send))

    def _unsupported_upgrade_warning(self) -> None:
        """Serve the request as what it else is, and close: what follows it is in no protocol that is spoken here."""
        if self.cycle is not None:
            self._would_keep_alive = self.cycle.keep_alive = False

    def _awaits_head(self) -> bool:
        return self._in_head or self.cycle is None or self.cycle.response_complete

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self, problem: Problem) -> None:
        request_id = uuid.uuid4().hex
        trace_id = unobserved_trace(self.scope["headers"] if self.scope else ())
        state = {"request_id": request_id, TRACE_ID: trace_id}
        scope = {"path": self.url[:1024].decode("ascii", "replace"), "state": state}
        rendered = render(cast("HTTPScope", scope), self._registry, problem)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
            (b"content-length", str(len(rendered.body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in rendered.headers.items()),
            (b"x-request-id", request_id.encode()),
            *_HEADERS,
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[rendered.status] + lines + b"\r\n" + rendered.body)
        self._unread.refused(UnreadRequest(self.url[:1024], request_id, rendered.status, len(rendered.body)), trace_id)
        self.transport.close()
        self._watch_writing()

    def _watch_reading(self) -> None:
        if self._reading is None and not self.transport.is_closing():
            self._reading = self.loop.call_later(self._limits.header_timeout, self.transport.close)

    def _stop_reading_watch(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _watch_writing(self) -> None:
        if self._writing is None and self.transport.get_write_buffer_size():
            self._writing = self.loop.call_later(self._limits.write_timeout, self._cut_off)

    def _stop_writing_watch(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _cut_off(self) -> None:
        self._writing = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()


def _serve(app: Any, send: Send, scope: Scope, receive: Receive, _: Send) -> Any:
    """Have the application answer by `send`."""
    return app(scope, receive, send)


def _announces_much(headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether more of a body is announced than would be read for nothing but to keep the connection."""
    for name, value in headers:
        if name == b"transfer-encoding":
            return True
        if name == b"content-length":
            return int(value) > SMALL_BODY
    return False
