"""One pipeline for every log line, whoever writes it: structlog's loggers, the standard library's, the server's.

Console in development; elsewhere one line of JSON a record with `timestamp` (UTC), `level`, `event`, `logger`,
`service.name`, `service.version`, `trace_id`, `span_id`, `request_id`, `plugin` and `principal`, and for jobs `job`,
`job_id` and `attempt`; where something failed also `error.type` and `exception`. Redaction comes last.
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

from core.redaction import redact_event, use_hash_key
from core.telemetry import names
from core.telemetry.access_log import AccessLog, AccessRecord
from core.telemetry.activity import current_activity
from core.telemetry.failures import printable, trace, was_told
from core.telemetry.tracing import current_ids
from core.telemetry.writer import LineWriter

Render = Callable[[Mapping[str, Any]], bytes]

_SERVERS: Final = ("uvicorn", "uvicorn.error", "granian", "_granian")
_GRANIAN_REPEATS: Final = "Application callable raised an exception"
_SERVERS_ACCESS: Final = ("uvicorn.access", "granian.access")
_TALKATIVE: Final = ("saq", "botocore", "aiosmtplib", "httpx", "httpcore", "urllib3", "asyncio")
"""Libraries that log what they handle below warnings: arguments of jobs, addresses, headers."""

_IN_THE_DARK: Final = ("asyncio", "stray")
"""Loggers of what nobody waited for: what it was doing when it failed is not known any more."""

_URGENT: Final = frozenset({"warning", "error", "critical"})
_NOBODY: Final = {"request_id": "", "plugin": "", "principal": ""}
_NOT_ON_CONSOLE: Final = frozenset({"timestamp", "service.name", "service.version", "span_id", "trace_id"})
_encoder: Final = msgspec.json.Encoder()
_is_json = False


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
    global _is_json  # noqa: PLW0603 - one log a process
    _is_json = not console
    if hash_key:
        use_hash_key(hash_key)
    writer = LineWriter(stream or sys.stderr.buffer)
    render = _console() if console else to_json
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        _Context(service_name, service_version),
        structlog.processors.StackInfoRenderer(),
        _tell_failure,
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


def writes_json() -> bool:
    """Tell whether this process's log is one of JSON."""
    return _is_json


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


def _tell_failure(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the failure's kind and by its trace, told as `failures` does."""
    given = event.pop("exc_info", None)
    failure = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(failure, BaseException):
        event[names.ERROR_TYPE] = type(failure).__qualname__
        event["exception"] = trace(failure, in_the_dark=logger.name in _IN_THE_DARK)
    return event


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
        if _is_repeated(record):
            return
        try:
            self._write(record, {"event": _message(record), "exc_info": record.exc_info})
        except Exception as error:  # noqa: BLE001 - a bad record must stop neither the program nor the log
            self._write(record, {"event": "a log record could not be written", "reason": type(error).__qualname__})

    def _write(self, record: logging.LogRecord, event: Any) -> None:
        for process in self._processors:
            event = process(record, record.levelname.lower(), event)
        self._writer.write(self._render(event), urgent=record.levelno >= logging.WARNING)


def _message(record: logging.LogRecord) -> str:
    """Return the record's message; of the event loop's only the first line, since the others show what was at work."""
    message = record.getMessage()
    return message.partition("\n")[0] if record.name in _IN_THE_DARK else message


def _is_repeated(record: logging.LogRecord) -> bool:
    """Tell whether a server reports what the application has told already, with the request that it belongs to."""
    if record.name not in _SERVERS:
        return False
    failure = record.exc_info[1] if record.exc_info else None
    return was_told(failure) or str(record.msg).startswith(_GRANIAN_REPEATS)


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
            name: _on_console(name, value)
            for name, value in event.items()
            if name not in _NOT_ON_CONSOLE and value != ""
        }
        shown["time"] = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = renderer(None, "", shown)
        return str(line).encode("utf-8", "backslashreplace")

    return render


def _on_console(name: str, value: Any) -> Any:
    """Return `value` so that it moves no cursor and forges no line; a trace alone may have several."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return text if name == "exception" else text.replace("\n", "\\n")
