"""One pipeline for every log line, whoever writes it: structlog's loggers, the standard library's, the server's.

Console in development; elsewhere one line of JSON a record with `timestamp` (UTC), `level`, `event`, `logger`,
`service.name`, `service.version`, `trace_id`, `span_id`, `request_id`, `plugin` and `principal`, and for jobs `job`,
`job_id` and `attempt`. Redaction comes last.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from core.telemetry.access_log import AccessLog, AccessRecord
from core.telemetry.activity import current_activity
from core.telemetry.redaction import redact_event, use_hash_key
from core.telemetry.tracing import current_ids
from core.telemetry.writer import LineWriter

Render = Callable[[Mapping[str, Any]], bytes]

_SERVERS: Final = ("uvicorn", "uvicorn.error", "granian", "_granian")
_SERVERS_ACCESS: Final = ("uvicorn.access", "granian.access")
_TALKATIVE: Final = ("saq", "botocore", "aiosmtplib", "httpx", "httpcore", "urllib3", "asyncio")
"""Libraries that log what they handle below warnings: arguments of jobs, addresses, headers."""

_URGENT: Final = frozenset({"warning", "error", "critical"})
_NOBODY: Final = {"request_id": "", "plugin": "", "principal": ""}
_NOT_ON_CONSOLE: Final = frozenset({"timestamp", "service.name", "service.version", "span_id", "trace_id"})
_encoder: Final = msgspec.json.Encoder()


def configure_logging(
    service_name: str,
    service_version: str,
    *,
    console: bool,
    level: str = "INFO",
    hash_key: bytes | None = None,
    stream: BinaryIO | None = None,
) -> AccessLog:
    """Route every log record of this process through one pipeline and return the access log that ends in it.

    Args:
        service_name: the `service.name` of every line.
        service_version: the `service.version` of every line.
        console: write for people instead of one line of JSON a record.
        level: the lowest level that is written.
        hash_key: key for the hashes of e-mail addresses; without one they differ from process to process.
        stream: where lines go; standard error by default, since standard output is for what commands print.
    """
    if hash_key:
        use_hash_key(hash_key)
    writer = LineWriter(stream or sys.stderr.buffer)
    render = _console() if console else to_json
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        _Context(service_name, service_version),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    lowest = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*processors, lambda _logger, _method, event: ((event,), {})],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=lambda name="hexastar": _Output(name, writer, render),
        cache_logger_on_first_use=False,
    )
    _take_standard_library(_Handler(processors, writer, render), lowest)

    def emit(record: AccessRecord) -> None:
        writer.write(render(msgspec.to_builtins(record)) if console else _encoder.encode(record))

    return AccessLog(emit, service_name=service_name, service_version=service_version)


def to_json(event: Mapping[str, Any]) -> bytes:
    """Return `event` as one line of JSON."""
    try:
        return _encoder.encode(event)
    except (TypeError, UnicodeEncodeError, OverflowError):  # lone surrogates and the like: logging never fails
        return json.dumps(event, default=str, ensure_ascii=False).encode("utf-8", "replace")


class _Context:
    """Adds what every line carries: when, who logs, in which service, trace and activity."""

    def __init__(self, service_name: str, service_version: str) -> None:
        self._service = {"service.name": service_name, "service.version": service_version}

    def __call__(self, logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        trace_id, span_id = current_ids()
        activity = current_activity.get()
        return {
            "timestamp": datetime.now(UTC),
            "level": event.pop("level"),
            "event": event.pop("event"),
            "logger": logger.name,
            **self._service,
            "trace_id": trace_id,
            "span_id": span_id,
            **_NOBODY,
            **(activity.log_fields() if activity is not None else {}),
            **event,
        }


class _Output:
    """The far end of a structlog logger."""

    def __init__(self, name: str, writer: LineWriter, render: Render) -> None:
        self.name = name
        self._writer = writer
        self._render = render

    def _write(self, event: Mapping[str, Any]) -> None:
        self._writer.write(self._render(event), urgent=event["level"] in _URGENT)

    debug = info = warning = error = critical = exception = log = msg = _write


class _Handler(logging.Handler):
    """Takes the standard library's records into the same pipeline."""

    def __init__(self, processors: Sequence[Processor], writer: LineWriter, render: Render) -> None:
        super().__init__()
        self._processors = processors
        self._writer = writer
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: Any = {"event": record.getMessage()}
            if record.exc_info:
                event["exc_info"] = record.exc_info
            for process in self._processors:
                event = process(record, record.levelname.lower(), event)
            self._writer.write(self._render(event), urgent=record.levelno >= logging.WARNING)
        except Exception:  # noqa: BLE001 - as the standard library does it: a bad record must not stop the program
            self.handleError(record)


def _take_standard_library(handler: logging.Handler, lowest: int) -> None:
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(lowest)
    for name in _SERVERS:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
    for name in _SERVERS_ACCESS:  # there is an access log already
        logging.getLogger(name).disabled = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(lowest, logging.WARNING))


def _console() -> Render:
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, timestamp_key="time"
    )

    def render(event: Mapping[str, Any]) -> bytes:
        shown: MutableMapping[str, Any] = {
            name: value for name, value in event.items() if name not in _NOT_ON_CONSOLE and value != ""
        }
        shown["time"] = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = renderer(None, "", shown)
        return str(line).encode("utf-8", "backslashreplace")

    return render
