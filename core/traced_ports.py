"""What the core puts around every bound port: a span a call, and the rule that no unit of work is open.

Adapters stay plain. The wrapper's class is made once for each adapter, with one thin function for each of its
asynchronous methods; everything else about the adapter passes through as it is.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import blake2b
from typing import Any, TypeVar, cast

from opentelemetry.trace import SpanKind

from core.telemetry import names
from core.telemetry.tracing import Attributes, Tracing, record_failure
from core.unit_of_work import open_unit

Adapter = TypeVar("Adapter")


class PortCalledInUnitError(RuntimeError):
    """A port was called while a unit of work was open.

    The far side's time would be the transaction's time, and its effect could not be rolled back. Take `units`, commit
    the intent, call the port, and record the outcome in a second unit.
    """


def traced_port(port: str, adapter: Adapter, tracing: Tracing) -> Adapter:
    """Return `adapter` with a CLIENT span `<port>.<method>` around each call of an asynchronous method.

    For mail the span is named after the adapter (`smtp send`), as the conventions have it. A failure is recorded by
    its class alone. Asynchronous generators are spanned from the first item asked for to the last.

    Args:
        port: the port's name in plugins.toml.
        adapter: what serves it.
        tracing: the application's spans.

    Raises:
        PortCalledInUnitError: by each call made while a unit of work is open.
    """
    kind = type(adapter)
    members: dict[str, Any] = {"__slots__": (), "__doc__": kind.__doc__}
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_"):
            continue
        call = _Call(port, kind.__module__.rpartition(".")[2], name, tracing)
        if inspect.iscoroutinefunction(method):
            members[name] = _traced_method(method, call)
        elif inspect.isasyncgenfunction(method):
            members[name] = _traced_generator(method, call)
    traced = type(f"Traced{kind.__name__}", (_Wrapped,), members)
    return cast("Adapter", traced(adapter))


class _Wrapped:
    """Holds the adapter and shows whatever is not wrapped."""

    __slots__ = ("_adapter",)

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def __repr__(self) -> str:
        return repr(self._adapter)


class _Call:
    """What is known of a method before it is called."""

    def __init__(self, port: str, adapter: str, method: str, tracing: Tracing) -> None:
        self._label = f"{port}.{method}"
        self.name = f"{adapter} {method}" if port == "mail" else self._label
        self._describe = _mail_attributes if port == "mail" else _no_attributes
        self._common = {names.PORT: port, names.ADAPTER: adapter}
        self.tracing = tracing

    def check(self) -> None:
        if open_unit() is not None:
            raise PortCalledInUnitError(
                f"{self._label} was called inside an open unit of work; commit the intent, call the port, "
                "then record the outcome in a second unit"
            )

    def attributes(self, arguments: tuple[Any, ...]) -> Attributes:
        return {**self._common, **self._describe(arguments)}


def _traced_method(method: Callable[..., Awaitable[Any]], call: _Call) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def traced(self: _Wrapped, *arguments: Any, **named: Any) -> Any:
        call.check()
        if not call.tracing.would_record():
            return await method(self._adapter, *arguments, **named)
        with call.tracing.span(call.name, kind=SpanKind.CLIENT, attributes=call.attributes(arguments)):
            return await method(self._adapter, *arguments, **named)

    return traced


def _traced_generator(method: Callable[..., AsyncIterator[Any]], call: _Call) -> Callable[..., AsyncIterator[Any]]:
    """Span a generator without making the span current: between two items its consumer runs, not the adapter."""

    @functools.wraps(method)
    async def traced(self: _Wrapped, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        call.check()
        span = call.tracing.start_span(call.name, kind=SpanKind.CLIENT, attributes=call.attributes(arguments))
        try:
            async for item in method(self._adapter, *arguments, **named):
                yield item
        except Exception as failure:
            record_failure(span, type(failure).__qualname__)
            raise
        finally:
            span.end()

    return traced


def _no_attributes(_arguments: tuple[Any, ...]) -> Attributes:
    return {}


def _mail_attributes(arguments: tuple[Any, ...]) -> Attributes:
    """Identify the message without its addresses: the hash of its id."""
    message_id = getattr(arguments[0], "message_id", "") if arguments else ""
    return {names.MAIL_MESSAGE_ID_HASH: blake2b(message_id.encode(), digest_size=8).hexdigest()} if message_id else {}
