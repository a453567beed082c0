"""What the running code is doing, for whoever writes a log line: serving a request, or an attempt at a job.

One variable holds one small object, which a log line asks for its fields. Setting it costs the same whether or not
anything is logged.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final, Protocol

from core.telemetry import confidences


class Activity(Protocol):
    """Something that log lines are written on behalf of."""

    def log_fields(self) -> dict[str, str | int]:
        """Return the fields that join a line to it: `request_id`, `plugin`, `principal`, `job_id`, `attempt`."""

    def confidences(self) -> Iterable[str]:
        """Return what came from outside with it, which no message may repeat; asked only where something failed."""


current_activity: Final[ContextVar[Activity | None]] = ContextVar("hexastar_activity", default=None)


class JobActivity:
    """One attempt at a job. Set it in `current_activity` while the attempt runs."""

    __slots__ = ("_fields", "_payload")

    def __init__(self, *, job: str, job_id: str, attempt: int, request_id: str = "", payload: str = "") -> None:
        self._payload = payload
        self._fields: dict[str, str | int] = {
            "request_id": request_id,
            "plugin": job.partition(".")[0],
            "job": job,
            "job_id": job_id,
            "attempt": attempt,
        }

    def log_fields(self) -> dict[str, str | int]:
        """Return the attempt's fields."""
        return self._fields

    def confidences(self) -> Iterable[str]:
        """Return every text and number of the job's payload."""
        return confidences.of_json(self._payload)
