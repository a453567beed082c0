"""Mail by pigeon: each message is a line of a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ports.errors import Unavailable
from ports.mail import Message


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[adapters.mail.pigeon]` section."""

    loft: str


class PigeonMail:
    """Appends messages to the loft."""

    def __init__(self, loft: Path) -> None:
        self._loft = loft

    async def send(self, message: Message) -> None:
        """Append the message."""
        with self._loft.open("ab") as file:
            file.write(msgspec.json.encode(message) + b"\n")

    async def ping(self) -> None:
        """See whether the loft stands."""
        if not self._loft.parent.is_dir():
            raise Unavailable("there is no loft")


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[PigeonMail]:  # noqa: A001 - the name every adapter gives it
    """Yield the port."""
    yield PigeonMail(Path(settings.loft))
