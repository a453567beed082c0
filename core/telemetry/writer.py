"""Where log lines leave the process: few large writes instead of one system call a line."""

import asyncio
import atexit
import contextlib
import os
import select
import stat
from collections.abc import Iterator
from typing import BinaryIO, Final

DELAY: Final = 0.05


class LineWriter:
    """Collects whole lines and writes them together.

    Inside an event loop, lines are written after at most 50 ms; outside one, and with `urgent`, at once and after
    everything before them. What is left is written at exit. A killed process loses the last 50 ms of lines that
    were not urgent (the access log, `info` and below), never a warning or an error.

    Where several processes share a pipe, lines of one never stand within a line of another, unless a single line is
    longer than what the system writes in one piece (4 KiB) and the reader has fallen behind.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._most = getattr(select, "PIPE_BUF", 512) if _is_pipe(stream) else 0
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
        with contextlib.suppress(ValueError, BrokenPipeError):  # closed by whoever reads us: nobody is left to tell
            for piece in _pieces(lines, self._most):
                self._stream.write(piece)
                self._stream.flush()


def _is_pipe(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _pieces(lines: list[bytes], most: int) -> Iterator[bytes]:
    """Yield the lines in pieces of at most `most` bytes, where that is not none, but never a part of a line."""
    if lines and not most:
        yield b"".join([line + b"\n" for line in lines])
        return
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) + 1 > most:
            yield b"\n".join(piece) + b"\n"
            piece, size = [], 0
        piece.append(line)
        size += len(line) + 1
    if piece:
        yield b"\n".join(piece) + b"\n"
