"""Failures as log lines and stored errors tell them: of which kind, where, and as much of the message as may be told.

A message is written where the data is at hand and read where it must not be. So it is told by whose word it is: our
own exceptions, the plugins' and the standard library's speak, but never in the words that a caller sent; a database
names the state and the constraint; of other libraries, which quote what crossed the wire, only the kind is told.
Tracebacks show code and no values.
"""

import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, Final

from core.redaction import redact_text
from core.telemetry.activity import current_activity
from ports.errors import PortError
from ports.secrets import REDACTED

SHORTEST_WORD: Final = 4
"""Characters below which what a caller sent is not looked for: it would be found in every message."""

MOST_WORDS: Final = 2_000
DEEPEST_CHAIN: Final = 16

_FRAMEWORK: Final = frozenset(
    {"core", "ports", "adapters", "plugins", "app", "litestar", "msgspec", "alembic", "sqlalchemy", "saq", "pluggy"}
)
_STANDARD: Final = frozenset(sys.stdlib_module_names)
_QUOTING_STATES: Final = ("22", "P0")
"""Classes of SQLSTATE whose message quotes a value: data exceptions, and what a function of the database raises."""

_TOLD: Final = "__told_in_the_log__"
_SILENT: Final = "__message_is_not_told__"
_UNPRINTABLE: Final = {
    code: None if code == 0 else f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))
} | {0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Control characters of both sets but tab and line feed, and the separators that some programs end a line at."""

_plugins: frozenset[str] = frozenset()


def let_speak(packages: Iterable[str]) -> None:
    """Tell the messages of exceptions from these packages too: those of the enabled plugins."""
    global _plugins  # noqa: PLW0603 - one deployment a process, known once at start
    _plugins = frozenset(name.partition(".")[0] for name in packages)


def mark_told(failure: BaseException) -> None:
    """Note that `failure` is in the log, so that a server which sees it pass does not report it once more."""
    failure.__dict__[_TOLD] = True


def silence(failure: BaseException) -> None:
    """Note that the message of `failure` may hold what nobody may read, in whatever form; only its kind is told."""
    failure.__dict__[_SILENT] = True


def was_told(failure: BaseException | None) -> bool:
    """Tell whether `failure` is in the log already."""
    return failure is not None and _TOLD in failure.__dict__


def printable(text: str) -> str:
    """Return `text` without characters that would move a terminal's cursor, or begin a line that nobody wrote."""
    return text.translate(_UNPRINTABLE)


def describe(failure: BaseException, *, in_the_dark: bool = False) -> str:
    """Return kind and message of `failure`, redacted; the kind alone where its message may quote data.

    `in_the_dark` says that nobody knows what was being done, so that the standard library's exceptions stay silent too.
    """
    kind = type(failure).__qualname__
    message = _message(failure, in_the_dark=in_the_dark)
    return f"{kind}: {message}" if message else kind


def trace(failure: BaseException, *, in_the_dark: bool = False) -> str:
    """Return `failure` with its causes as Python prints them, but with messages as `describe` gives them."""
    in_the_dark = in_the_dark or _SILENT in failure.__dict__
    told = [f"{link}{_frames(one)}{describe(one, in_the_dark=in_the_dark)}" for one, link in _chain(failure)]
    return "\n\n".join(reversed(told))


def _frames(failure: BaseException) -> str:
    """Return where it was raised; nothing for what happened on the far side of a port, where no code of ours is."""
    if isinstance(failure, PortError) or failure.__traceback__ is None:
        return ""
    return f"Traceback (most recent call last):\n{''.join(traceback.format_tb(failure.__traceback__))}"


_CAUSED: Final = "The above caused:\n"
_MEANWHILE: Final = "While that was being handled:\n"


def _chain(failure: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield `failure` and what led to it, each with how it follows from the next; of a group, the first speaks."""
    seen: set[int] = set()
    current: BaseException | None = failure
    while current is not None and id(current) not in seen and len(seen) < DEEPEST_CHAIN:
        seen.add(id(current))
        if isinstance(current, BaseExceptionGroup):
            before, link = current.exceptions[0], _CAUSED
        elif current.__cause__ is not None:
            before, link = current.__cause__, _CAUSED
        else:
            before, link = (None if current.__suppress_context__ else current.__context__), _MEANWHILE
        yield current, link if before is not None else ""
        current = before


def _message(failure: BaseException, *, in_the_dark: bool) -> str:
    origin = type(failure).__module__.partition(".")[0]
    driver = failure if hasattr(failure, "sqlstate") else getattr(failure, "orig", None)
    if driver is not None:
        return _of_database(driver)
    if hasattr(failure, "params") or not (origin in _FRAMEWORK or origin in _STANDARD or origin in _plugins):
        return ""
    if (in_the_dark or _SILENT in failure.__dict__) and origin in _STANDARD:
        return ""
    try:
        text = str(failure)
    except Exception:  # noqa: BLE001 - a message that cannot be made must not hide the failure
        return ""
    return printable(redact_text(_without(text, _sent()))).replace("\n", "\n  ")


def _of_database(failure: Any) -> str:
    state = str(getattr(failure, "sqlstate", None) or "")
    facts = [state, str(getattr(failure, "constraint_name", None) or "")]
    message = "" if state.startswith(_QUOTING_STATES) else redact_text(_first_line(failure))
    known = ", ".join(filter(None, facts))
    return f"{message} ({known})" if message and known else message or known


def _first_line(failure: Any) -> str:
    """Return what a driver says before it goes into details, which quote rows."""
    return str(getattr(failure, "message", None) or failure).partition("\n")[0]


def _sent() -> list[str]:
    """Return the words that came with the request or job at hand, the longest first."""
    activity = current_activity.get()
    if activity is None:
        return []
    try:
        words = {word for word in activity.confidences() if len(word) >= SHORTEST_WORD}
    except Exception:  # noqa: BLE001 - half a request must not hide the failure
        return []
    return sorted(words, key=len, reverse=True)[:MOST_WORDS]


def _without(text: str, words: Iterable[str]) -> str:
    for word in words:
        if word in text:
            text = text.replace(word, REDACTED)
    return text
