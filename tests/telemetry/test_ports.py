"""What the core puts around a bound port."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from core.telemetry.recording import record_traces
from core.telemetry.tracing import Tracing
from core.traced_ports import PortCalledInUnitError, traced_port
from core.unit_of_work import UnitOfWork, _unit
from ports.errors import Rejected
from ports.mail import Message


class Shelf:
    """An adapter as plain as they come."""

    colour = "red"

    async def put(self, key: str, *, size: int = 1) -> str:
        """Put something."""
        if key == "secret":
            raise Rejected("refused", "the secret is swordfish")
        return f"{key}:{size}:{get_current_span().get_span_context().span_id}"

    async def items(self) -> AsyncIterator[int]:
        for number in range(3):
            yield number

    def name(self) -> str:
        return "shelf"

    async def send(self, message: Message) -> None:
        pass


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    return record_traces(SimpleSpanProcessor(exporter))


async def test_a_call_is_a_client_span_and_runs_inside_it(exporter: InMemorySpanExporter, tracing: Tracing) -> None:
    shelf = traced_port("blob_store", Shelf(), tracing)
    result = await shelf.put("a", size=3)
    (span,) = exporter.get_finished_spans()
    assert result == f"a:3:{span.context.span_id}"
    assert (span.name, span.kind) == ("blob_store.put", SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {"app.port": "blob_store", "app.adapter": "test_ports"}


async def test_a_failure_passes_through_and_is_recorded_by_its_kind_alone(
    exporter: InMemorySpanExporter, tracing: Tracing
) -> None:
    with pytest.raises(Rejected):
        await traced_port("blob_store", Shelf(), tracing).put("secret")
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "Rejected"
    assert "swordfish" not in span.to_json()


async def test_a_generator_is_one_span_that_never_becomes_the_consumers(
    exporter: InMemorySpanExporter, tracing: Tracing
) -> None:
    seen = []
    async for number in traced_port("blob_store", Shelf(), tracing).items():
        seen.append(number)
        assert not get_current_span().get_span_context().is_valid
    assert seen == [0, 1, 2]
    assert [span.name for span in exporter.get_finished_spans()] == ["blob_store.items"]


async def test_mail_is_named_after_its_adapter_and_identified_without_addresses(
    exporter: InMemorySpanExporter, tracing: Tracing
) -> None:
    message = Message(message_id="<1@x.example>", recipients=("ada@example.com",), subject="s", text="t")
    await traced_port("mail", Shelf(), tracing).send(message)
    (span,) = exporter.get_finished_spans()
    assert span.name == "test_ports send"
    assert len(str((span.attributes or {})["app.mail.message_id_hash"])) == 16
    assert "ada@" not in span.to_json()


async def test_the_rest_of_an_adapter_shows_through(tracing: Tracing) -> None:
    adapter = Shelf()
    shelf = traced_port("blob_store", adapter, tracing)
    assert (shelf.name(), shelf.colour, repr(shelf)) == ("shelf", "red", repr(adapter))
    assert shelf.put.__doc__ == "Put something."


async def test_inside_an_open_unit_of_work_no_port_is_called(exporter: InMemorySpanExporter, tracing: Tracing) -> None:
    shelf = traced_port("blob_store", Shelf(), tracing)
    token = _unit.set(cast("UnitOfWork", SimpleNamespace(begun=True)))
    try:
        with pytest.raises(PortCalledInUnitError, match=r"blob_store\.put"):
            await shelf.put("a")
        with pytest.raises(PortCalledInUnitError, match=r"blob_store\.items"):
            [item async for item in shelf.items()]
    finally:
        _unit.reset(token)
    assert not exporter.get_finished_spans()


async def test_where_the_current_trace_is_not_recorded_neither_are_its_calls(
    exporter: InMemorySpanExporter, tracing: Tracing
) -> None:
    carrier = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}
    with tracing.processing("orders.ship", carrier, {}):
        assert await traced_port("blob_store", Shelf(), tracing).put("a")
    assert exporter.get_finished_spans() == ()
