"""What crosses HTTP and the queue."""

from typing import Annotated
from uuid import UUID

import msgspec


class Signature(msgspec.Struct, forbid_unknown_fields=True):
    """What a visitor writes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class EntryOut(msgspec.Struct):
    """A signature as it is read."""

    id: UUID
    name: str
    message: str


class Entries(msgspec.Struct):
    """The book."""

    data: list[EntryOut]


class TellOwner(msgspec.Struct):
    """The payload of the job."""

    entry_id: UUID
