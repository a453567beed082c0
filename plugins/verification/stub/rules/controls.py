"""What one request asks of the stub by headers of its own."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from plugins.verification.stub.rules.delays import MAX_DELAY
from plugins.verification.stub.rules.faults import FAULTS, FaultName

DELAY: Final = "X-Stub-Delay-Ms"
SESSION: Final = "X-Stub-Session"
FAULT: Final = "X-Stub-Fault"
PREFER: Final = "Prefer"

NAMES: Final[Mapping[bytes, str]] = {name.lower().encode(): name for name in (DELAY, SESSION, FAULT, PREFER)}
"""The headers by the names that servers give them."""

SESSION_PATTERN: Final = "^[A-Za-z0-9._-]{1,64}$"

_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_SESSION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")


class InvalidControlError(ValueError):
    """A header that is not acceptable: its name, and why."""

    def __init__(self, header: str, reason: str) -> None:
        super().__init__(f"{header}: {reason}")
        self.header = header
        self.reason = reason


class Controls(msgspec.Struct, frozen=True):
    """What a request asks for.

    Attributes:
        delay: seconds.
        session: whose scenarios and journal entries these are.
        fault: what is to go wrong.
        code: the status whose documented answer is wanted.
    """

    delay: float | None = None
    session: str | None = None
    fault: FaultName | None = None
    code: int | None = None


NONE: Final = Controls()


def read_controls(headers: Iterable[tuple[bytes, bytes]]) -> Controls:
    """Return what the headers of a request ask for.

    Raises:
        InvalidControlError: one of them is not acceptable, or is there twice.
    """
    found: dict[str, Any] = {}
    for raw, value in headers:
        name = NAMES.get(raw)
        if name is None:
            continue
        field, read = _READERS[name]
        given = read(value.decode("latin-1").strip())
        if given is None:
            continue
        if field in found:
            raise InvalidControlError(name, "It is given twice.")
        found[field] = given
    return Controls(**found) if found else NONE


def _delay(value: str) -> float:
    if not _DIGITS.fullmatch(value) or int(value) > MAX_DELAY:
        raise InvalidControlError(DELAY, f"A whole number from 0 to {MAX_DELAY} is expected.")
    return int(value) / 1000


def _session(value: str) -> str:
    if not _SESSION.fullmatch(value):
        raise InvalidControlError(SESSION, "1 to 64 letters, digits, dots, dashes or underscores are expected.")
    return value


def _fault(value: str) -> str:
    if value not in FAULTS:
        raise InvalidControlError(FAULT, f"One of {', '.join(FAULTS)} is expected.")
    return value


def _code(value: str) -> int | None:
    """Return the preferred status; None where the preferences (RFC 7240) say nothing of one."""
    codes = []
    for preference in value.split(","):
        name, _, code = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "code":
            codes.append(code.strip().strip('"'))
    if not codes:
        return None
    if len(codes) > 1 or not _STATUS.fullmatch(codes[0]):
        raise InvalidControlError(PREFER, "One status from 100 to 599 is expected after `code=`.")
    return int(codes[0])


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    DELAY: ("delay", _delay),
    SESSION: ("session", _session),
    FAULT: ("fault", _fault),
    PREFER: ("code", _code),
}
