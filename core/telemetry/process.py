"""What would leave the process beside the log: failures that nobody caught, and what somebody prints.

Only for processes that are ours from the start: the command line's, and those that a server starts.
"""

import io
import logging
import multiprocessing
import sys
import threading
from types import TracebackType
from typing import Any, BinaryIO, Final

from core.telemetry.failures import trace
from core.telemetry.logging import writes_json

_logger: Final = logging.getLogger("uncaught")
_stray: Final = logging.getLogger("stray")


def take_process() -> None:
    """Take what this process would let out beside the log; called once the log is open.

    Where it is JSON, what is printed as an error becomes a record, and in a process that a server started whatever is
    printed; a command's own output stays what it is.
    """
    take_failures()
    if writes_json():
        take_printing("stderr")
        if multiprocessing.parent_process() is not None:
            take_printing("stdout")


def take_output() -> None:
    """Log what is printed from now on, where the log is one of JSON: this command serves, and has said what it says."""
    if writes_json():
        take_printing("stdout", "stderr")


def take_failures() -> None:
    """Log warnings and what nobody catches, instead of printing them with all that their messages quote."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _lost_in_thread
    sys.unraisablehook = _unraisable


def take_printing(*names: str) -> None:
    """Log each line that is printed to these streams (`stdout`, `stderr`) instead of letting it out as it is."""
    for name in names:
        stream = getattr(sys, name)
        if not isinstance(stream, _Printed):
            setattr(sys, name, _Printed(name, stream))


class _Printed(io.TextIOBase):
    """A stream whose lines become log records; `buffer` is what lies below, where the log itself goes."""

    def __init__(self, name: str, stream: Any) -> None:
        self._logger = logging.getLogger(name)
        self._stream = stream
        self._begun = ""

    @property
    def buffer(self) -> BinaryIO:
        """The bytes below."""
        below: BinaryIO = self._stream.buffer
        return below

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As the stream's."""
        return str(self._stream.encoding)

    @property
    def errors(self) -> str:  # type: ignore[override]
        """Whatever cannot be written is escaped."""
        return "backslashreplace"

    def fileno(self) -> int:
        """Return the stream's own, for programs that are started."""
        return int(self._stream.fileno())

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Log each whole line; keep a begun one until its end comes."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._logger.warning("%s", line)
        return len(text)

    def flush(self) -> None:
        """Log a begun line that has no end."""
        begun, self._begun = self._begun, ""
        if begun.strip():
            self._logger.warning("%s", begun)


def _uncaught(kind: type[BaseException], failure: BaseException, traceback: TracebackType | None) -> None:
    del traceback
    if issubclass(kind, KeyboardInterrupt):
        return
    if logging.getLogger().handlers:
        _logger.critical("nobody caught a failure", exc_info=failure)
    else:  # so early that there is no log yet
        sys.stderr.write(f"{trace(failure)}\n")


def _lost_in_thread(lost: threading.ExceptHookArgs) -> None:
    _stray.error("a thread ended with a failure", exc_info=lost.exc_value)


def _unraisable(lost: Any) -> None:
    _stray.error("a failure could not be raised", exc_info=lost.exc_value)
