"""One pipeline for every line, whoever writes it."""

import asyncio
import io
import logging
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import structlog
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from core.telemetry.activity import JobActivity, current_activity
from core.telemetry.failures import mark_told
from core.telemetry.logging import configure_logging
from core.telemetry.writer import LineWriter
from ports.secrets import Secret

ALWAYS = {"timestamp", "level", "event", "logger", "service.name", "service.version", "trace_id", "span_id"} | {
    "request_id",
    "plugin",
    "principal",
}


class Lines:
    """The lines written so far."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def all(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.stream.getvalue().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.all()[-1]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines() -> Lines:
    lines = Lines()
    configure_logging("hexastar", "1.2.3", console=False, level="DEBUG", stream=lines.stream)
    return lines


def test_a_line_is_json_with_every_field_that_joins_it(lines: Lines) -> None:
    structlog.get_logger("plugins.orders").info("placed", order="o-1")
    line = lines.last()
    assert line.keys() >= ALWAYS
    assert (line["event"], line["level"], line["logger"]) == ("placed", "info", "plugins.orders")
    assert (line["service.name"], line["service.version"], line["order"]) == ("hexastar", "1.2.3", "o-1")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo == UTC


def test_the_standard_librarys_records_take_the_same_way(lines: Lines) -> None:
    logging.getLogger("sqlalchemy.engine").warning("slow %s", "query")
    line = lines.last()
    assert line.keys() >= ALWAYS
    assert (line["event"], line["level"], line["logger"]) == ("slow query", "warning", "sqlalchemy.engine")


@pytest.mark.parametrize("name", ["uvicorn.error", "granian", "_granian"])
def test_the_servers_records_come_once(lines: Lines, name: str) -> None:
    logging.getLogger(name).warning("worker started")
    assert [line["logger"] for line in lines.all()] == [name]


def test_trace_and_activity_join_a_line_to_a_job(lines: Lines) -> None:
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1)))  # noqa: FBT003 - the API's own
    token = current_activity.set(JobActivity(job="orders.ship", job_id="j-1", attempt=2, request_id="r-1"))
    with use_span(span):
        structlog.get_logger("x").info("shipping")
    current_activity.reset(token)
    line = lines.last()
    assert (line["trace_id"], line["span_id"]) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    joined = {"plugin": "orders", "job": "orders.ship", "job_id": "j-1", "attempt": 2, "request_id": "r-1"}
    assert joined.items() <= line.items()


def test_an_exception_stays_on_one_line_without_what_it_gives_away(lines: Lines) -> None:
    try:
        dict[str, str]()["ada@example.com with password=swordfish"]
    except KeyError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("y").exception("failed too")
    assert len(lines.all()) == 2
    for line in lines.all():
        assert "KeyError" in line["exception"]
        assert "Traceback" in line["exception"]
        assert "swordfish" not in str(line)
        assert "ada@" not in str(line)


def test_redaction_comes_last_and_covers_messages_and_fields(lines: Lines) -> None:
    logging.getLogger("x").info("login with Bearer %s", "abcdef123456")
    structlog.get_logger("x").info("settings", password=Secret("a"), dsn="postgresql://u:swordfish@h/d")
    assert not re.search("abcdef123456|swordfish", lines.stream.getvalue().decode())


@contextmanager
def unheard() -> Iterator[None]:
    """Keep pytest from listening: what it captures travels between processes as UTF-8, which a surrogate is not."""
    root = logging.getLogger()
    listeners = [handler for handler in root.handlers if not type(handler).__module__.startswith("core.")]
    for listener in listeners:
        root.removeHandler(listener)
    yield
    for listener in listeners:
        root.addHandler(listener)


@pytest.mark.parametrize(
    "text",
    ["two\nlines\r\n", "\ud800", "\x00\x1b[31m", "łóżko 🎉", "\u2028"],
    ids=["lines", "surrogate", "controls", "letters", "separator"],
)
def test_no_text_breaks_a_line_or_the_program(lines: Lines, text: str) -> None:
    with unheard():
        structlog.get_logger("x").info(text, field=text)
        logging.getLogger("y").info("%s", text)
    assert lines.stream.getvalue().count(b"\n") == 2
    assert len(lines.all()) == 2


def test_lines_below_the_level_are_not_written() -> None:
    lines = Lines()
    configure_logging("hexastar", "1", console=False, level="WARNING", stream=lines.stream)
    structlog.get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    assert lines.all() == []


def test_libraries_that_quote_arguments_are_kept_to_warnings(lines: Lines) -> None:
    logging.getLogger("saq").debug("Processing Job<kwargs={'password': 'swordfish'}>")
    assert lines.all() == []


def test_the_console_shows_what_people_read() -> None:
    stream = io.BytesIO()
    configure_logging("hexastar", "1", console=True, stream=stream)
    structlog.get_logger("plugins.orders").warning("low stock", product="p-1", api_key="swordfish")
    shown = stream.getvalue().decode()
    assert "low stock" in shown
    assert "p-1" in shown
    assert "swordfish" not in shown
    assert "service.name" not in shown


class TestWriter:
    async def test_lines_are_written_together_and_soon(self) -> None:
        written = asyncio.Event()

        class Stream(io.BytesIO):
            def flush(self) -> None:
                written.set()

        stream = Stream()
        writer = LineWriter(stream)
        writer.write(b"one")
        writer.write(b"two")
        assert stream.getvalue() == b""
        async with asyncio.timeout(5):
            await written.wait()
        assert stream.getvalue() == b"one\ntwo\n"

    async def test_an_urgent_line_takes_all_before_it_along(self) -> None:
        stream = io.BytesIO()
        writer = LineWriter(stream)
        writer.write(b"one")
        writer.write(b"error", urgent=True)
        assert stream.getvalue() == b"one\nerror\n"

    def test_outside_an_event_loop_lines_are_written_at_once(self) -> None:
        stream = io.BytesIO()
        LineWriter(stream).write(b"one")
        assert stream.getvalue() == b"one\n"

    def test_a_second_event_loop_gets_its_lines_too(self) -> None:
        stream = io.BytesIO()
        writer = LineWriter(stream)

        async def write_and_leave() -> None:
            writer.write(b"x")

        asyncio.run(write_and_leave())
        asyncio.run(write_and_leave())
        writer.flush()
        assert stream.getvalue() == b"x\nx\n"

    def test_what_is_left_is_written_at_exit(self) -> None:
        program = (
            "import asyncio, sys\n"
            "from core.telemetry.writer import LineWriter\n"
            "writer = LineWriter(sys.stdout.buffer)\n"
            "async def main(): writer.write(b'last words')\n"
            "asyncio.run(main())\n"
        )
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert found.stdout == "last words\n"


EVIL = "x\n2026-11-20 [info] forged\r\x1b[2J\x1b]0;title\x07\x9b1m\u2028\ud83d"


def test_no_value_forges_a_line_on_the_console_or_moves_its_cursor() -> None:
    stream = io.BytesIO()
    configure_logging("hexastar", "1", console=True, stream=stream)
    with unheard():
        structlog.get_logger("x").info(EVIL, field=EVIL, deep={"a": EVIL})
        logging.getLogger("y").warning("%s", EVIL)
    shown = stream.getvalue()
    assert shown.count(b"\n") == 2
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\x9b", shown.replace(b"\xc2", b""))


def test_a_record_that_cannot_be_written_is_told_without_what_it_holds(lines: Lines) -> None:
    with unheard():
        logging.getLogger("x").warning("%d pieces", "swordfish")
    line = lines.last()
    assert (line["event"], line["reason"]) == ("a log record could not be written", "TypeError")
    assert "swordfish" not in lines.stream.getvalue().decode()


def test_of_the_loops_own_records_only_the_first_line_and_the_kind_are_told(lines: Lines) -> None:
    message = "Task exception was never retrieved\nfuture: <Task exception=ValueError('swordfish')>"
    logging.getLogger("asyncio").error(message, exc_info=ValueError("swordfish"))
    line = lines.last()
    assert (line["event"], line["error.type"]) == ("Task exception was never retrieved", "ValueError")
    assert "swordfish" not in lines.stream.getvalue().decode()


def test_what_the_application_told_a_server_does_not_repeat(lines: Lines) -> None:
    failure = ValueError("once")
    mark_told(failure)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=failure)
    logging.getLogger("_granian").error("Application callable raised an exception")
    assert lines.all() == []
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=ValueError("other"))
    assert len(lines.all()) == 1


class TestPipe:
    def test_lines_share_a_pipe_in_pieces_that_the_system_writes_whole(self) -> None:
        """Two processes that write at once would otherwise cut each other's lines."""
        pieces: list[bytes] = []
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0) as stream:

            class Stream(io.RawIOBase):
                def fileno(self) -> int:
                    return stream.fileno()

                def write(self, piece: Any) -> int:
                    pieces.append(bytes(piece))
                    return len(piece)

            writer = LineWriter(Stream())  # type: ignore[arg-type]

            async def write() -> None:
                for number in range(100):
                    writer.write(b"%03d" % number + b"x" * 500)

            asyncio.run(write())
            writer.flush()
        assert b"".join(pieces).count(b"\n") == 100
        assert all(len(piece) <= select.PIPE_BUF and piece.endswith(b"\n") for piece in pieces)
