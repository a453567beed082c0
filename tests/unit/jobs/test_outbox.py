"""What a job row is made of, and what is refused before it gets that far."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, use_span

from core.jobs.bell import SilentBell
from core.jobs.declare import job, subscriber
from core.jobs.outbox import PAYLOAD_LIMIT, JobOutbox, UndeclaredJobError
from core.telemetry.activity import JobActivity, current_activity


class Payload(msgspec.Struct):
    text: str = ""


class Other(msgspec.Struct):
    text: str = ""


@job("shop.plain", priority=3, attempts=7)
async def plain(payload: Payload) -> None: ...


@job("shop.unique", unique="until_done")
async def unique(payload: Payload) -> None: ...


@subscriber("shop.happened", name="shop.hear")
async def hear(payload: Payload) -> None: ...


@job("shop.undeclared")
async def undeclared(payload: Payload) -> None: ...


OUTBOX = JobOutbox([plain, unique, hear], SilentBell())


def test_a_row_carries_what_the_declaration_says() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    _, *rest = OUTBOX.row(plain, Payload("x"), None, at, None)
    assert rest == ["shop.plain", "shop", '{"text":"x"}', 3, at, 7, None, None, None, None, None]
    assert OUTBOX.row(plain, Payload(), None, None, -1)[4] == -1


def test_a_row_remembers_the_trace_and_the_request_that_it_came_from() -> None:
    state = TraceState([("vendor", "1")])
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1), state))  # noqa: FBT003 - the library's order
    token = current_activity.set(JobActivity(job="shop.plain", job_id="1", attempt=1, request_id="req-1"))
    try:
        with use_span(span):
            *_, trace, trace_state, request_id = OUTBOX.row(plain, Payload(), None, None, None)
    finally:
        current_activity.reset(token)
    assert trace == f"00-{'abc':0>32}-{'def':0>16}-01"
    assert (trace_state, request_id) == ("vendor=1", "req-1")


def test_an_event_is_taken_as_it_is_and_goes_to_its_subscribers() -> None:
    event: Any = Other("y")
    assert OUTBOX.subscribers("shop.happened") == (hear,)
    assert OUTBOX.subscribers("shop.unheard") == ()
    assert OUTBOX.row(hear, event, None, None, None)[3] == '{"text":"y"}'


def test_a_unique_job_without_a_key_is_unique_by_its_payload() -> None:
    keys = [OUTBOX.row(unique, Payload(text), None, None, None)[7] for text in ("a", "a", "b")]
    assert keys[0] == keys[1] != keys[2]
    assert OUTBOX.row(unique, Payload("a"), "given", None, None)[7] == "given"


def test_what_cannot_run_is_refused() -> None:
    other: Any = Other()
    with pytest.raises(TypeError, match=r"shop\.plain takes a Payload, not a Other"):
        OUTBOX.row(plain, other, None, None, None)
    with pytest.raises(TypeError, match="declares no `unique`"):
        OUTBOX.row(plain, Payload(), "key", None, None)
    longest = PAYLOAD_LIMIT - len('{"text":""}')
    assert OUTBOX.row(plain, Payload("x" * longest), None, None, None)
    with pytest.raises(ValueError, match=f"the limit is {PAYLOAD_LIMIT}"):
        OUTBOX.row(plain, Payload("x" * (longest + 1)), None, None, None)
    with pytest.raises(ValueError, match="aware"):
        OUTBOX.row(plain, Payload(), None, datetime(2026, 1, 1), None)  # noqa: DTZ001 - the point
    with pytest.raises(UndeclaredJobError):
        OUTBOX.row(undeclared, Payload(), None, None, None)
