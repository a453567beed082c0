"""Mail as files: real RFC 5322 messages in a Maildir, which any mail reader opens. The embedded default.

Nothing leaves this machine. A message is written to `tmp`, made safe on disk and then renamed into `new`, so a reader
never sees half of one and a message that was reported as sent outlives a crash.
"""

import asyncio
import itertools
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from adapters.mail.message import compose
from ports.errors import Unavailable
from ports.mail import Mail, Message

logger: Final = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the messages go.

    Attributes:
        state_dir: the folder for everything that is kept on this machine.
        folder: the Maildir's name inside it.
        sender: the address that messages come from unless they name another.
    """

    state_dir: str = "var"
    folder: str = "mail"
    sender: str = "hexastar@localhost"


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[Mail]:  # noqa: A001 - every adapter is opened by this name
    """Make the Maildir where it is missing and yield mail that is kept in it.

    Raises:
        Unavailable: the folder cannot be made.
    """
    maildir = Path(settings.state_dir) / settings.folder
    try:
        for part in ("tmp", "new", "cur"):
            (maildir / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise Unavailable(f"cannot make the mail folder {maildir}: {failure.strerror}") from failure
    logger.info("Mail stays on this machine, in %s", maildir / "new")
    yield Maildir(maildir, settings.sender)


class Maildir:
    """Keeps every message as a file of its own; see `ports.mail.Mail`."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender
        self._host = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
        self._numbers = itertools.count()

    async def send(self, message: Message) -> None:
        """Write the message to disk; return when it is safe there."""
        composed = compose(message, self._sender)
        await asyncio.to_thread(self._deliver, composed.content)

    async def ping(self) -> None:
        """Return when the folder can be written to."""
        if not os.access(self._folder / "new", os.W_OK):
            raise Unavailable("the mail folder cannot be written to")

    def _deliver(self, content: bytes) -> None:
        name = f"{time.time():.6f}.P{os.getpid()}Q{next(self._numbers)}.{self._host}"
        written = self._folder / "tmp" / name
        try:
            with written.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            written.rename(self._folder / "new" / name)
            _sync_folder(self._folder / "new")
        except OSError as failure:
            written.unlink(missing_ok=True)
            raise Unavailable(f"the message cannot be written: {failure.strerror}") from failure


def _sync_folder(folder: Path) -> None:
    """Make a rename into `folder` outlive a crash, on systems where folders can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
