"""The bell: wakes workers after a commit that wrote job rows.

A bell carries no data and may be lost: workers also look at the table once a second. It is rung outside any
transaction, because NOTIFY inside one takes a lock that serialises every commit of the database.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol

RING_INTERVAL: Final = 0.005
"""Seconds between two rings of one process; those in between are one."""

Heard = Callable[[], None]


class Bell(Protocol):
    """Wakes every worker that listens."""

    def ring(self) -> None:
        """Wake the workers soon. Returns at once, never raises; rings of one process are coalesced."""

    def listen(self, heard: Heard) -> AbstractAsyncContextManager[None]:
        """Call `heard` at each ring while the context is open; reconnects by itself."""

    async def close(self) -> None:
        """Send what is still to be sent and release the connection."""


class SilentBell:
    """A bell that is never heard: workers find rows by looking. For tests and commands that enqueue nothing."""

    def ring(self) -> None:
        """Do nothing."""

    def listen(self, heard: Heard) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - nothing to hear
        """Return an empty context."""
        return nullcontext()

    async def close(self) -> None:
        """Do nothing."""
