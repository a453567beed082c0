"""What crosses HTTP and the queue."""

from typing import Annotated
from uuid import UUID

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]


class EntryIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry to write; `refuse` has it undone after all was written. Its job takes `job_seconds`."""

    label: str
    refuse: bool = False
    job_seconds: Seconds = 0.0


class EntryOut(msgspec.Struct, frozen=True):
    """An entry that was written."""

    id: UUID
    label: str


class Count(msgspec.Struct, frozen=True):
    """How many entries there are."""

    count: int


class Waited(msgspec.Struct, frozen=True):
    """How long a request lasted at least."""

    seconds: float


class UniqueIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to enqueue under a key."""

    key: str
    for_ever: bool = False


class Enqueued(msgspec.Struct, frozen=True):
    """The job that was enqueued, or none where the key was taken."""

    job: UUID | None


class Subject(msgspec.Struct, frozen=True):
    """The payload of every job: what its effect is noted for, and how long it takes."""

    subject: UUID
    seconds: float = 0.0
