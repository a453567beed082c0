"""What the routes take and answer, and what the jobs are told."""

from uuid import UUID

import msgspec


class NoteIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note to add."""

    label: str
    number: int


class NoteOut(msgspec.Struct, frozen=True):
    """A note that was added."""

    id: UUID
    label: str
    number: int


class Numbered(msgspec.Struct, frozen=True):
    """The payload of both jobs: which of many this one is."""

    number: int
