"""What does not come up is told in one line that names it."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from core.adapters import AdapterDeclaration, Binding, opened
from core.faults import StartupError
from core.manifest import NoSettings
from ports.errors import Unavailable


def binding(opening):
    adapter = AdapterDeclaration(port="mail", name="pigeon", module="pigeon")
    return Binding(port="mail", adapter=adapter, settings=NoSettings(), open=opening)


def raising(error):
    @asynccontextmanager
    async def opening(_settings):
        raise error
        yield

    return opening


def yielding(port):
    @asynccontextmanager
    async def opening(_settings):
        yield port

    return opening


async def no_context(_settings): ...


@pytest.mark.parametrize(
    ("opening", "words"),
    [
        (raising(KeyError("loft")), "KeyError: 'loft'"),
        (raising(Unavailable("the loft is closed\nfor today")), "the loft is closed for today"),
        (raising(SystemExit(2)), "it tried to exit the process with 2"),
        (raising(ExceptionGroup("g", [ValueError("within")])), "ValueError: within"),
        (yielding(None), "it yields a NoneType, which is no port"),
        (lambda _settings: 3, "TypeError"),
    ],
)
async def test_an_adapter_that_does_not_open_is_told_by_port_and_name(opening, words):
    with pytest.raises(StartupError) as caught:
        async with opened(binding(opening)):
            pass
    message = str(caught.value)
    assert message.startswith("the adapter 'pigeon' of the port 'mail' does not open: ")
    assert words in message
    assert "\n" not in message


async def test_what_fails_while_a_port_is_used_passes_unchanged():
    with pytest.raises(KeyError):
        async with opened(binding(yielding(SimpleNamespace(ping=no_context)))):
            raise KeyError
