"""One record an exchange. In production a line of JSON made without the pipeline of ordinary log lines.

A request's line has a fixed shape and only two fields in which a caller's text can stand; both are cleaned here, so
the line is encoded directly: the pipeline would cost more than the rest of a small request's telemetry together.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec
from opentelemetry.trace import SpanContext

from core.telemetry.paths import shown_path
from ports.secrets import REDACTED

LOGGER: Final = "hexastar.access"
SHOWN_PARAMETERS: Final = frozenset({"limit", "sort", "order", "receipt", "format", "status"})
"""Query parameters whose values, where they are plain words or numbers, are shown; every other value is masked."""

MAX_PAIRS: Final = 50
MAX_NAME: Final = 32
_PLAIN_NAME: Final = re.compile(rb"[A-Za-z_.-]+")
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z_-]{0,24}|\d{1,8}", re.ASCII)


class Observed(Protocol):
    """What the access log asks of an exchange."""

    scope: Any
    request_id: str
    status: int
    size: int

    @property
    def principal(self) -> str:
        """The id of the one who asks."""


class AccessRecord(msgspec.Struct):
    """One line of the access log. `duration_ms` is the time until the last byte was handed to the server."""

    timestamp: datetime
    service_name: str = msgspec.field(name="service.name")
    service_version: str = msgspec.field(name="service.version")
    trace_id: str
    span_id: str
    request_id: str
    plugin: str
    principal: str
    method: str
    route: str
    path: str
    status: int
    duration_ms: float
    bytes: int
    level: str = "info"
    event: str = "request"
    logger: str = LOGGER


class AccessLog:
    """Writes the access log.

    Args:
        emit: takes each record.
        service_name: as in every log line.
        service_version: as in every log line.
    """

    def __init__(
        self, emit: Callable[[AccessRecord], None], *, service_name: str = "", service_version: str = ""
    ) -> None:
        self._emit = emit
        self._service_name = service_name
        self._service_version = service_version

    def write(
        self, exchange: Observed, span: SpanContext, method: str, route: str, plugin: str, seconds: float
    ) -> None:
        """Write the record of a finished exchange."""
        scope = exchange.scope
        path = shown_path(scope["path"], route)
        if scope["query_string"]:
            path += "?" + masked(scope["query_string"])
        self._emit(
            AccessRecord(
                datetime.now(UTC),
                self._service_name,
                self._service_version,
                f"{span.trace_id:032x}",
                f"{span.span_id:016x}",
                exchange.request_id,
                plugin,
                exchange.principal,
                method,
                route,
                path,
                exchange.status,
                round(seconds * 1000, 3),
                exchange.size,
            )
        )


def masked(query: bytes) -> str:
    """Return the query with every value masked but plain ones of `SHOWN_PARAMETERS`.

    What stands where a name should, and does not look like one or has no value, may be a token by itself: masked, too.
    """
    names = tuple(_name(pair) for pair in query.split(b"&", MAX_PAIRS))
    hidden = _hidden(names)
    return hidden if hidden is not None else _masked_by_value(query)


@lru_cache(1024)
def _hidden(names: tuple[str, ...]) -> str | None:
    """Return a query of these names with every value masked, or None where it takes a closer look.

    Clients ask the same few questions again and again, so this is mostly known already.
    """
    if len(names) > MAX_PAIRS or not SHOWN_PARAMETERS.isdisjoint(names):
        return None
    return "&".join(f"{name}={REDACTED}" for name in names)


def _masked_by_value(query: bytes) -> str:
    pairs = query.split(b"&")
    if len(pairs) > MAX_PAIRS:
        return REDACTED
    return "&".join(f"{name}={_value(name, pair)}" for pair in pairs for name in (_name(pair),))


def _name(pair: bytes) -> str:
    """Return the name of a parameter, or what stands for something else."""
    name, is_pair, _ = pair.partition(b"=")
    return _plain_name(name) if is_pair and len(name) <= MAX_NAME else REDACTED


@lru_cache(1024)
def _plain_name(name: bytes) -> str:
    return name.decode() if _PLAIN_NAME.fullmatch(name) else REDACTED


def _value(name: str, pair: bytes) -> str:
    value = pair.decode("latin-1").partition("=")[2]
    return value if name in SHOWN_PARAMETERS and _PLAIN_VALUE.fullmatch(value) else REDACTED
