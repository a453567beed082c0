"""Requests that a server refused before the application could see them: counted and logged like the others.

Their answers name a request and a trace, so somebody may come and ask for them.
"""

import random
from typing import Any, Final

from opentelemetry.trace import SpanContext, TraceFlags

from core.telemetry import names
from core.telemetry.access_log import AccessLog
from core.telemetry.metrics import Metrics

SHED: Final = 503
"""What is refused for want of room is counted and has no line, at the server's door as at ours."""

_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)


class UnreadRequest:
    """What is known of a request that could not be read, and of the answer."""

    principal = ""

    def __init__(self, url: bytes, request_id: str, status: int, size: int) -> None:
        path, _, query = url.partition(b"?")
        self.scope: Any = {"path": path.decode("ascii", "replace"), "query_string": query}
        self.request_id = request_id
        self.status = status
        self.size = size


class Unread:
    """Takes note of requests that nobody could read."""

    def __init__(self, metrics: Metrics, access_log: AccessLog) -> None:
        self._metrics = metrics
        self._access_log = access_log

    def refused(self, request: UnreadRequest, trace_id: str) -> None:
        """Count a request that has been refused, and log it under the trace that its answer named."""
        self._metrics.requests.observe(names.UNKNOWN_METHOD, "", request.status, "", 0.0)
        if request.status != SHED:
            span = SpanContext(int(trace_id, 16), random.getrandbits(64), is_remote=False, trace_flags=_NOT_SAMPLED)
            self._access_log.write(request, span, names.UNKNOWN_METHOD, "", "", 0.0)
