"""Where log lines leave the process: few large writes instead of one system call a line."""

import asyncio
import atexit
import contextlib
from typing import BinaryIO, Final

DELAY: Final = 0.05


class LineWriter:
    """Collects whole lines and writes them together.

    Inside an event loop, lines are written after at most 50 ms; outside one, and with `urgent`, at once and after
    everything before them. What is left is written at exit. A killed process loses the last 50 ms of lines that
    were not urgent (the access log, `info` and below), never a warning or an error.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        atexit.register(self.flush)

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Take one line without its end."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            urgent = True
        if urgent:
            self.flush()
        elif self._scheduled_on is not loop:
            self._scheduled_on = loop
            loop.call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Write everything taken so far."""
        self._scheduled_on = None
        lines, self._lines = self._lines, []
        if lines:
            with contextlib.suppress(ValueError, BrokenPipeError):  # closed by whoever reads us: nobody is left to tell
                self._stream.write(b"\n".join(lines) + b"\n")
                self._stream.flush()
