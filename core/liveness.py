"""Signs of life of workers on this machine, for probes that cannot ask over HTTP.

A worker keeps a file under the state folder: locked while its process lives, and written by its event loop every few
seconds. So a probe needs neither the database, whose outage is no reason to restart a worker, nor the application.
Times are the machine's monotonic clock, which all its processes share and nobody sets.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

import msgspec

BEAT: Final = 3.0
"""Seconds between two signs of life."""

FRESH: Final = 15.0
"""Seconds after which a worker without a sign of life is taken for stuck."""

logger = logging.getLogger(__name__)


class Sign(msgspec.Struct, frozen=True):
    """A worker that lives: its process, and how many seconds ago its event loop turned."""

    process: str
    age: float

    @property
    def is_fresh(self) -> bool:
        """Tell whether it is at work."""
        return self.age <= FRESH


@asynccontextmanager
async def showing_life(folder: Path, beat: float = BEAT) -> AsyncIterator[None]:
    """Give signs of life in `folder` every `beat` seconds until left.

    Where it cannot be written to, only say so: the jobs come first, although a probe will find nobody.
    """
    try:
        sign = _open(folder)
    except OSError as error:
        logger.warning("no probe will see this worker: %s cannot be written: %s", folder, error.strerror)
        yield
        return
    with sign:
        beating = asyncio.create_task(_go_on(sign, beat), name="hexastar-sign-of-life")
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            _remove(sign)


def signs_of_life(folder: Path) -> Iterator[Sign]:
    """Yield the workers that live; what dead ones left behind is removed."""
    for file in sorted(folder.glob("*")):
        with suppress(FileNotFoundError), file.open(encoding="ascii") as sign:
            if _is_locked(sign):
                now = time.monotonic()
                yield Sign(file.name.partition("-")[0], now - float(sign.read() or now))
            else:
                file.unlink()


def _open(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    # The number alone would not do: in a container every start has the same.
    sign = (folder / f"{os.getpid()}-{secrets.token_hex(4)}").open("w", encoding="ascii")
    fcntl.flock(sign, fcntl.LOCK_EX)
    _write(sign)
    return sign


def _remove(sign: TextIO) -> None:
    Path(sign.name).unlink(missing_ok=True)


async def _go_on(sign: TextIO, beat: float) -> None:
    while True:
        await asyncio.sleep(beat)
        with suppress(OSError):  # a full disk is not this worker's fault
            _write(sign)


def _write(sign: TextIO) -> None:
    sign.seek(0)
    sign.write(f"{time.monotonic():.3f}")
    sign.flush()


def _is_locked(sign: TextIO) -> bool:
    try:
        fcntl.flock(sign, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
