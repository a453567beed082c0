"""Answers that go out for less are, byte for byte, those that uvicorn would have sent."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from core.http.sending import Sender

LOGGER = logging.getLogger(__name__)
DATE = [(b"date", b"Fri, 20 Nov 2026 12:00:00 GMT")]
BODY = {"type": "http.response.body"}

lengths = some.sampled_from([b"0", b"3", b"6"])
extra = some.sampled_from([(b"transfer-encoding", b"chunked"), (b"connection", b"close"), (b"Etag", b'"a"')])
headers = some.tuples(
    some.lists(some.sampled_from([(b"content-type", b"text/plain"), (b"X-Request-Id", b"1"), (b"vary", b"Origin")])),
    some.lists(some.tuples(some.sampled_from([b"content-length", b"Content-Length"]), lengths), max_size=1),
    some.lists(extra, max_size=1),
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])
bodies = some.builds(
    lambda body, more: BODY | ({} if body is None else {"body": body}) | ({} if more is None else {"more_body": more}),
    some.sampled_from([None, b"", b"abc", b"abcdef"]),
    some.sampled_from([None, False, True]),
)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.writes = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data
        self.writes += bool(data)

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def cycle_on(wire: Any, method: str, *, keep_alive: bool, ended: list[bool]) -> RequestResponseCycle:
    return RequestResponseCycle(
        scope={"type": "http", "method": method},  # type: ignore[typeddict-item]
        transport=wire,
        flow=FlowControl(wire),
        logger=LOGGER,
        access_logger=LOGGER,
        access_log=False,
        default_headers=DATE,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: ended.append(True),
    )


def sent(messages: list[dict[str, Any]], method: str, *, keep_alive: bool, by_us: bool) -> dict[str, Any]:
    """Send messages until one is refused; return what came of it."""
    wire, ended = Wire(), list[bool]()
    cycle = cycle_on(wire, method, keep_alive=keep_alive, ended=ended)
    send: Any = Sender(cycle).send if by_us else cycle.send

    async def answer() -> str:
        for message in messages:
            try:
                await send(message)
            except RuntimeError as refusal:
                return type(refusal).__name__
        return ""

    refused = asyncio.run(answer())
    return {"wire": wire, "refused": refused, "ended": ended, "whole": cycle.response_complete, "cycle": cycle}


@given(
    some.sampled_from([200, 201, 204, 304, 404]),
    headers,
    some.lists(bodies, max_size=3),
    some.sampled_from(["GET", "HEAD"]),
    some.booleans(),
)
def test_what_is_sent_is_what_uvicorn_sends(
    status: int, headers: list[tuple[bytes, bytes]], parts: list[dict[str, Any]], method: str, keep_alive: bool
) -> None:
    messages = [{"type": "http.response.start", "status": status, "headers": headers}, *parts]
    ours = sent(messages, method, keep_alive=keep_alive, by_us=True)
    theirs = sent(messages, method, keep_alive=keep_alive, by_us=False)
    for outcome in ("refused", "ended", "whole"):
        assert ours[outcome] == theirs[outcome]
    assert ours["wire"].closed == theirs["wire"].closed
    assert ours["cycle"].keep_alive == theirs["cycle"].keep_alive
    if parts:  # until there is a part of the body, a head that announces its length waits for it
        assert ours["wire"].written == theirs["wire"].written


@pytest.mark.parametrize("body", [b"", b"abc", b"a" * 1_000_000])
def test_a_plain_answer_is_one_write(body: bytes) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    answer = sent([start, BODY | {"body": body}], "GET", keep_alive=True, by_us=True)
    assert answer["wire"].writes == 1
    assert answer["wire"].written.endswith(b"\r\n\r\n" + body)
    assert answer["whole"]


def test_a_stream_begins_before_its_first_part_is_there() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    assert sent([start], "GET", keep_alive=True, by_us=True)["wire"].written.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("header", [(b"x-bad name", b"1"), (b"x-name", b"1\r\nx-other: 2"), (b"x-name", b"\x00")])
def test_a_header_that_none_must_be_is_refused(header: tuple[bytes, bytes]) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0"), header]}
    refused = sent([start], "GET", keep_alive=True, by_us=True)
    assert refused["refused"] == "RuntimeError"
    assert refused["wire"].written == b""
