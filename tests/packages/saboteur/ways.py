"""The ways to fail."""

import asyncio
from collections.abc import Callable


class Outrage(BaseException):
    """Not even an Exception."""


WAYS: dict[str, Callable[[str], BaseException]] = {
    "error": lambda words: RuntimeError(f"cannot treat {words}"),
    "key": KeyError,
    "group": lambda words: ExceptionGroup(f"all of {words}", [ValueError(words), KeyError(words)]),
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "outrage": Outrage,
    "cancel": asyncio.CancelledError,
}


async def fail(way: str, words: str) -> None:
    """Fail in this way, quoting `words`; nothing where the way is empty.

    Raises:
        BaseException: whatever `way` says.
    """
    if way == "hang":
        await asyncio.Event().wait()
    elif way == "number":
        int(words)
    elif way == "cause":
        raise RuntimeError("it was not found") from LookupError(words)
    elif way:
        raise WAYS[way](words)
